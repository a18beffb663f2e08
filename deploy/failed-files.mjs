// A reporter of node:test that writes a line of JSON for each file that a test failed in, and the test's name.
// biome-ignore lint/style/noDefaultExport: node:test takes what a reporter exports by default
export default async function* failedFiles(source) {
  for await (const { type, data } of source) {
    if (type === 'test:fail' && data.details?.error?.failureType !== 'subtestsFailed') {
      yield `${JSON.stringify({ file: data.file, name: data.name })}\n`;
    }
  }
}

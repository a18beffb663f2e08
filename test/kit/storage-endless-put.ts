// A process that puts one file after another until it is killed; the test beside it looks at what is left.
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { DiskFiles } from '../../src/kit/storage/disk.ts';

const files = await DiskFiles.at(process.argv[2] ?? '');
async function* chunks(): AsyncGenerator<Uint8Array> {
  for (let n = 0; n < 40; n += 1) yield randomBytes(100_000);
}
for (;;) {
  const { sha256 } = await files.put(Readable.from(chunks(), { objectMode: false }));
  process.stdout.write(`${sha256}\n`);
}

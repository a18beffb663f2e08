import { fileURLToPath } from 'node:url';

/**
 * A program beside a test, for another process: `module` is its name without its ending. In a run of all tests it is
 * JavaScript, like the test; from source it needs the loader.
 */
export function childProgram(callerUrl: string, module: string): { path: string; execArgv: string[] } {
  const isSource = callerUrl.endsWith('.ts');
  const path = fileURLToPath(new URL(`${module}.${isSource ? 'ts' : 'js'}`, callerUrl));
  return { path, execArgv: isSource ? ['--import', 'tsx'] : [] };
}

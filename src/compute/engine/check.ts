import { execFile } from 'node:child_process';
import { z } from 'zod';
import { engineEnv } from './child.ts';
import { type EngineHello, Hello } from './protocol.ts';

export const INSTALL_COMMAND = 'npm run engine:install';
const CHECK_MS = 180_000;

export type EngineCheck =
  | { readonly ok: true; readonly hello: EngineHello }
  /** `missing` completes the sentence "The engine needs …". */
  | { readonly ok: false; readonly missing: string; readonly command: string };

const Answer = z.discriminatedUnion('ok', [
  z.object({ ok: z.literal(true), hello: Hello }),
  z.object({ ok: z.literal(false), missing: z.string() }),
]);

/**
 * Starts Python once to see whether the engine would run, and says what is missing if not. Some seconds with torch.
 * `runBy` is the beginning of its command line, such as a sandbox.
 */
export async function checkEngine(
  pythonPath: string | null,
  engineDir: string,
  testFamilies = false,
  captionerDir: string | null = null,
  runBy: readonly string[] = [],
): Promise<EngineCheck> {
  const lacking = (missing: string): EngineCheck => ({ ok: false, missing, command: INSTALL_COMMAND });
  if (pythonPath === null) return lacking('a Python environment (there is none at .venv)');
  const { error, stdout } = await run(pythonPath, engineDir, runBy, [
    ...(testFamilies ? ['--test-families'] : []),
    ...(captionerDir === null ? [] : ['--captioner', captionerDir]),
  ]);
  if (error?.code === 'ENOENT') return lacking(`Python (there is none at ${pythonPath})`);
  const lastLine = stdout.trim().split('\n').at(-1) ?? '';
  const answer = Answer.safeParse(parseJson(lastLine)).data;
  if (answer?.ok) return answer;
  return lacking(answer?.missing ?? `a Python that starts (${error?.message.split('\n')[0] ?? 'it said nothing'})`);
}

interface Run {
  readonly error: { readonly code?: string | number | null | undefined; readonly message: string } | null;
  readonly stdout: string;
}

const run = (pythonPath: string, engineDir: string, runBy: readonly string[], more: readonly string[]): Promise<Run> =>
  new Promise((resolve) => {
    const [program = '', ...args] = [...runBy, pythonPath, '-m', 'tessera_engine', '--check', ...more];
    execFile(
      program,
      args,
      { cwd: engineDir, env: engineEnv({ pythonPath, engineDir }), timeout: CHECK_MS, maxBuffer: 1 << 20 },
      (error, stdout) => resolve({ error, stdout }),
    );
  });

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import type { SandboxChoice } from '../compute/engines/enclose.ts';
import { pythonBeside } from '../compute/engines/find.ts';
import { NodeClient } from '../compute/runner/client.ts';
import { RunnerProcess } from '../compute/runner/runner.ts';
import { AppError } from '../kit/errors.ts';
import { makeLog } from '../kit/log.ts';
import { makeNet } from '../kit/net/net.ts';
import { VERSION } from '../kit/version.ts';
import type { Shell } from './program.ts';

const GB = 1e9;
const PROGRAM = `Tessera/${VERSION}`;

/** `tessera runner`: lends the engines of this machine to a node elsewhere. It needs no database and opens no port. */
export function addRunnerCommand(program: Command, shell: Shell): void {
  program
    .command('runner')
    .description('lend the GPUs of this machine to a node elsewhere, which it dials; stop it with Ctrl+C')
    .requiredOption('--node <address>', 'address of the node, such as https://node.example')
    .option('--token <token>', 'of /admin/gpu there; or in the variable TESSERA_RUNNER_TOKEN')
    .option('--data <folder>', 'where it keeps models that it fetched', './data/runner')
    .option('--cache-gb <gb>', 'of models at most; those unused for longest go', '100')
    .option('--devices <list>', 'GPUs as CUDA numbers them, such as 0,1; default: all')
    .option('--python <path>', 'Python of the engine; default: .venv beside the program')
    .addOption(
      new Option('--sandbox <choice>', 'whether the engine runs in bubblewrap')
        .choices(['auto', 'required', 'off'])
        .default('auto'),
    )
    .option('--compile', 'compile models with torch.compile, which pays on a GPU that makes many pictures of one size')
    .action(async (given: Record<string, string | undefined> & { compile?: boolean }) => {
      const { env } = shell;
      const token = given.token ?? env.TESSERA_RUNNER_TOKEN;
      if (!token) throw new AppError('invalid', 'Give the token of the runner: --token, or TESSERA_RUNNER_TOKEN.');
      const cacheBytes = Number(given.cacheGb) * GB;
      if (!(cacheBytes > 0)) throw new AppError('invalid', '--cache-gb is a number of gigabytes.');
      const log = makeLog(env.LOG_LEVEL ?? 'info');
      const node = readNode(given.node ?? '');
      const runner = new RunnerProcess({
        client: new NodeClient({ net: makeNet({ userAgent: PROGRAM }), node, token }),
        ...{ program: PROGRAM, cacheBytes, log, dataDir: resolve(given.data ?? '') },
        devices: given.devices ?? null,
        pythonPath: given.python ?? env.ENGINE_PYTHON ?? pythonBeside(),
        sandbox: given.sandbox as SandboxChoice,
        compiles: given.compile === true,
        testFamilies: env.TESSERA_TEST_FAMILIES === 'true',
      });
      const stop = () => runner.stop();
      process.once('SIGTERM', stop);
      process.once('SIGINT', stop);
      await runner.run();
      shell.answer({ stopped: true }, 'The runner has stopped.');
    });
}

/** The token goes to this address in the clear unless it is https, so that plain http is for this machine alone. */
function readNode(address: string): URL {
  const node = URL.canParse(address) ? new URL(address) : null;
  if (!node || !/^https?:$/.test(node.protocol))
    throw new AppError('invalid', '--node is an address such as https://node.example.');
  const isHere = /^(localhost|127(\.\d+){3}|\[::1\])$/.test(node.hostname);
  if (node.protocol !== 'https:' && !isHere) {
    throw new AppError(
      'invalid',
      'The node has to be reached by https: over http everybody on the way could read the token.',
    );
  }
  return new URL(node.origin);
}

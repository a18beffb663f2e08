import type { Command } from 'commander';
import { examine } from '../operator/doctor.ts';
import type { Shell } from './program.ts';

const MARKS = { good: 'ok  ', warn: 'look', bad: 'BAD ' } as const;

export function addDoctorCommand(program: Command, shell: Shell): void {
  program
    .command('doctor')
    .description('check configuration, database, storage, queue, engine, clock and public address')
    .action(async () => {
      const node = await shell.openNode();
      const findings = await examine({
        ...node.openWork(null),
        config: node.config,
        engine: () => node.engines.status(node.openWork(null).em),
      });
      shell.answer(
        { findings, ok: findings.every(({ state }) => state !== 'bad') },
        findings.map(({ name, state, text }) => `${MARKS[state]}  ${name.padEnd(10)}${text}`),
      );
      if (findings.some(({ state }) => state === 'bad')) shell.fail();
    });
}

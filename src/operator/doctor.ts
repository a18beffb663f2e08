import { cpus, freemem } from 'node:os';
import type { EngineStatus } from '../compute/engines/report.ts';
import type { Config } from '../kit/config.ts';
import { rows } from '../kit/database/sql.ts';
import type { Files } from '../kit/storage/files.ts';
import type { Work } from '../kit/work.ts';

export interface Finding {
  readonly name: string;
  readonly state: 'good' | 'warn' | 'bad';
  /** For the operator: what is so, and what to do about it. */
  readonly text: string;
}

export interface Patient extends Pick<Work, 'em' | 'now'> {
  readonly config: Config;
  readonly files: Files;
  /** What the engine says of itself. */
  readonly engine: () => Promise<EngineStatus>;
}

/** Looks at configuration, database, storage, queue, engine, clock and public address; changes nothing. */
export async function examine(patient: Patient): Promise<Finding[]> {
  const checks: readonly [string, (patient: Patient) => Promise<Omit<Finding, 'name'>>][] = [
    ['address', checkAddress],
    ['database', checkDatabase],
    ['storage', checkStorage],
    ['queue', checkQueue],
    ['clock', checkClock],
    ['mail', checkMail],
    ['engine', checkEngineState],
    ['machine', checkMachine],
  ];
  const findings: Finding[] = [];
  for (const [name, check] of checks) {
    findings.push({ name, ...(await check(patient).catch((error: unknown) => bad(String(error)))) });
  }
  return findings;
}

const good = (text: string): Omit<Finding, 'name'> => ({ state: 'good', text });
const warn = (text: string): Omit<Finding, 'name'> => ({ state: 'warn', text });
const bad = (text: string): Omit<Finding, 'name'> => ({ state: 'bad', text });

async function checkAddress({ config }: Patient) {
  if (config.federation !== 'off' && config.publicUrl.protocol !== 'https:') {
    return warn(`${config.publicUrl.href} is not https, so no peer can reach this node. Set PUBLIC_URL.`);
  }
  return good(config.publicUrl.href);
}

async function checkDatabase({ em, config }: Patient) {
  const startedAt = performance.now();
  await rows(em, 'select 1 as one');
  const ms = performance.now() - startedAt;
  const kind = config.databaseUrl && config.databaseUrl.protocol !== 'sqlite:' ? 'PostgreSQL' : 'SQLite';
  return ms > 200 ? warn(`${kind} took ${Math.round(ms)} ms for a trivial query.`) : good(`${kind} answers.`);
}

async function checkStorage({ files, config }: Patient) {
  const free = await files.freeBytes();
  if (free < config.minFreeBytes) return bad('There is less free space than MIN_FREE_MB: uploads are stopped.');
  if (free < config.minFreeBytes * 5) return warn(`${Math.round(free / 1e9)} GB are free.`);
  return good(
    Number.isFinite(free) ? `${Math.round(free / 1e9)} GB are free.` : 'The store does not say how full it is.',
  );
}

async function checkQueue({ em, now }: Patient) {
  const [row] = await rows<{ failed: number | string; late: number | string }>(
    em,
    `select count(case when state = 'failed' then 1 end) as failed,
       count(case when state = 'queued' and run_at < ? then 1 end) as late from job`,
    [new Date(now().getTime() - 10 * 60_000)],
  );
  if (Number(row?.late) > 0) return warn(`${row?.late} jobs have waited for over ten minutes. Does a worker run?`);
  return Number(row?.failed) > 0
    ? warn(`${row?.failed} jobs failed; see /admin/jobs.`)
    : good('Nothing waits, nothing failed.');
}

async function checkClock({ now, em, config }: Patient) {
  if (!config.databaseUrl || config.databaseUrl.protocol === 'sqlite:') return good(now().toISOString());
  const [row] = await rows<{ at: string }>(em, 'select clock_timestamp() as at');
  const offMs = Math.abs(new Date(row?.at ?? 0).getTime() - now().getTime());
  return offMs > 5_000
    ? bad(`The clocks of this machine and of the database differ by ${Math.round(offMs / 1000)} s.`)
    : good(now().toISOString());
}

async function checkMail({ config }: Patient) {
  return config.smtpUrl
    ? good(`Mail goes through ${config.smtpUrl.hostname}.`)
    : warn('No SMTP_URL: letters wait for the owner at /admin/mail.');
}

async function checkEngineState({ engine }: Patient) {
  const status = await engine();
  switch (status.state) {
    case 'ready':
      return good(`The engine is ready: ${status.hello.device.name}.`);
    case 'missing':
      return warn(`The engine needs ${status.missing}. ${status.command}`);
    case 'off':
      return good('ENGINE says that this node does not generate.');
    default:
      return warn('No process that runs `gpu` has said yet what its engine can do.');
  }
}

async function checkMachine() {
  return good(
    `Node ${process.versions.node}, ${cpus().length} cores, ${(freemem() / 1e9).toFixed(1)} GB of memory free.`,
  );
}

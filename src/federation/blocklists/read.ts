import { readCsv } from '../../kit/csv.ts';
import { AppError } from '../../kit/errors.ts';
import { RATING } from '../../safety/ratings.ts';
import { HostRule } from '../peers/rule.ts';

/** The formats of spec/blocklists.md, by what they are recognised by. */
export type ListFormat =
  | 'mastodon-csv'
  | 'tessera-csv'
  | 'fediblockhole-csv'
  | 'plain'
  | 'mastodon-json'
  | 'gotosocial-json'
  | 'fediblockhole-json';

/** What a row says before anybody looked whether it may be said. */
export interface ListRow {
  readonly line: number;
  /** As it stands there. */
  readonly domain: string;
  /** SHA-256 of the name, hex, where the name itself may be starred out. */
  readonly digest: string | null;
  readonly rule: HostRule;
  readonly publicComment: string;
  readonly isObfuscated: boolean;
  readonly reasonCode: string;
  /** ISO, or null. */
  readonly expiresAt: string | null;
}

/** A row that cannot be read. */
export interface Unread {
  readonly line: number;
  readonly problem: string;
}

const MOST_ROWS = 20_000;
export const MOST_LIST_BYTES = 8_000_000;

/**
 * Reads a list in any of the formats. A list of more than 20,000 rows is refused as a whole, with the line where it is
 * too much. `meaning` says what a bare list of names is: Mastodon's list of allowed servers looks like one of blocked ones.
 */
export function readList(
  text: string,
  meaning: 'blocked' | 'allowed',
): { format: ListFormat; rows: readonly (ListRow | Unread)[] } {
  const first = text.replace(/^\ufeff/, '').trimStart();
  if (first.startsWith('[') || first.startsWith('{')) return readJson(text, meaning);
  if (first.startsWith('<')) throw new AppError('invalid', 'Line 1: this is a web page and no list of hosts.');
  const rows: (ListRow | Unread)[] = [];
  let [columns, format]: [ReadonlyMap<string, number> | null, ListFormat] = [null, 'plain'];
  let isFirst = true;
  for (const { line, cells } of readCsv(text)) {
    const head = isFirst ? headOf(cells) : null;
    isFirst = false;
    if (head) {
      columns = head;
      const isOurs = ['reject_files', 'no_mirror', 'force_rating'].some((name) => head.has(name));
      format = !cells[0]?.trim().startsWith('#') ? 'fediblockhole-csv' : isOurs ? 'tessera-csv' : 'mastodon-csv';
      continue;
    }
    // a comment, as plain lists have them
    if (!columns && cells[0]?.trim().startsWith('#')) continue;
    assertRoom(rows.length, line);
    const cell = (name: string) =>
      columns ? cells[columns.get(name) ?? -1] : name === 'domain' ? cells[0] : undefined;
    rows.push(readRow(line, (name) => cell(name)?.trim(), meaning));
  }
  return { format, rows };
}

function assertRoom(count: number, line: number): void {
  if (count >= MOST_ROWS) throw new AppError('invalid', `Line ${line}: a list has at most ${MOST_ROWS} rows.`);
}

/** Column names with their places; null when the first line is a row already. */
function headOf(cells: readonly string[]): ReadonlyMap<string, number> | null {
  const names = cells.map((cell) => cell.trim().replace(/^#/, '').toLowerCase());
  return names.includes('domain') ? new Map(names.map((name, place) => [name, place])) : null;
}

const SEVERITIES: ReadonlyMap<string, Partial<HostRule>> = new Map([
  ['noop', {}],
  ['none', {}],
  ['silence', { isLimited: true }],
  ['limit', { isLimited: true }],
  ['suspend', { stance: 'blocked' }],
  ['block', { stance: 'blocked' }],
  ['blocked', { stance: 'blocked' }],
]);
const LEVELS: ReadonlyMap<string, number> = new Map([
  ...Object.entries({ 'pg-13': RATING.pg13, pg13: RATING.pg13, r: RATING.r, x: RATING.x, xxx: RATING.xxx }),
  ...[RATING.pg13, RATING.r, RATING.x, RATING.xxx].map((level) => [String(level), level] as const),
]);
const TRUE: ReadonlySet<string> = new Set(['true', 't', 'yes', '1']);

function readRow(
  line: number,
  read: (name: string) => string | undefined,
  meaning: 'blocked' | 'allowed',
): ListRow | Unread {
  // PostgreSQL stores no NUL, and nobody a lone surrogate
  const cell = (name: string) => read(name)?.replace(/[\0\p{Surrogate}]/gu, '');
  const severity = cell('severity')?.toLowerCase() ?? '';
  // a missing severity means suspend
  const said = severity === '' ? { stance: meaning } : SEVERITIES.get(severity);
  if (!said) return { line, problem: `“${severity.slice(0, 40)}” is no severity.` };
  const is = (name: string) => TRUE.has(cell(name)?.toLowerCase() ?? '');
  const level = cell('force_rating') ?? '';
  const forcedLevel = level === '' ? null : LEVELS.get(level.toLowerCase());
  if (forcedLevel === undefined) return { line, problem: `“${level.slice(0, 40)}” is no rating.` };
  const expires = cell('expires_at') ?? '';
  if (expires !== '' && !/^\d{4}-\d\d-\d\d/.test(expires)) return { line, problem: 'expires_at is no date.' };
  const expiresAt = expires === '' ? null : new Date(expires);
  if (expiresAt && Number.isNaN(expiresAt.getTime())) return { line, problem: 'expires_at is no date.' };
  const rule = HostRule.parse({
    ...{ ...said, forcedLevel, rejectsMedia: is('reject_media'), rejectsReports: is('reject_reports') },
    ...{ rejectsFiles: is('reject_files'), forbidsMirror: is('no_mirror') },
  });
  return {
    ...{ line, domain: cell('domain') ?? '', digest: cell('digest')?.toLowerCase() || null, rule },
    publicComment: (cell('public_comment') ?? cell('comment') ?? '').slice(0, 2_000),
    isObfuscated: is('obfuscate'),
    reasonCode: (cell('reason_code') ?? '').slice(0, 40),
    expiresAt: expiresAt?.toISOString() ?? null,
  };
}

/** Rows are counted as lines, for JSON is often one line. */
function readJson(text: string, meaning: 'blocked' | 'allowed'): ReturnType<typeof readList> {
  let parsed: unknown;
  try {
    // text and truth values are taken out of it one by one below, so its keys do no harm
    parsed = JSON.parse(text.replace(/^\ufeff/, ''));
  } catch (cause) {
    throw new AppError('invalid', 'Line 1: this is no JSON that can be read.', { cause });
  }
  if (!Array.isArray(parsed)) throw new AppError('invalid', 'Line 1: a list in JSON is an array.');
  assertRoom(parsed.length - 1, Math.min(parsed.length, MOST_ROWS + 1));
  const rows = parsed.map((one: unknown, index): ListRow | Unread => {
    const line = index + 1;
    if (typeof one !== 'object' || one === null) return { line, problem: 'This is no entry.' };
    const entry = one as Record<string, unknown>;
    const cell = (name: string) => {
      const value = entry[name];
      return typeof value === 'string' || typeof value === 'boolean' ? String(value).trim() : undefined;
    };
    return readRow(line, cell, meaning);
  });
  const has = (key: string) => parsed.some((one) => typeof one === 'object' && one !== null && key in one);
  const format = has('digest') ? 'mastodon-json' : has('suspended_at') ? 'gotosocial-json' : 'fediblockhole-json';
  return { format, rows };
}

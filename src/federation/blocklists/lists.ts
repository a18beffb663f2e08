import { createHash } from 'node:crypto';
import { z } from 'zod';
import { audited } from '../../kit/audit/append.ts';
import { AppError } from '../../kit/errors.ts';
import { newId } from '../../kit/ids.ts';
import type { Work } from '../../kit/work.ts';
import type { Federation } from '../deps.ts';
import { requireManager } from '../peers/decide.ts';
import { DAY_MS } from '../peers/health.ts';
import { BlockList, DomainPolicy, PolicyDraft } from '../peers/model.ts';
import { HostRule, isEmpty, stricter } from '../peers/rule.ts';
import { type CheckedRow, checkRows } from './check.ts';
import { MOST_LIST_BYTES, readList } from './read.ts';

type Task = Pick<Work, 'em' | 'jobs' | 'now' | 'viewer'>;

const MOST_LISTS = 50;
const MOST_FAULTS = 100;
const CHUNK = 500;

export const ListForm = z.object({
  name: z.string().trim().min(1, 'Give the list a name.').max(120, 'At most 120 characters.'),
  url: z
    .string()
    .trim()
    .max(2_048, 'That address is too long.')
    .refine((url) => url === '' || (URL.canParse(url) && /^https?:/.test(url)), 'That is no address of a web page.')
    .default(''),
  meaning: z.enum(['blocked', 'allowed']).default('blocked'),
});

/** A draft's words beside its rule. */
export const DraftRule = HostRule.extend({
  publicComment: z.string().default(''),
  isObfuscated: z.boolean().default(false),
  reasonCode: z.string().default(''),
  expiresAt: z.string().nullable().default(null),
});

export const sourceOf = (list: Pick<BlockList, 'id'>): string => `list:${list.id}`;

/** Takes a file, or an address that is read each day. Nothing holds until a person accepts it. Throws `invalid` with the line. */
export async function addList(
  work: Task,
  federation: Federation,
  { name, url, meaning }: z.output<typeof ListForm>,
  text: string | null,
): Promise<BlockList> {
  const { em, now, viewer } = work;
  requireManager(viewer);
  if ((await em.count(BlockList)) >= MOST_LISTS) {
    throw new AppError('invalid', `At most ${MOST_LISTS} lists are kept; remove one first.`);
  }
  if (url === '' && text === null) {
    const message = 'Choose a file, or write an address.';
    throw new AppError('invalid', message, { fields: { file: message } });
  }
  const facts = { id: newId(now().getTime()), name, url, faults: [], addedById: viewer.id, createdAt: now() };
  const list = em.create(BlockList, { ...facts, readAt: null, nextReadAt: null });
  await takeText(work, federation, list, text ?? (await fetchList(federation, url)), meaning);
  return list;
}

/** The address of a list, read anew. What went wrong is written at the list; nothing that holds changes by it. */
export async function renewList(work: Task, federation: Federation, listId: string): Promise<void> {
  const { em, now } = work;
  const list = await em.findOne(BlockList, listId);
  if (!list || list.url === '') return;
  list.nextReadAt = new Date(now().getTime() + DAY_MS);
  await em.flush();
  try {
    await takeText(work, federation, list, await fetchList(federation, list.url), 'blocked');
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    await em.fork().nativeUpdate(BlockList, { id: listId }, { lastError: error.message.slice(0, 300) });
  }
}

async function fetchList({ net }: Pick<Federation, 'net'>, url: string): Promise<string> {
  const reply = await net.peerFetch(url, {
    headers: { accept: 'text/csv, application/json, text/plain' },
    maxBytes: MOST_LIST_BYTES,
    timeoutMs: 30_000,
  });
  if (reply.status !== 200) throw new AppError('unavailable', `The list answered ${reply.status}.`);
  return reply.body.toString('utf8');
}

/** Reads, and puts what would change in place of the drafts of last time. */
async function takeText(
  work: Task,
  federation: Federation,
  list: BlockList,
  text: string,
  meaning: 'blocked' | 'allowed',
): Promise<void> {
  const { em, now } = work;
  const digest = createHash('sha256').update(text).digest('hex');
  if (list.readAt && list.digest === digest) {
    // the same again: what a person did not want is not proposed once more
    Object.assign(list, { readAt: now(), lastError: '' });
    return em.flush();
  }
  const { format, rows } = readList(text, meaning);
  const { good, faults } = await checkRows(em, federation, rows);
  const drafts = await draftsOf(work, list, good);
  await audited(work, async (inner) => {
    const before = { digest: list.digest };
    Object.assign(list, {
      ...{ digest, format, rowCount: good.length, faults: faults.slice(0, MOST_FAULTS), faultCount: faults.length },
      ...{ readAt: now(), lastError: '' },
      nextReadAt: list.url === '' ? null : new Date(now().getTime() + DAY_MS),
    });
    inner.persist(list);
    await inner.flush();
    await inner.nativeDelete(PolicyDraft, { source: sourceOf(list) });
    for (let from = 0; from < drafts.length; from += CHUNK) {
      await inner.insertMany(PolicyDraft, drafts.slice(from, from + CHUNK));
    }
    const after = { url: list.url, digest, format, rows: good.length, faults: faults.length, drafts: drafts.length };
    return {
      result: undefined,
      entries: [{ action: 'blocklist.read', subject: { kind: 'blocklist', id: list.id }, before, after }],
    };
  });
}

/** What differs from what holds: new or stricter words, and those that this list said before and says no more. */
async function draftsOf({ em, now }: Task, list: BlockList, good: readonly CheckedRow[]) {
  const source = sourceOf(list);
  const policies = new Map((await em.find(DomainPolicy, {})).map((policy) => [policy.host, policy]));
  const draft = (host: string, act: 'set' | 'lift', rule: object, line: number) => ({
    ...{ id: newId(now().getTime()), source, host, act, rule, line, createdAt: now() },
  });
  const sets = good.flatMap(({ host, line, rule, publicComment, isObfuscated, reasonCode, expiresAt }) => {
    if (expiresAt !== null && new Date(expiresAt) <= now()) return [];
    const held = policies.get(host);
    if (!held && isEmpty(rule)) return [];
    const before = held ? HostRule.parse(held) : null;
    // what a person or another list said is never weakened
    const wanted = before && held?.source !== source ? stricter(before, rule) : rule;
    if (before && JSON.stringify(HostRule.parse(wanted)) === JSON.stringify(before)) return [];
    return [draft(host, 'set', { ...wanted, publicComment, isObfuscated, reasonCode, expiresAt }, line)];
  });
  const named = new Set(good.map(({ host }) => host));
  const lifts = [...policies.values()]
    .filter((policy) => policy.source === source && !named.has(policy.host))
    .map(({ host }) => draft(host, 'lift', {}, 0));
  return [...sets, ...lifts];
}

/** The list goes with its drafts; what holds because of it is from now on the word of this node. */
export async function removeList(work: Task, listId: string): Promise<void> {
  requireManager(work.viewer);
  await audited(work, async (em) => {
    const source = sourceOf({ id: listId });
    await em.nativeDelete(BlockList, { id: listId });
    await em.nativeDelete(PolicyDraft, { source });
    await em.nativeUpdate(DomainPolicy, { source }, { source: '' });
    const entries = [{ action: 'blocklist.remove', subject: { kind: 'blocklist', id: listId } }];
    return { result: undefined, entries };
  });
}

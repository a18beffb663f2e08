import { createHash } from 'node:crypto';
import { rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { newId } from '../../kit/ids.ts';
import type { OwnAsk } from './define.ts';
import { ApiOnce } from './once-model.ts';

// `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07): a request that a client sends again because it did
// not hear the answer is done once. Keys are the account's own, and are forgotten after a day.

const KEPT_MS = 86_400_000;
/** A process that died in the middle leaves its mark behind; after this time the key is free again. */
const LOST_MS = 600_000;
const KEY = /^[\x21-\x7e]{1,200}$/;
const KEYS = { name: 'api-once', max: 2_000, perMs: KEPT_MS };

interface Answered {
  readonly status: number;
  readonly body: unknown;
}

interface Named {
  /** The header; '' where there is none. */
  readonly key: string;
  readonly operation: string;
  readonly given: object;
}

/**
 * Runs it, or answers what was answered before under the same key. What is refused leaves the key free. Throws
 * `malformed` for a key of another form, `conflict` for one that another request used or that is being worked on.
 */
export async function onlyOnce(ask: OwnAsk, named: Named, run: () => Promise<Answered>): Promise<Answered> {
  const key = named.key.replace(/^"(.*)"$/, '$1');
  if (key === '') return run();
  if (!KEY.test(key)) throw new AppError('malformed', 'Idempotency-Key: 1 to 200 printable characters.');
  ask.take(KEYS);
  const fingerprint = createHash('sha256')
    .update(JSON.stringify([named.operation, named.given]))
    .digest('hex');
  const before = await begin(ask, key, fingerprint);
  if (before) return before;
  try {
    const answered = await run();
    const { status, body } = answered;
    await ask.em.fork().nativeUpdate(ApiOnce, { account: ask.viewer.id, key }, { status, answer: body });
    return answered;
  } catch (error) {
    await ask.em.fork().nativeDelete(ApiOnce, { account: ask.viewer.id, key });
    throw error;
  }
}

/** Null when this request is the first of its key. */
async function begin({ em, viewer, now }: OwnAsk, key: string, fingerprint: string): Promise<Answered | null> {
  const fork = em.fork();
  const at = now().getTime();
  const account = viewer.id;
  await fork.nativeDelete(ApiOnce, {
    account,
    $or: [{ createdAt: { $lt: new Date(at - KEPT_MS) } }, { status: null, createdAt: { $lt: new Date(at - LOST_MS) } }],
  });
  const [mine] = await rows(
    fork,
    `insert into api_once (id, account_id, key, fingerprint, created_at) values (?, ?, ?, ?, ?)
     on conflict do nothing returning id`,
    [newId(), account, key, fingerprint, now()],
  );
  if (mine) return null;
  const known = await fork.findOne(ApiOnce, { account, key });
  if (!known)
    throw new AppError('conflict', 'The request with this Idempotency-Key was refused just now; send it again.');
  if (known.fingerprint !== fingerprint) {
    throw new AppError('conflict', 'This Idempotency-Key was sent with another request.');
  }
  if (known.status == null) throw new AppError('conflict', 'The request with this Idempotency-Key is being worked on.');
  return { status: known.status, body: known.answer };
}

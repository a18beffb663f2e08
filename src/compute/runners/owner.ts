import { timingSafeEqual } from 'node:crypto';
import type { EntityManager } from '@mikro-orm/core';
import { z } from 'zod';
import { hashSecret } from '../../accounts/access/secrets.ts';
import { rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { isId, newId, randomToken } from '../../kit/ids.ts';
import { t } from '../../kit/web/messages.ts';
import type { Work } from '../../kit/work.ts';
import { Runner } from './model.ts';
import { endOrdersOf } from './orders.ts';

/** Makes a token findable by secret scanners, and tells it from an account's. */
const TOKEN_PREFIX = 'tessera-runner_';
const MOST_RUNNERS = 64;

export const RunnerForm = z.object({
  name: z
    .string()
    .trim()
    .min(1, 'Name it, so that you know it later.')
    .max(40)
    .regex(/^[\w .-]+$/, 'Use letters, digits, spaces, dots and dashes.'),
});

/** Makes a runner and returns its token, which is shown once. Throws `conflict` for a name that another one has. */
export async function createRunner(
  { em, now }: Pick<Work, 'em' | 'now'>,
  { name }: z.output<typeof RunnerForm>,
): Promise<{ readonly id: string; readonly token: string }> {
  const others = await em.find(Runner, { revokedAt: null });
  if (others.some((other) => other.name === name)) {
    throw new AppError('conflict', t('runners.taken'), { fields: { name: t('runners.taken') } });
  }
  if (others.length >= MOST_RUNNERS) throw new AppError('conflict', t('runners.many'));
  const id = newId();
  const secret = randomToken();
  em.persist(em.create(Runner, { id, name, tokenHash: hashSecret(secret), createdAt: now() }));
  await em.flush();
  return { id, token: `${TOKEN_PREFIX}${id}.${secret}` };
}

const NOBODY = hashSecret('');

/** The runner of a token. Throws `unauthenticated` for any other, and for one that was revoked. */
export async function findByToken(em: EntityManager, token: string): Promise<Runner> {
  const [id = '', secret = ''] = token.startsWith(TOKEN_PREFIX) ? token.slice(TOKEN_PREFIX.length).split('.') : [];
  const runner = isId(id) ? await em.findOne(Runner, id) : null;
  const expected = Buffer.from(runner?.tokenHash ?? NOBODY);
  const isGood = timingSafeEqual(Buffer.from(hashSecret(secret)), expected) && runner !== null;
  if (!isGood) throw new AppError('unauthenticated', 'This is not the token of a runner of this node.');
  if (runner.revokedAt) throw new AppError('unauthenticated', 'The owner of this node has revoked this runner.');
  return runner;
}

export const RunnerAct = z.object({ runner: z.string(), act: z.enum(['drain', 'undrain', 'revoke']) });

/** Throws `not_found` for a runner that is not there, or was revoked. */
export async function actOnRunner(
  { em, now }: Pick<Work, 'em' | 'now'>,
  { runner: id, act }: z.output<typeof RunnerAct>,
): Promise<void> {
  const column = act === 'revoke' ? 'revoked_at' : 'drained_at';
  const value = act === 'undrain' ? null : now();
  const found = isId(id)
    ? await rows(em, `update runner set ${column} = ? where id = ? and revoked_at is null returning id`, [value, id])
    : [];
  if (found.length === 0) throw new AppError('not_found', t('runners.unknown'));
  if (act === 'revoke') await endOrdersOf(em, id, 'The owner revoked this runner.');
}

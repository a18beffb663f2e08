import type { EntityManager } from '@mikro-orm/core';
import { seal, unseal } from '../../accounts/access/secrets.ts';
import { accountProfileChanged } from '../../accounts/events.ts';
import { rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { record } from '../../kit/events/events.ts';
import type { Work } from '../../kit/work.ts';
import { actorUri, nodeActorUri } from '../addresses.ts';
import type { Federation } from '../deps.ts';
import { ActorKeyPair, NODE_ACTOR } from '../model.ts';
import { generateActorKeys } from '../signatures/keys.ts';
import type { SigningKey } from '../signatures/sign.ts';

/** The keys of a local actor, made when they are first needed: most accounts are never asked for them. */
export async function loadKeyPair(
  { secretKey }: Pick<Federation, 'secretKey'>,
  em: EntityManager,
  actorId: number,
): Promise<ActorKeyPair> {
  const known = await em.findOne(ActorKeyPair, actorId);
  if (known) return known;
  // of two who make them at once, the first one's stay
  const fresh = await newPair({ secretKey }, actorId, new Date());
  await em.fork().upsert(ActorKeyPair, fresh, { onConflictAction: 'ignore' });
  return em.findOneOrFail(ActorKeyPair, actorId);
}

/**
 * New keys in place of the old ones, which count for nothing from now on: the keyId stays, peers that still hold the old
 * key fetch the actor again at the first signature that does not fit. People's followers are told at once.
 */
export async function rotateKeys(
  { em, now }: Pick<Work, 'em' | 'now'>,
  federation: Pick<Federation, 'secretKey' | 'log'>,
  actorId: number,
): Promise<void> {
  const fresh = await newPair(federation, actorId, now());
  await em.transactional(async (inner) => {
    await inner.upsert(ActorKeyPair, fresh);
    if (actorId !== NODE_ACTOR) record(inner, accountProfileChanged, { accountId: actorId });
  });
  federation.log.info({ actorId }, 'keys rotated');
}

async function newPair({ secretKey }: Pick<Federation, 'secretKey'>, actorId: number, createdAt: Date) {
  const keys = await generateActorKeys();
  return {
    actorId,
    rsaPublicPem: keys.rsaPublicPem,
    rsaPrivateSealed: seal(secretKey, keys.rsaPrivatePem),
    ed25519PublicMultibase: keys.ed25519PublicMultibase,
    ed25519PrivateSealed: seal(secretKey, keys.ed25519PrivatePem),
    createdAt,
  };
}

/** By a plain read: the ORM's would wait for the connection that writes, behind every commit. */
const findName = async (em: EntityManager, actorId: number) =>
  (
    await rows<{ name: string; host: string }>(em, `select name, host from account where id = ? and host = ''`, [
      actorId,
    ])
  )[0] ?? null;

/** What a local actor signs with. Throws `not_found` when the account is gone. */
export async function loadSigningKey(
  federation: Pick<Federation, 'secretKey' | 'origin'>,
  em: EntityManager,
  actorId: number,
): Promise<SigningKey> {
  const account = actorId === NODE_ACTOR ? null : await findName(em, actorId);
  if (actorId !== NODE_ACTOR && !account) throw new AppError('not_found', 'There is no such account.');
  const [known] = await rows<{ sealed: string }>(
    em,
    'select rsa_private_sealed as sealed from actor_key_pair where actor_id = ?',
    [actorId],
  );
  const sealed = known?.sealed ?? (await loadKeyPair(federation, em, actorId)).rsaPrivateSealed;
  const uri = account ? actorUri(federation.origin, account) : nodeActorUri(federation.origin);
  return {
    keyId: `${uri}#main-key`,
    type: 'rsa',
    privateKeyPem: unseal(federation.secretKey, sealed),
  };
}

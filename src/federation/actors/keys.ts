import type { EntityManager } from '@mikro-orm/core';
import { seal, unseal } from '../../accounts/access/secrets.ts';
import { Account } from '../../accounts/model.ts';
import { AppError } from '../../kit/errors.ts';
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
  const keys = await generateActorKeys();
  // of two who make them at once, the first one's stay
  await em.fork().upsert(
    ActorKeyPair,
    {
      actorId,
      rsaPublicPem: keys.rsaPublicPem,
      rsaPrivateSealed: seal(secretKey, keys.rsaPrivatePem),
      ed25519PublicMultibase: keys.ed25519PublicMultibase,
      ed25519PrivateSealed: seal(secretKey, keys.ed25519PrivatePem),
      createdAt: new Date(),
    },
    { onConflictAction: 'ignore' },
  );
  return em.findOneOrFail(ActorKeyPair, actorId);
}

/** What a local actor signs with. Throws `not_found` when the account is gone. */
export async function loadSigningKey(
  federation: Pick<Federation, 'secretKey' | 'origin'>,
  em: EntityManager,
  actorId: number,
): Promise<SigningKey> {
  const account = actorId === NODE_ACTOR ? null : await em.findOne(Account, { id: actorId, host: '' });
  if (actorId !== NODE_ACTOR && !account) throw new AppError('not_found', 'There is no such account.');
  const pair = await loadKeyPair(federation, em, actorId);
  const uri = account ? actorUri(federation.origin, account) : nodeActorUri(federation.origin);
  return {
    keyId: `${uri}#main-key`,
    type: 'rsa',
    privateKeyPem: unseal(federation.secretKey, pair.rsaPrivateSealed),
  };
}

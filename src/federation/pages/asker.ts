import { z } from 'zod';
import { viewerOf } from '../../accounts/access/identify.ts';
import { Account } from '../../accounts/model.ts';
import { AppError } from '../../kit/errors.ts';
import { defineSettings } from '../../kit/settings.ts';
import type { Ctx } from '../../kit/web/state.ts';
import type { Viewer } from '../../kit/work.ts';
import { actorKeys } from '../actors/load.ts';
import type { Federation } from '../deps.ts';
import { isActorBlocked } from '../policy.ts';
import { readClaim, verifyClaim } from '../signatures/verify.ts';

export const AUTHORISED_FETCH = ['off', 'followers', 'everything'] as const;

/** Whether peers have to sign what they read. The owner sets it. */
export const readingSettings = defineSettings(
  'federation-reading',
  z.object({
    /**
     * `off`: signatures are not looked at, and only what is public can be read. `followers`: who signs also reads what
     * is for them. `everything`: nobody reads anything unsigned, so that blocked servers cannot.
     */
    authorisedFetch: z.enum(AUTHORISED_FETCH).default('followers'),
  }),
);

/** Who reads as a peer. A cookie counts for nothing here (R11): a form on another site could use it. */
interface Asker {
  /** The actor whose key signed the request; null for a stranger. */
  readonly actorUri: string | null;
  /** As the rules about audiences want it; null when the actor is nobody that is known here, and so follows nobody. */
  readonly viewer: Viewer | null;
}

const STRANGER: Asker = { actorUri: null, viewer: null };
const NO_BODY = Buffer.alloc(0);

/**
 * Who signed this GET. What is wrong with a signature makes a stranger and no error, because an error for a hidden
 * object alone would tell that there is one. Costs at most one guarded fetch of the key.
 */
async function findAsker(ctx: Ctx, federation: Federation): Promise<Asker> {
  const { work } = ctx.state;
  const { em, now } = work;
  if (ctx.get('signature') === '') return STRANGER;
  const message = {
    // Koa answers HEAD by the routes of GET; what was signed is the method that was sent
    method: ctx.req.method ?? ctx.method,
    target: ctx.req.url ?? ctx.originalUrl,
    rawHeaders: ctx.req.rawHeaders,
    body: NO_BODY,
  };
  try {
    const claim = readClaim(message, { origin: federation.origin, now: now() });
    // by the key's host, before anything is fetched from it
    if (await isActorBlocked(federation, em, claim.keyId.split('#')[0] ?? '')) return STRANGER;
    const { actorId } = await verifyClaim(claim, actorKeys(work, federation, ctx.ip));
    federation.keyBudget.remember(actorId, ctx.ip);
    if (await isActorBlocked(federation, em, actorId)) return STRANGER;
    const account = await em.findOne(Account, { uri: actorId, state: 'active' });
    return { actorUri: actorId, viewer: account && readerOf(account) };
  } catch (error) {
    if (error instanceof AppError) return STRANGER;
    throw error;
  }
}

/** The rights that a role has count for people of this node alone. A server's own actor reads for its people. */
const readerOf = (account: Account): Viewer => ({
  ...viewerOf(account),
  permissions: 0,
  ...(account.kind === 'Application' && account.host !== '' ? { speaksFor: account.host } : {}),
});

/** The door for peers that read: who asks, looked up once for each request and only when it matters. */
export interface Door {
  /** The owner's setting. */
  mode(ctx: Ctx): Promise<(typeof AUTHORISED_FETCH)[number]>;
  asker(ctx: Ctx): Promise<Asker>;
  /** Throws `unauthenticated` where the owner wants every reader to sign and this one did not. */
  admit(ctx: Ctx): Promise<void>;
}

export function openDoor(federation: Federation): Door {
  const askers = new WeakMap<object, Promise<Asker>>();
  const door: Door = {
    async mode(ctx) {
      return (await federation.settings.read(ctx.state.work.em, readingSettings)).authorisedFetch;
    },
    asker(ctx) {
      const known = askers.get(ctx.req) ?? findAsker(ctx, federation);
      askers.set(ctx.req, known);
      return known;
    },
    async admit(ctx) {
      if ((await door.mode(ctx)) !== 'everything') return;
      ctx.vary('Signature');
      if ((await door.asker(ctx)).actorUri === null) {
        throw new AppError('unauthenticated', 'This node answers signed requests only.');
      }
    },
  };
  return door;
}

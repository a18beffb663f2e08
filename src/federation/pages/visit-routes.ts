import Router from '@koa/router';
import { anyone } from '../../accounts/access/guard.ts';
import { Account } from '../../accounts/model.ts';
import { AppError } from '../../kit/errors.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import type { Federation } from '../deps.ts';
import { askBackfill, isBackfilling, wantsBackfill } from '../ingest/backfill.ts';
import { findSilence } from '../peers/silence.ts';

type Visit = Ctx & { params: Record<string, string | undefined> };

/** Profiles that one person may have filled in a while; each costs its host at most a few requests. */
const VISITS = { name: 'visit-profile', max: 20, perMs: 600_000 };
const HANDLE = /^@([\w.-]{1,64})@([\w.:-]{1,253})$/;

/**
 * Stands before the pages of people: where somebody who is signed in opens that of a person of elsewhere, what they
 * pinned and made last is asked for, once a day. Visitors make this node ask nobody (F17).
 */
export function visitRoutes(federation: Federation): Router<State> {
  const routes = new Router<State>();
  routes.get('/:handle', anyone, async (ctx, next) => {
    // of a host that was silent the page says so first: its answer to what is asked would end the silence before
    const isSilent = await isHostSilent(ctx);
    if (!isSilent) await ask(ctx);
    await next();
    if (isSilent) await ask(ctx);
  });
  return routes;

  async function isHostSilent({ params, state: { work } }: Visit): Promise<boolean> {
    const host = HANDLE.exec(params.handle ?? '')?.[2];
    return work.viewer !== null && host !== undefined && (await findSilence(work, host)) !== null;
  }

  async function ask(ctx: Visit): Promise<void> {
    const { work } = ctx.state;
    const [, name, host] = HANDLE.exec(ctx.params.handle ?? '') ?? [];
    if (!work.viewer || name === undefined || host === undefined) return;
    const account = await work.em.findOne(Account, { host, name: name.toLowerCase(), state: 'active' });
    // the page looks again by itself while they are on their way
    if (!account || (await isBackfilling(work, account.id)) || !(await wantsBackfill(work, account.id))) return;
    try {
      federation.limits.takeFor(`${VISITS.name} a${work.viewer.id}`, VISITS);
    } catch (error) {
      if (error instanceof AppError && error.kind === 'rate_limited') return;
      throw error;
    }
    await askBackfill(work, federation, account.id);
  }
}

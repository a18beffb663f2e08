import { sign, unsign } from '../../../accounts/access/secrets.ts';
import { AppError } from '../../../kit/errors.ts';
import type { Ctx } from '../../../kit/web/state.ts';
import { ClaimCase } from '../model/case.ts';
import type { CaseDeps } from './deps.ts';

// The secret itself is sent once, in a form; afterwards the browser holds a cookie for this one case, for two hours.

const COOKIE = 'claim';
const OPEN_MS = 2 * 3_600_000;
const PURPOSE = 'claim cookie';

export function openInBrowser(
  ctx: Ctx,
  { cookies, claims }: CaseDeps,
  { id }: Pick<ClaimCase, 'id'>,
  cookie = COOKIE,
): void {
  const until = ctx.state.work.now().getTime() + OPEN_MS;
  cookies.write(ctx, cookie, sign(claims.secretKey, `${PURPOSE} ${cookie}`, `${id}_${until}`));
}

export const closeInBrowser = (ctx: Ctx, { cookies }: CaseDeps): void => cookies.clear(ctx, COOKIE);

/** Which case this browser has opened, and until when; empty where none. */
export const readOpened = (ctx: Ctx, { cookies, claims }: CaseDeps, cookie: string): readonly string[] =>
  (unsign(claims.secretKey, `${PURPOSE} ${cookie}`, cookies.read(ctx, cookie) ?? '') ?? '').split('_');

/** The case of the address that this browser has opened, or null: whether there is one, its answer does not say. */
export async function findOpened(ctx: Ctx, deps: CaseDeps): Promise<ClaimCase | null> {
  const { em, now } = ctx.state.work;
  const [id = '', until = ''] = readOpened(ctx, deps, COOKIE);
  if (id === '' || Number(until) < now().getTime()) return null;
  return em.findOne(ClaimCase, { id, number: ctx.params.number ?? '' });
}

/** Throws `not_found` where the browser has not opened it. */
export async function loadOpened(ctx: Ctx, deps: CaseDeps): Promise<ClaimCase> {
  const kase = await findOpened(ctx, deps);
  if (!kase) throw new AppError('not_found', 'There is no such case, or it is not open in this browser any more.');
  return kase;
}

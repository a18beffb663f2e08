import type { EntityManager } from '@mikro-orm/core';
import type { Middleware } from 'koa';
import { z } from 'zod';
import { Account } from '../../accounts/model.ts';
import { readCsv } from '../../kit/csv.ts';
import { rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { t } from '../../kit/web/messages.ts';
import type { State } from '../../kit/web/state.ts';
import type { Work } from '../../kit/work.ts';
import { MovedPage } from '../import/model.ts';

/*
 * After a move the pages of what was published here lead on to where they are now: for people only, and only where the
 * page itself would have been shown, so that a decision of the moderators is told before a new address is.
 */

export const RedirectsForm = z.object({ pages: z.string().max(900_000, t('moved.too-long')) });

const PATH = /^\/(model|version|post|image|collection)s\/([1-9]\d{0,9})$/;
const MOST_PAGES = 10_000;
const OWNED: Readonly<Record<string, string>> = {
  model: 'select 1 as one from model where id = ? and owner_id = ? and is_local',
  version:
    'select 1 as one from model_version v join model m on m.id = v.model_id where v.id = ? and m.owner_id = ? and m.is_local',
  post: 'select 1 as one from post where id = ? and owner_id = ? and is_local',
  image: 'select 1 as one from image where id = ? and owner_id = ? and is_local',
  collection: 'select 1 as one from collection where id = ? and owner_id = ? and uri is null',
};

/** Takes the list that the new node gives. Lines about anything else than one's own pages are left out. Returns how many lead on. */
export async function setRedirects(
  { em, viewer }: Pick<Work, 'em' | 'viewer'>,
  publicUrl: URL,
  text: string,
): Promise<number> {
  const account = viewer && (await em.findOne(Account, viewer.id));
  if (!account?.movedToUri) throw new AppError('conflict', t('moved.not-yet'));
  const home = new URL(account.movedToUri).origin;
  const pages = new Map<string, string>();
  for (const { cells } of readCsv(text)) {
    const [from = '', to = ''] = cells;
    if (!URL.canParse(from) || !URL.canParse(to)) continue;
    const [old, now] = [new URL(from), new URL(to)];
    const isWell = old.origin === publicUrl.origin && old.search === '' && now.origin === home;
    if (isWell && PATH.test(old.pathname) && pages.size < MOST_PAGES) pages.set(old.pathname, now.href.slice(0, 2_048));
  }
  const own: [string, string][] = [];
  for (const [path, target] of pages) if (await isOwn(em, account.id, path)) own.push([path, target]);
  if (own.length === 0) throw new AppError('invalid', t('moved.none'), { fields: { pages: t('moved.none') } });
  await em.transactional(async (tx) => {
    await tx.nativeDelete(MovedPage, { account: account.id });
    for (const [path, target] of own) tx.create(MovedPage, { path, account: account.id, target }, { persist: true });
    await tx.flush();
  });
  return own.length;
}

async function isOwn(em: EntityManager, accountId: number, path: string): Promise<boolean> {
  const [, kind = '', id = ''] = PATH.exec(path) ?? [];
  const sql = OWNED[kind];
  return sql !== undefined && (await rows(em, sql, [Number(id), accountId])).length > 0;
}

export async function endRedirects({ em, viewer }: Pick<Work, 'em' | 'viewer'>): Promise<void> {
  if (viewer) await em.nativeDelete(MovedPage, { account: viewer.id });
}

export const countRedirects = ({ em, viewer }: Pick<Work, 'em' | 'viewer'>): Promise<number> =>
  em.count(MovedPage, { account: viewer?.id ?? 0 });

/** A page, and what stands behind its number for people: `/models/12/ink`. */
const PAGE = /^(\/(?:models|versions|posts|images|collections)\/[1-9]\d{0,9})(?:\/[\w-]{1,200})?$/;

/** 301 to the new address, for all but its owner; peers read documents, and go by the account's `movedTo`. */
export const movedDoor: Middleware<State> = async (ctx, next) => {
  await next();
  const path = ctx.method === 'GET' || ctx.method === 'HEAD' ? PAGE.exec(ctx.path)?.[1] : undefined;
  // a version of ours is shown on the page of its model
  const isShown =
    ctx.status === 200 ? ctx.response.is('html') : ctx.path === path && /^30[1237]$/.test(String(ctx.status));
  if (!path || !isShown) return;
  const { em, viewer } = ctx.state.work;
  const [moved] = await rows<{ target: string; account_id: number }>(
    em,
    `select p.target, p.account_id from moved_page p join account a on a.id = p.account_id
     where p.path = ? and a.moved_to_uri is not null and a.state = 'active'`,
    [path],
  );
  if (!moved || moved.account_id === viewer?.id) return;
  ctx.body = null;
  ctx.redirect(moved.target);
  ctx.status = 301;
};

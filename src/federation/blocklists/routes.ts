import { readFile } from 'node:fs/promises';
import Router from '@koa/router';
import { z } from 'zod';
import { staffOnly } from '../../accounts/access/guard.ts';
import type { AdminLink } from '../../accounts/deps.ts';
import { adminPage } from '../../accounts/staff/admin-page.ts';
import { AppError } from '../../kit/errors.ts';
import { failureOf } from '../../kit/web/errors.ts';
import { checkForm, type FormState, readForm, readQuery, uuidParam } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import { readMultipart } from '../../kit/web/multipart.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import type { Federation } from '../deps.ts';
import { acceptDrafts, DraftsForm, dismissDrafts } from './accept.ts';
import { addList, ListForm, removeList } from './lists.ts';
import { type ListPage, type ListsPage, listPolicies, loadListPage, loadListsPage, OVERDUE } from './queries.ts';
import { MOST_LIST_BYTES, readList } from './read.ts';
import { EXPORTS, writeList } from './write.ts';

const listsPage = adminPage<ListsPage & { readonly exports: typeof EXPORTS }>('federation/lists');
const listPage = adminPage<ListPage & { readonly nextUrl: string }>('federation/list');
const ListQuery = z.object({ after: z.string().max(300).catch('').default('') });
const HOME = '/admin/federation/lists';

/** `/admin/federation/lists`: lists of hosts that are brought, subscribed to and given away; for who manages federation. */
export function listRoutes(federation: Federation, adminLinks: readonly AdminLink[]): Router<State> {
  const routes = new Router<State>();
  const staff = staffOnly('manageFederation');
  const deps = { adminLinks };

  const showLists = async (ctx: Ctx, form?: FormState) =>
    listsPage(ctx, deps, t('lists.title'), { ...(await loadListsPage(ctx.state.work)), exports: EXPORTS }, form);

  routes.get(HOME, staff, (ctx) => showLists(ctx));

  routes.post(HOME, staff, async (ctx) => {
    const form = await readMultipart(ctx, {
      ...{ folder: federation.uploadsDir, maxFiles: 1, maxFileBytes: MOST_LIST_BYTES * 4 },
    });
    try {
      const [file] = form.files;
      const text = file && file.totalBytes > 0 ? await readText(file.path) : null;
      const list = await addList(ctx.state.work, federation, checkForm(form.fields, ListForm), text);
      ctx.redirect(`${HOME}/${list.id}`);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      const failure = failureOf(error);
      ctx.status = failure.status;
      await showLists(ctx, { values: form.fields, errors: error.fields ?? {}, message: failure.message });
    } finally {
      await form.discard();
    }
  });

  routes.get(`${HOME}/export/:format`, staff, async (ctx) => {
    const format = EXPORTS.find((one) => one === ctx.params.format);
    if (!format) throw new AppError('not_found', 'There is no such format.');
    const text = writeList(format, await listPolicies(ctx.state.work));
    const ending = format.endsWith('json') ? 'json' : format.endsWith('text') ? 'txt' : 'csv';
    ctx.set('Content-Disposition', `attachment; filename="hosts-${format}.${ending}"`);
    ctx.set('Cache-Control', 'no-store');
    ctx.type = ending === 'json' ? 'application/json' : `text/${ending === 'csv' ? 'csv' : 'plain'}; charset=utf-8`;
    ctx.body = text;
  });

  routes.get(`${HOME}/:id`, staff, async (ctx) => {
    const { after } = readQuery(ctx, ListQuery);
    const page = await loadListPage(ctx.state.work, uuidParam(ctx), after);
    const nextUrl = page.nextAfter === '' ? '' : `${HOME}/${page.list.id}?after=${encodeURIComponent(page.nextAfter)}`;
    await listPage(ctx, deps, page.list.name, { ...page, nextUrl });
  });

  /** The drafts of a list, or those of this node. */
  const sourceIn = (ctx: Ctx & { params: Record<string, string | undefined> }) =>
    ctx.params.id === OVERDUE ? { source: OVERDUE, url: HOME } : listIn(uuidParam(ctx));
  const listIn = (id: string) => ({ source: `list:${id}`, url: `${HOME}/${id}` });

  routes.post(`${HOME}/:id/acceptance`, staff, async (ctx) => {
    const { source, url } = sourceIn(ctx);
    const { draft } = await readForm(ctx, DraftsForm);
    await acceptDrafts(ctx.state.work, federation, source, draft);
    ctx.redirect(`${url}?said=list-accepted`);
  });
  routes.post(`${HOME}/:id/dismissal`, staff, async (ctx) => {
    const { source, url } = sourceIn(ctx);
    const { draft } = await readForm(ctx, DraftsForm);
    await dismissDrafts(ctx.state.work, source, draft);
    ctx.redirect(`${url}?said=list-dismissed`);
  });
  routes.post(`${HOME}/:id/removal`, staff, async (ctx) => {
    await removeList(ctx.state.work, uuidParam(ctx));
    ctx.redirect(`${HOME}?said=list-removed`);
  });

  return routes;
}

/** Of a longer file only what is needed to name the line that is too much. */
async function readText(path: string): Promise<string> {
  const bytes = await readFile(path);
  const text = bytes.subarray(0, MOST_LIST_BYTES).toString('utf8');
  if (bytes.length <= MOST_LIST_BYTES) return text;
  // throws where it has too many rows
  readList(text, 'blocked');
  const line = text.split('\n').length;
  throw new AppError('invalid', `Line ${line}: a list has at most 20000 rows and ${MOST_LIST_BYTES / 1_000_000} MB.`);
}

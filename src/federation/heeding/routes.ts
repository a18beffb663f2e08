import Router from '@koa/router';
import { z } from 'zod';
import { anyone } from '../../accounts/access/guard.ts';
import { ModelFile, ModelVersion } from '../../catalogue/model.ts';
import { Image } from '../../gallery/model.ts';
import { readQuery } from '../../kit/web/forms.ts';
import type { State } from '../../kit/web/state.ts';
import type { Work } from '../../kit/work.ts';
import type { Federation } from '../deps.ts';
import { findTarget } from '../ingest/target.ts';
import { Tombstone } from '../model.ts';

const CopiesQuery = z.object({ of: z.url().max(2_048) });
const ASKED = { name: 'notice-copies', max: 600, perMs: 60_000 };
const MOST_FILES = 10;

/** `/notices/copies?of=`: where everybody finds a copy of a thing of elsewhere here, for its home to look at later. */
export function heedingRoutes(federation: Federation): Router<State> {
  const routes = new Router<State>();
  routes.get('/notices/copies', anyone, async (ctx) => {
    federation.limits.take(ctx, ASKED);
    const { of } = readQuery(ctx, CopiesQuery);
    const items = await listCopies(ctx.state.work.em, federation.origin, of);
    ctx.set('Cache-Control', 'no-store');
    ctx.body = { type: 'Collection', totalItems: items.length, items };
  });
  return routes;
}

/**
 * Only what a stranger sees: this answers no question about what is hidden here. Of what its home took back the page is
 * named, which is gone by now: the question may come after the Delete, and its answer is what the home can check.
 */
async function listCopies(em: Work['em'], origin: string, uri: string): Promise<string[]> {
  const target = await findTarget(em, origin, uri);
  if (!target || target.isLocal || target.kind === 'comment' || target.kind === 'review') return [];
  const id = Number(target.id);
  const page = `${origin}/${target.kind}s/${target.id}`;
  if (!target.isPublic) return (await em.count(Tombstone, uri)) > 0 ? [page] : [];
  if (target.kind === 'image') return [page];
  if (target.kind === 'post') {
    const images = await em.find(Image, { post: id, shownAt: { $ne: null } }, { limit: MOST_FILES });
    return [page, ...images.map((image) => `${origin}/images/${image.id}`)];
  }
  const versions = (await em.find(ModelVersion, { model: id, state: 'published' })).map((version) => version.id);
  const stored = await em.find(ModelFile, { version: { $in: versions }, isStored: true }, { limit: MOST_FILES });
  return [page, ...stored.map(({ version }) => `${origin}/api/download/models/${version.id}`)];
}

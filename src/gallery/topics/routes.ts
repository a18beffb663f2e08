import type Router from '@koa/router';
import { z } from 'zod';
import { browserOnly, membersOnly, safeNext } from '../../accounts/access/guard.ts';
import { settingsPage } from '../../accounts/settings-page.ts';
import { idParam, readForm, uuidParam } from '../../kit/web/forms.ts';
import type { Limit } from '../../kit/web/rate-limit.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import type { GalleryDeps } from '../deps.ts';
import { type FollowingPage, listFollowing, unfollowTopicById } from './following.ts';
import type { TopicKind } from './model.ts';
import { topicUrl } from './topic.ts';
import { loadTag, turnTopic } from './turn.ts';

/** As the toggle button sends it: 1 switches on, 0 off. */
const Switch = z.object({ on: z.enum(['0', '1']).default('1') });
export const FOLLOW: Limit = { name: 'follow-topic', max: 200, perMs: 3_600_000 };

const followingPage = settingsPage<FollowingPage>('following');

/** `POST …/follow` of models, collections and tags: any member; what each follows under `/settings/following`. */
export function topicRoutes(routes: Router<State>, { limits, findPeer }: GalleryDeps): void {
  const turn = async (ctx: Ctx, kind: TopicKind, id: number, back: string) => {
    limits.take(ctx, FOLLOW);
    const { on } = await readForm(ctx, Switch);
    await turnTopic(ctx.state.work, { findPeer }, { kind, id }, on === '1');
    ctx.redirect(safeNext(ctx.query.next ?? back));
  };

  for (const kind of ['model', 'collection'] as const) {
    routes.post(`/${kind}s/:id/follow`, membersOnly, (ctx) => {
      const id = idParam(ctx);
      return turn(ctx, kind, id, topicUrl(kind, id));
    });
  }

  routes.post('/tags/:tag/follow', membersOnly, async (ctx) => {
    const tag = await loadTag(ctx.state.work, ctx.params.tag ?? '');
    await turn(ctx, 'tag', tag.id, topicUrl('tag', tag.id, tag.name));
  });

  routes.get('/settings/following', browserOnly, async (ctx) => {
    followingPage(ctx, await listFollowing(ctx.state.work));
  });

  routes.post('/topic-follows/:id/removal', membersOnly, async (ctx) => {
    await unfollowTopicById(ctx.state.work, uuidParam(ctx));
    ctx.redirect('/settings/following');
  });
}

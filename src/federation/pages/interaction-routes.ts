import Router from '@koa/router';
import { z } from 'zod';
import { anyone, membersOnly, safeNext } from '../../accounts/access/guard.ts';
import type { AccountCard } from '../../accounts/profile/header.ts';
import type { Topic } from '../../gallery/topics/topic.ts';
import { AppError } from '../../kit/errors.ts';
import { EMPTY_FORM, type FormState, idParam, readForm, readQuery, submitForm } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import type { Limit } from '../../kit/web/rate-limit.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import { view } from '../../kit/web/views.ts';
import type { Federation } from '../deps.ts';
import { askAgain } from '../peers/silence.ts';
import { findTopicByName } from '../topics/addresses.ts';
import { type Interaction, loadInteraction } from './interaction.ts';
import { type FollowElsewhere, findFollowPage, loadFollowable, RemoteFollowForm } from './remote-follow.ts';

interface InteractionPage {
  readonly uri: string;
  /** Null before anything was asked for. */
  readonly interaction: Exclude<Interaction, { found: 'own' }> | null;
}
const interactionPage = view<InteractionPage>('federation/interaction');

interface RemoteFollowPage {
  readonly account: AccountCard;
  readonly action: string;
  /** As people write it elsewhere. */
  readonly handle: string;
  readonly form: FormState;
  readonly target: FollowElsewhere | null;
}
const remoteFollowPage = view<RemoteFollowPage>('federation/remote-follow');

const InteractionQuery = z.object({ uri: z.string().trim().max(2048).catch('') });
const HostForm = z.object({ host: z.string().toLowerCase().max(261) });
const REMOTE_FOLLOW: Limit = { name: 'remote-follow', max: 10, perMs: 600_000 };

/**
 * Following across servers by hand. `/authorize_interaction?uri=` is where other servers send our members;
 * `/accounts/:id/remote-follow` sends their members, who are visitors here, the other way. `/nodes/asking` asks a node
 * that was silent for a word.
 */
export function interactionRoutes(federation: Federation): Router<State> {
  const routes = new Router<State>();

  routes.get('/authorize_interaction', membersOnly, async (ctx) => {
    ctx.set('Cache-Control', 'no-store');
    const { uri } = readQuery(ctx, InteractionQuery);
    const interaction = uri === '' ? null : await loadInteraction(ctx.state.work, federation, uri);
    if (interaction?.found === 'own') return ctx.redirect(interaction.path);
    interactionPage(ctx, { uri, interaction, page: { title: t('interaction.title'), noindex: true } });
  });

  routes.post('/nodes/asking', membersOnly, async (ctx) => {
    const { host } = await readForm(ctx, HostForm);
    await askAgain(ctx.state.work, federation, host);
    ctx.redirect(safeNext(String(ctx.query.next ?? '')));
  });

  const show = async (ctx: Ctx, id: number, form: FormState = EMPTY_FORM, target: FollowElsewhere | null = null) => {
    ctx.set('Cache-Control', 'no-store');
    const account = await loadFollowable(ctx.state.work, id);
    const handle = `@${account.name}@${federation.host}`;
    const title = t('remote-follow.title', { name: account.displayName || account.name });
    const action = `/accounts/${id}/remote-follow`;
    remoteFollowPage(ctx, { account, action, handle, form, target, page: { title, noindex: true } });
  };

  const showTopic = async (ctx: Ctx, form: FormState = EMPTY_FORM, target: FollowElsewhere | null = null) => {
    ctx.set('Cache-Control', 'no-store');
    const topic = await topicOf(ctx);
    const action = `/actors/${topic.name}/remote-follow`;
    const account = { id: 0, name: topic.name, host: '', displayName: topic.title, url: topic.url, avatarUrl: null };
    const title = t('remote-follow.title', { name: topic.title });
    const handle = `@${topic.name}@${federation.host}`;
    remoteFollowPage(ctx, { account, action, handle, form, target, page: { title, noindex: true } });
  };

  const topicOf = async (ctx: Ctx): Promise<Topic> => {
    const topic = await findTopicByName(
      ctx.state.work.em,
      String((ctx as { params?: Record<string, string> }).params?.name),
    );
    if (!topic) throw new AppError('not_found', 'There is nothing here that can be followed.');
    return topic;
  };

  routes.get('/actors/:name/remote-follow', anyone, (ctx) => showTopic(ctx));

  routes.post('/actors/:name/remote-follow', anyone, async (ctx) => {
    federation.limits.take(ctx, REMOTE_FOLLOW);
    await submitForm(
      ctx,
      RemoteFollowForm,
      async ({ handle }) => {
        const target = await findFollowPage(ctx.state.work, federation, (await topicOf(ctx)).name, handle);
        await showTopic(ctx, EMPTY_FORM, target);
      },
      (form) => showTopic(ctx, form),
    );
  });

  routes.get('/accounts/:id/remote-follow', anyone, (ctx) => show(ctx, idParam(ctx)));

  routes.post('/accounts/:id/remote-follow', anyone, async (ctx) => {
    const id = idParam(ctx);
    federation.limits.take(ctx, REMOTE_FOLLOW);
    await submitForm(
      ctx,
      RemoteFollowForm,
      async ({ handle }) => {
        const { name } = await loadFollowable(ctx.state.work, id);
        const target = await findFollowPage(ctx.state.work, federation, name, handle);
        // a link and no redirect: `form-action` of our own policy ends at this node, and the visitor sees where it leads
        await show(ctx, id, EMPTY_FORM, target);
      },
      (form) => show(ctx, id, form),
    );
  });

  return routes;
}

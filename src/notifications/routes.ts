import Router from '@koa/router';
import { z } from 'zod';
import { anyone, browserOnly, viewerIn } from '../accounts/access/guard.ts';
import { Account } from '../accounts/model.ts';
import { settingsPage } from '../accounts/settings-page.ts';
import { AppError } from '../kit/errors.ts';
import { sendEvents } from '../kit/web/event-stream.ts';
import { idParam, readForm, readQuery, submitForm, uuidParam } from '../kit/web/forms.ts';
import { t } from '../kit/web/messages.ts';
import type { Limit, RateLimits } from '../kit/web/rate-limit.ts';
import type { Ctx, State } from '../kit/web/state.ts';
import { view } from '../kit/web/views.ts';
import type { Work } from '../kit/work.ts';
import { readUnsubscribe, stopDigest } from './digest.ts';
import { CHANNEL } from './kinds.ts';
import { findLineById, type Line, listLines } from './list.ts';
import { watchUnread } from './live.ts';
import { dropSubscription, SubscriptionForm, subscribe, unsubscribe } from './push/subscribe.ts';
import type { Vapid } from './push/vapid.ts';
import { markAllRead, markRead } from './read.ts';
import { loadSettings, NotificationForm, type SettingsView, saveSettings } from './settings.ts';

export interface NotificationDeps {
  readonly limits: RateLimits;
  readonly vapid: Vapid;
  readonly secretKey: string;
  /** Whether mail reaches people by itself. */
  readonly sendsMail: boolean;
  readonly closing: AbortSignal;
  readonly fork: () => Work['em'];
}

interface NotificationsPage {
  readonly lines: readonly Line[];
  readonly isUnread: boolean;
  readonly isFirst: boolean;
  readonly moreUrl: string;
  /** The newest line, for the button that marks all of them; 0 when there is none. */
  readonly upTo: number;
}
const notificationsPage = view<NotificationsPage>('notifications/list');

interface SettingsProps extends SettingsView {
  readonly sendsMail: boolean;
  readonly publicKey: string;
}
const showSettings = settingsPage<SettingsProps>('notifications', 'notifications');

interface UnsubscribePage {
  readonly who: string;
  readonly name: string;
  readonly isDone: boolean;
}
const unsubscribePage = view<UnsubscribePage>('notifications/unsubscribe');

const List = z.object({
  show: z.enum(['all', 'unread']).catch('all'),
  before: z.coerce.number().int().min(1).max(2_147_483_647).optional().catch(undefined),
});
const Who = z.object({ who: z.string().max(200).catch('') });
const ReadAll = z.object({ upTo: z.coerce.number().int().min(0).max(2_147_483_647).default(0) });
const Endpoint = z.object({ endpoint: z.string().max(2_048) });
export const SUBSCRIBE: Limit = { name: 'push-subscribe', max: 30, perMs: 3_600_000 };

/** `/notifications` and `/settings/notifications`: each member's own, in a browser; the link in a mail is for who has it. */
export function notificationRoutes(deps: NotificationDeps): Router<State> {
  const { limits, vapid, secretKey, sendsMail, closing, fork } = deps;
  const routes = new Router<State>();

  routes.get('/notifications', browserOnly, async (ctx) => {
    const viewer = viewerIn(ctx);
    const { show, before } = readQuery(ctx, List);
    const isUnread = show === 'unread';
    const { lines, next } = await listLines(
      { em: ctx.state.work.em, viewer },
      { isUnread, before, channel: CHANNEL.page },
    );
    const query = new URLSearchParams({ ...(isUnread ? { show } : {}), before: String(next) });
    notificationsPage(ctx, {
      ...{ lines, isUnread, isFirst: before === undefined, upTo: before ?? lines[0]?.id ?? 0 },
      moreUrl: next === null ? '' : `/notifications?${query}`,
      page: { title: t('notifications.title'), noindex: true },
    });
  });

  routes.get('/notifications/events', browserOnly, async (ctx) => {
    const { jobs } = ctx.state.work;
    const viewer = viewerIn(ctx);
    await sendEvents(ctx, (left) => watchUnread({ fork, jobs, signal: AbortSignal.any([left, closing]) }, viewer.id));
  });

  const showUnsubscribe = async (ctx: Ctx, isDone: boolean) => {
    const { who = '' } = readQuery(ctx, Who);
    const accountId = readUnsubscribe(secretKey, who);
    const account = accountId === null ? null : await ctx.state.work.em.findOne(Account, accountId);
    if (!account) throw new AppError('not_found', 'There is nothing at this address.');
    if (isDone) await stopDigest(ctx.state.work, account.id);
    ctx.set('Cache-Control', 'no-store');
    unsubscribePage(ctx, {
      ...{ who, name: account.name, isDone },
      page: { title: t('unsubscribe.title'), noindex: true },
    });
  };
  routes.get('/notifications/unsubscribe', anyone, (ctx) => showUnsubscribe(ctx, false));
  // programs of mail post here without a cookie (RFC 8058), and what is signed in the address says enough
  routes.post('/notifications/unsubscribe', anyone, (ctx) => showUnsubscribe(ctx, true));

  routes.post('/notifications/reading', browserOnly, async (ctx) => {
    const { upTo } = await readForm(ctx, ReadAll);
    await markAllRead(ctx.state.work, viewerIn(ctx), upTo);
    ctx.redirect('/notifications');
  });

  routes.get('/notifications/:id', browserOnly, async (ctx) => {
    const { work } = ctx.state;
    const viewer = viewerIn(ctx);
    const line = await findLineById({ em: work.em, viewer }, idParam(ctx));
    await markRead(work, viewer, idParam(ctx));
    if (!line) throw new AppError('not_found', t('notifications.gone'));
    ctx.redirect(line.url);
  });

  routes.get('/settings/notifications', browserOnly, async (ctx) => {
    const now = await loadSettings(ctx.state.work, viewerIn(ctx));
    showSettings(ctx, { ...now, sendsMail, publicKey: vapid.publicKey });
  });

  routes.post('/settings/notifications', browserOnly, (ctx) =>
    submitForm(
      ctx,
      NotificationForm,
      async (form) => {
        await saveSettings(ctx.state.work, viewerIn(ctx), form);
        ctx.redirect('/settings/notifications?said=notifications');
      },
      async (form) => {
        const now = await loadSettings(ctx.state.work, viewerIn(ctx));
        showSettings(ctx, { ...now, sendsMail, publicKey: vapid.publicKey }, form);
      },
    ),
  );

  routes.post('/settings/notifications/browsers', browserOnly, async (ctx) => {
    limits.take(ctx, SUBSCRIBE);
    await subscribe(ctx.state.work, viewerIn(ctx), await readForm(ctx, SubscriptionForm));
    ctx.status = 204;
  });

  routes.post('/settings/notifications/browsers/removal', browserOnly, async (ctx) => {
    await unsubscribe(ctx.state.work, viewerIn(ctx), (await readForm(ctx, Endpoint)).endpoint);
    ctx.status = 204;
  });

  routes.post('/settings/notifications/browsers/:id/removal', browserOnly, async (ctx) => {
    await dropSubscription(ctx.state.work, viewerIn(ctx), uuidParam(ctx));
    ctx.redirect('/settings/notifications?said=push-dropped');
  });

  return routes;
}

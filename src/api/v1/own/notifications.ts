import { z } from 'zod';
import { AppError } from '../../../kit/errors.ts';
import { checkForm } from '../../../kit/web/forms.ts';
import { CHANNEL, CHANNELS, DIGESTS, KINDS, type Kind } from '../../../notifications/kinds.ts';
import { countUnread, findLineById, type Line, listLines } from '../../../notifications/list.ts';
import { watchLines } from '../../../notifications/live.ts';
import { dropSubscription, SubscriptionForm, subscribe } from '../../../notifications/push/subscribe.ts';
import { markAllRead, markRead } from '../../../notifications/read.ts';
import { SUBSCRIBE } from '../../../notifications/routes.ts';
import { loadSettings, NotificationForm, saveSettings } from '../../../notifications/settings.ts';
import { defineOwn, defineStream, type Operation, type OwnAsk } from '../../operation/define.ts';
import { ById, ByUuid, flag, id, list, MOST_ID } from '../query.ts';
import { Done, done } from '../write/said.ts';

const group = 'Notifications';
const scope = 'notifications';

const Notification = z.object({
  id: z.int(),
  kind: z.enum(KINDS),
  unread: z.boolean(),
  at: z.iso.datetime(),
  /** Who did it last; null for the node. */
  username: z.string().nullable(),
  text: z.string(),
  /** The first words of a comment. */
  excerpt: z.string(),
  url: z.string(),
});

const told =
  (origin: string) =>
  ({ id, kind, isUnread, at, actor, text, excerpt, url }: Line): z.output<typeof Notification> => ({
    ...{ id, kind, unread: isUnread, at, text, excerpt, url: new URL(url, origin).href },
    username: actor && (actor.host === '' ? actor.name : `${actor.name}@${actor.host}`),
  });

const OnChannels = z.object({ page: z.boolean(), mail: z.boolean(), push: z.boolean() });
const Settings = z.object({
  kinds: z.partialRecord(z.enum(KINDS), OnChannels),
  /** How often there is a mail of what came. */
  digest: z.enum(DIGESTS),
});

async function settingsOf(ask: OwnAsk): Promise<z.output<typeof Settings>> {
  const { kinds, digest } = await loadSettings(ask, ask.viewer);
  return { kinds: Object.fromEntries(kinds.map(({ kind, on }) => [kind, { ...on }])), digest };
}

const Change = z.strictObject({
  kinds: z.partialRecord(z.enum(KINDS), OnChannels.partial().strict()).optional(),
  digest: z.enum(DIGESTS).optional(),
});

/** What is not named stays as it is. */
async function changeSettings(ask: OwnAsk, { kinds = {}, digest }: z.output<typeof Change>): Promise<void> {
  const now = await settingsOf(ask);
  const onBy = (channel: (typeof CHANNELS)[number]): Kind[] =>
    KINDS.filter((kind) => kinds[kind]?.[channel] ?? now.kinds[kind]?.[channel]);
  const on = Object.fromEntries(CHANNELS.map((channel) => [channel, onBy(channel)]));
  await saveSettings(ask, ask.viewer, checkForm({ ...on, digest: digest ?? now.digest }, NotificationForm));
}

const Browser = z.object({ id: z.uuid(), label: z.string(), since: z.iso.datetime() });

const PUSH_OPERATIONS: readonly Operation[] = [
  defineOwn({
    ...{ method: 'get', path: '/notifications/browsers', name: 'listPushSubscriptions', group, scope },
    summary: 'The browsers and programs that are told by Web Push, and the key that this node signs with (VAPID).',
    answer: z.object({ publicKey: z.string(), items: z.array(Browser) }),
    run: async (ask) => ({
      publicKey: ask.deps.notifications.vapid.publicKey,
      items: [...(await loadSettings(ask, ask.viewer)).browsers],
    }),
  }),
  defineOwn({
    ...{ method: 'post', path: '/notifications/browsers', name: 'addPushSubscription', group, scope, status: 201 },
    summary: 'Tells a browser or program by Web Push. The same endpoint again is the same one.',
    body: z.strictObject({
      endpoint: z.url().max(2_048),
      keys: z.strictObject({ p256dh: z.string().max(100), auth: z.string().max(40) }),
      label: z.string().max(120).default(''),
    }),
    answer: z.object({ id: z.uuid() }),
    run: async (ask, { body }) => {
      ask.take(SUBSCRIBE);
      return { id: await subscribe(ask, ask.viewer, checkForm(body, SubscriptionForm)) };
    },
  }),
  defineOwn({
    ...{ method: 'delete', path: '/notifications/browsers/:id', name: 'removePushSubscription', group, scope },
    summary: 'Tells it no more.',
    ...{ params: ByUuid, answer: Done },
    run: async (ask, { params }) => {
      await dropSubscription(ask, ask.viewer, params.id);
      return done;
    },
  }),
];

export const NOTIFICATION_OPERATIONS: readonly Operation[] = [
  defineOwn({
    ...{ method: 'get', path: '/notifications', name: 'listNotifications', group, scope },
    summary: 'What one was told, the newest first; several of a kind about one thing are one.',
    query: z.object({ unread: flag(), kinds: list(z.enum(KINDS)), before: id }),
    answer: z.object({ items: z.array(Notification), nextBefore: z.int().optional() }),
    run: async (ask, { query: { unread = false, kinds, before } }) => {
      const wanted = { isUnread: unread, kinds, before, channel: CHANNEL.page };
      const { lines, next } = await listLines(ask, wanted);
      return { items: lines.map(told(ask.origin)), ...(next === null ? {} : { nextBefore: next }) };
    },
  }),
  defineOwn({
    ...{ method: 'get', path: '/notifications/unread', name: 'countUnreadNotifications', group, scope },
    summary: 'How many are unread; 100 stands for that many or more.',
    answer: z.object({ unread: z.int() }),
    run: async ({ em, viewer }) => ({ unread: await countUnread(em, viewer.id) }),
  }),
  defineStream({
    ...{ method: 'get', path: '/notifications/events', name: 'watchNotifications', group, scope },
    summary: 'What comes, as it comes: `notification`, and `unread` with how many are. Goes on after `Last-Event-ID`.',
    event: z.union([Notification, z.object({ unread: z.int() })]),
    open: async ({ viewer, jobs, deps, origin }) => {
      const { fork, closing } = deps.notifications;
      return (left, lastEventId) => {
        const lastId = lastEventId !== null && /^\d{1,10}$/.test(lastEventId) ? Number(lastEventId) : null;
        const after = lastId === null ? null : Math.min(lastId, MOST_ID);
        return watchLines({ fork, jobs, signal: AbortSignal.any([left, closing]) }, viewer, after, told(origin));
      };
    },
  }),
  defineOwn({
    ...{ method: 'put', path: '/notifications/:id/read', name: 'readNotification', group, scope },
    summary: 'Marks one read, with all that stands in its line.',
    ...{ params: ById, answer: Done },
    run: async (ask, { params }) => {
      if (!(await findLineById(ask, params.id))) throw new AppError('not_found', 'There is no such notification.');
      await markRead(ask, ask.viewer, params.id);
      return done;
    },
  }),
  defineOwn({
    ...{ method: 'post', path: '/notifications/reading', name: 'readNotifications', group, scope },
    summary: 'Marks all read, or all up to one of them: what came since then stays new.',
    ...{ body: z.strictObject({ upTo: z.int().min(0).max(MOST_ID).optional() }), answer: Done },
    run: async (ask, { body }) => {
      await markAllRead(ask, ask.viewer, body.upTo ?? MOST_ID);
      return done;
    },
  }),
  defineOwn({
    ...{ method: 'get', path: '/notifications/settings', name: 'getNotificationSettings', group, scope },
    summary: 'What one is told of, and how: on the page, by mail, by Web Push.',
    answer: Settings,
    run: settingsOf,
  }),
  defineOwn({
    ...{ method: 'patch', path: '/notifications/settings', name: 'editNotificationSettings', group, scope },
    summary: 'Changes that for the kinds and channels that are named.',
    ...{ body: Change, answer: Settings },
    run: async (ask, { body }) => {
      await changeSettings(ask, body);
      return settingsOf(ask);
    },
  }),
  ...PUSH_OPERATIONS,
];

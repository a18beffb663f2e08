import { z } from 'zod';
import { blockAccount, unblockAccount } from '../../../accounts/block.ts';
import { followAccount, unfollowAccount } from '../../../accounts/follow.ts';
import { FOLLOW as FOLLOW_ACCOUNT } from '../../../accounts/people-routes.ts';
import type { Target } from '../../../gallery/access.ts';
import { pin, unpin } from '../../../gallery/pins.ts';
import { share, unshare } from '../../../gallery/shares.ts';
import { like, unlike } from '../../../gallery/talk/likes.ts';
import { LIKE, SHARE } from '../../../gallery/talk/routes.ts';
import { listFollowing } from '../../../gallery/topics/following.ts';
import { FOLLOW } from '../../../gallery/topics/routes.ts';
import { loadTag, turnTopic } from '../../../gallery/topics/turn.ts';
import { defineOwn, type Operation, type OwnAsk } from '../../operation/define.ts';
import { ById, ByUuid } from '../query.ts';
import { Done, done } from './said.ts';

const group = 'People and reactions';
const scope = 'write:social';

/** What is on or off: PUT and DELETE of one address, and again is the same. */
function toggle<Params extends z.ZodObject>(
  path: string,
  name: string,
  [on, off]: readonly [string, string],
  params: Params,
  turn: (ask: OwnAsk, given: z.output<Params>, isOn: boolean) => Promise<void>,
): Operation[] {
  return (['put', 'delete'] as const).map((method) =>
    defineOwn({
      ...{ method, path, group, scope, params, answer: Done },
      name: method === 'put' ? name : `un${name}`,
      summary: method === 'put' ? on : off,
      run: async (ask, given) => {
        await turn(ask, given.params as z.output<Params>, method === 'put');
        return done;
      },
    }),
  );
}

const LIKED = ['model', 'post', 'image', 'review', 'comment'] as const;
const capital = (word: string): string => `${word[0]?.toUpperCase()}${word.slice(1)}`;

const likes = LIKED.flatMap((kind) => {
  const hasText = kind === 'review' || kind === 'comment';
  return toggle(
    `/${kind}s/:id/like`,
    `like${capital(kind)}`,
    [`Likes a ${kind}.`, 'Takes the like back.'],
    hasText ? ByUuid : ById,
    async (ask, { id }, isOn) => {
      ask.take(LIKE);
      await (isOn ? like : unlike)(ask, ask.viewer, { kind, id } as Target);
    },
  );
});

const shares = (['model', 'post'] as const).flatMap((kind) => [
  ...toggle(
    `/${kind}s/:id/share`,
    `share${capital(kind)}`,
    [`Passes a ${kind} on to followers.`, 'Takes that back.'],
    ById,
    async (ask, { id }, isOn) => {
      ask.take(SHARE);
      if (isOn) await share(ask, ask.viewer, { kind, id });
      else await unshare(ask.em, ask.viewer.id, { kind, id });
    },
  ),
  ...toggle(
    `/${kind}s/:id/pin`,
    `pin${capital(kind)}`,
    [`Shows a ${kind} of one’s own first on the profile.`, 'Shows it in its place again.'],
    ById,
    (ask, { id }, isOn) => (isOn ? pin : unpin)(ask, { kind, id }),
  ),
]);

const follows = (['model', 'collection'] as const).flatMap((kind) =>
  toggle(
    `/${kind}s/:id/follow`,
    `follow${capital(kind)}`,
    [`Follows a ${kind}.`, 'Ends that.'],
    ById,
    async (ask, { id }, isOn) => {
      ask.take(FOLLOW);
      await turnTopic(ask, ask.deps.gallery, { kind, id }, isOn);
    },
  ),
);

const Followed = z.object({
  kind: z.enum(['people', 'model', 'collection', 'tag']),
  title: z.string(),
  url: z.string(),
  pending: z.boolean(),
  since: z.iso.datetime(),
});

export const SOCIAL_OPERATIONS: readonly Operation[] = [
  defineOwn({
    ...{ method: 'get', path: '/me/following', name: 'listFollowing', group, scope: 'read' },
    summary: 'All that one follows, by kind, the newest first.',
    answer: z.object({ items: z.array(Followed) }),
    run: async (ask) => ({
      items: (await listFollowing(ask)).groups.flatMap(({ kind, items }) =>
        items.map(({ title, url, isPending, since }) => ({
          ...{ kind, title, pending: isPending, since },
          url: url === '' ? '' : new URL(url, ask.origin).href,
        })),
      ),
    }),
  }),
  ...toggle(
    '/users/:id/follow',
    'followUser',
    ['Follows an account, or asks to.', 'Ends that.'],
    ById,
    async (ask, { id }, isOn) => {
      ask.take(FOLLOW_ACCOUNT);
      await (isOn ? followAccount : unfollowAccount)(ask, id);
    },
  ),
  ...(['block', 'mute'] as const).flatMap((kind) =>
    toggle(
      `/users/:id/${kind}`,
      `${kind}User`,
      [kind === 'block' ? 'Blocks an account.' : 'Leaves an account out of one’s lists.', 'Ends that.'],
      ById,
      (ask, { id }, isOn) => (isOn ? blockAccount(ask, id, kind) : unblockAccount(ask, id)),
    ),
  ),
  ...follows,
  ...toggle(
    '/tags/:tag/follow',
    'followTag',
    ['Follows a tag.', 'Ends that.'],
    z.object({ tag: z.string().min(1).max(60) }),
    async (ask, { tag }, isOn) => {
      ask.take(FOLLOW);
      await turnTopic(ask, ask.deps.gallery, { kind: 'tag', id: (await loadTag(ask, tag)).id }, isOn);
    },
  ),
  ...likes,
  ...shares,
];

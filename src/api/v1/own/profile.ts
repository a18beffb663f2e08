import { z } from 'zod';
import { acceptFollow, listFollowRequests, rejectFollow } from '../../../accounts/follow.ts';
import { nodeSettings } from '../../../accounts/node-settings.ts';
import { setBrowsing } from '../../../accounts/profile/browsing.ts';
import { editProfile, loadOwnAccount, MAX_LINKS, ProfileForm } from '../../../accounts/profile/edit.ts';
import { PICTURES, type PictureKind, removePicture, setPicture } from '../../../accounts/profile/pictures.ts';
import { MAX_PICTURE_BYTES, PICTURE } from '../../../accounts/profile/routes.ts';
import { forgetSeen } from '../../../gallery/seen/see.ts';
import { AppError } from '../../../kit/errors.ts';
import { checkForm } from '../../../kit/web/forms.ts';
import { defineOwn, type Operation, type OwnAsk } from '../../operation/define.ts';
import { usernameOf } from '../models/views.ts';
import { ByUuid } from '../query.ts';
import { Done, done } from '../write/said.ts';

const group = 'One’s own profile';
const scope = 'write:social';

const Link = z.strictObject({ label: z.string().max(40), url: z.string().max(500) });
const Profile = z.object({
  ...{ username: z.string(), displayName: z.string(), bio: z.string(), links: z.array(Link) },
  /** Whoever wants to follow asks first. */
  locked: z.boolean(),
  /** Whom one follows is shown to everybody. */
  showsNetwork: z.boolean(),
});

async function loadProfile(ask: OwnAsk): Promise<z.output<typeof Profile>> {
  const account = await loadOwnAccount({ em: ask.em.fork(), viewer: ask.viewer });
  const { name, displayName, bio, links, isLocked, isNetworkShown } = account;
  return {
    ...{ username: name, displayName, bio, locked: isLocked, showsNetwork: isNetworkShown },
    links: links.map(({ label, url }) => ({ label, url })),
  };
}

const Kind = z.object({ kind: z.enum(Object.keys(PICTURES) as [PictureKind, ...PictureKind[]]) });

const Browsing = z.object({
  /** Ratings as bits. */
  ...{ browsingLevel: z.int(), blurredLevel: z.int() },
});

async function loadBrowsing(ask: OwnAsk): Promise<z.output<typeof Browsing>> {
  const { levels, blurLevels } = await loadOwnAccount({ em: ask.em.fork(), viewer: ask.viewer });
  return { browsingLevel: levels, blurredLevel: blurLevels };
}

export const PROFILE_OPERATIONS: readonly Operation[] = [
  defineOwn({
    ...{ method: 'get', path: '/me/profile', name: 'getProfile', group, scope: 'read' },
    summary: 'What one’s profile says.',
    answer: Profile,
    run: loadProfile,
  }),
  defineOwn({
    ...{ method: 'patch', path: '/me/profile', name: 'editProfile', group, scope },
    summary: 'Changes one’s profile. What is left out stays.',
    body: z.strictObject({
      displayName: z.string().max(80).optional(),
      /** Markdown. */
      bio: z.string().max(2_000).optional(),
      links: z.array(Link).max(MAX_LINKS).optional(),
      locked: z.boolean().optional(),
      showsNetwork: z.boolean().optional(),
    }),
    answer: Profile,
    run: async (ask, { body }) => {
      const now = await loadProfile(ask);
      const { displayName, bio, locked, showsNetwork } = { ...now, ...body };
      const links = body.links ?? now.links;
      const form = {
        ...{ displayName, bio, linkLabel: links.map(({ label }) => label), linkUrl: links.map(({ url }) => url) },
        ...(locked ? { isLocked: '1' } : {}),
        ...(showsNetwork ? { isNetworkShown: '1' } : {}),
      };
      await editProfile(ask, checkForm(form, ProfileForm));
      return loadProfile(ask);
    },
  }),
  defineOwn({
    ...{ method: 'post', path: '/me/profile/:kind', name: 'setProfilePicture', group, scope },
    summary: 'The picture of one’s profile, or the wide one above it; cut to its shape.',
    params: Kind,
    files: {
      most: 1,
      mostBytes: ({ gallery }) => Math.min(gallery.maxImageBytes, MAX_PICTURE_BYTES),
      limit: PICTURE,
      description: 'One picture.',
    },
    answer: Done,
    run: async (ask, { params: { kind }, files: [file] }) => {
      if (!file) throw new AppError('malformed', 'There is no file in the form.');
      await setPicture(ask, kind, file.path, ask.deps.judgePicture);
      return done;
    },
  }),
  defineOwn({
    ...{ method: 'delete', path: '/me/profile/:kind', name: 'removeProfilePicture', group, scope },
    summary: 'Takes it away.',
    ...{ params: Kind, answer: Done },
    run: async (ask, { params: { kind } }) => {
      await removePicture(ask, kind);
      return done;
    },
  }),
  defineOwn({
    ...{ method: 'get', path: '/me/browsing', name: 'getBrowsing', group, scope: 'read' },
    summary: 'Which ratings one is shown, and which of them behind a button.',
    answer: Browsing,
    run: loadBrowsing,
  }),
  defineOwn({
    ...{ method: 'put', path: '/me/browsing', name: 'setBrowsing', group, scope },
    summary: 'Chooses them. PG is always among them, and nothing that this node does not allow.',
    body: z.strictObject({
      browsingLevel: z.int().min(0).max(31),
      blurredLevel: z.int().min(0).max(31).default(0),
    }),
    answer: Browsing,
    run: async (ask, { body: { browsingLevel, blurredLevel } }) => {
      const { allowedLevels } = await ask.deps.gallery.settings.read(ask.em, nodeSettings);
      await setBrowsing(ask, { shown: browsingLevel, blurred: blurredLevel }, allowedLevels);
      return loadBrowsing(ask);
    },
  }),
  defineOwn({
    ...{ method: 'delete', path: '/me/seen', name: 'forgetSeen', group, scope },
    summary: 'Forgets which models and pictures one opened.',
    answer: Done,
    run: async (ask) => {
      await forgetSeen(ask);
      return done;
    },
  }),
  defineOwn({
    ...{ method: 'get', path: '/follow-requests', name: 'listFollowRequests', group, scope: 'read' },
    summary: 'Who waits to follow one, the newest first.',
    answer: z.object({
      items: z.array(z.object({ id: z.uuid(), username: z.string(), askedAt: z.iso.datetime() })),
    }),
    run: async (ask) => ({
      items: (await listFollowRequests(ask)).map(({ id, askedAt, account: { name, host } }) => ({
        ...{ id, askedAt, username: usernameOf({ owner_name: name, host }) },
      })),
    }),
  }),
  ...(
    [
      ['put', 'acceptFollower', 'Lets somebody follow.', acceptFollow],
      ['delete', 'rejectFollower', 'Turns a request down, or sends a follower away.', rejectFollow],
    ] as const
  ).map(([method, name, summary, act]) =>
    defineOwn({
      ...{ method, path: '/follow-requests/:id', name, summary, group, scope },
      ...{ params: ByUuid, answer: Done },
      run: async (ask, { params }) => {
        await act(ask, params.id);
        return done;
      },
    }),
  ),
];

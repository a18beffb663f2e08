import Router from '@koa/router';
import { AppError } from '../../kit/errors.ts';
import { sendBytes } from '../../kit/web/bytes.ts';
import { type FormState, idParam, submitForm } from '../../kit/web/forms.ts';
import { readMultipart } from '../../kit/web/multipart.ts';
import type { Limit } from '../../kit/web/rate-limit.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import { anyone, browserOnly } from '../access/guard.ts';
import type { AccountDeps } from '../deps.ts';
import type { Account } from '../model.ts';
import { nodeSettings } from '../node-settings.ts';
import { writeTheme } from '../page-state.ts';
import { settingsPage } from '../settings-page.ts';
import { BrowsingForm, LEVELS, setBrowsing } from './browsing.ts';
import { editProfile, loadOwnAccount, MAX_LINKS, ProfileForm } from './edit.ts';
import { accountCard, avatarUrl, type ProfileHeader } from './header.ts';
import { loadPicture, PICTURES, type PictureKind, removePicture, setPicture } from './pictures.ts';

interface ProfilePage extends Pick<ProfileHeader, 'name' | 'displayName' | 'bio' | 'links' | 'isLocked' | 'avatarUrl'> {
  readonly isNetworkShown: boolean;
  /** Rows of the form: those in use and two more. */
  readonly linkRows: number;
  readonly hasBanner: boolean;
  readonly maxMegabytes: number;
}
const profilePage = settingsPage<ProfilePage>('profile');

interface BrowsingPage {
  readonly levels: readonly { readonly bit: number; readonly isShown: boolean; readonly isBlurred: boolean }[];
  readonly theme: string;
}
const browsingPage = settingsPage<BrowsingPage>('browsing');

export const PICTURE: Limit = { name: 'profile-picture', max: 30, perMs: 3_600_000 };
export const MAX_PICTURE_BYTES = 10_000_000;

export function profileRoutes(deps: AccountDeps): Router<State> {
  const { limits, settings, uploadsDir, judgePicture } = deps;
  const maxFileBytes = Math.min(deps.maxImageBytes, MAX_PICTURE_BYTES);
  const routes = new Router<State>();

  routes.get('/settings', browserOnly, (ctx) => ctx.redirect('/settings/profile'));

  const profileOf = (account: Account): ProfilePage => ({
    ...accountCard(account),
    bio: account.bio,
    links: account.links,
    linkRows: Math.min(MAX_LINKS, account.links.length + 2),
    isLocked: account.isLocked,
    isNetworkShown: account.isNetworkShown,
    avatarUrl: avatarUrl(account),
    hasBanner: account.bannerSha256 != null,
    maxMegabytes: Math.floor(maxFileBytes / 1_000_000),
  });

  const showProfile = async (ctx: Ctx, form?: FormState) =>
    profilePage(ctx, profileOf(await loadOwnAccount(ctx.state.work)), form, 'profile');

  routes.get('/settings/profile', browserOnly, (ctx) => showProfile(ctx));

  routes.post('/settings/profile', browserOnly, async (ctx) => {
    await submitForm(
      ctx,
      ProfileForm,
      async (form) => {
        await editProfile(ctx.state.work, form);
        ctx.redirect('/settings/profile?said=profile');
      },
      (form) => showProfile(ctx, form),
    );
  });

  const kindOf = (ctx: { params: Record<string, string | undefined> }): PictureKind => {
    const { kind } = ctx.params;
    if (kind !== 'avatar' && kind !== 'banner') throw new AppError('not_found', 'There is nothing at this address.');
    return kind;
  };

  routes.post('/settings/profile/:kind', browserOnly, async (ctx) => {
    limits.take(ctx, PICTURE);
    const kind = kindOf(ctx);
    const form = await readMultipart(ctx, { folder: uploadsDir, maxFiles: 1, maxFileBytes, maxFields: 5 });
    try {
      const [file] = form.files;
      if (file) await setPicture(ctx.state.work, kind, file.path, judgePicture);
      else throw new AppError('invalid', 'Choose a picture first.');
    } finally {
      await form.discard();
    }
    ctx.redirect('/settings/profile?said=picture');
  });

  routes.post('/settings/profile/:kind/remove', browserOnly, async (ctx) => {
    await removePicture(ctx.state.work, kindOf(ctx));
    ctx.redirect('/settings/profile?said=picture');
  });

  const sendPicture = async (ctx: Ctx & { params: Record<string, string | undefined> }, kind: PictureKind) => {
    const sha256 = ctx.params.sha ?? '';
    const { totalBytes } = await loadPicture(ctx.state.work, kind, idParam(ctx), sha256);
    await sendBytes(ctx, {
      files: ctx.state.work.files,
      sha256,
      totalBytes,
      contentType: 'image/webp',
      fileName: `${kind}.webp`,
      disposition: 'inline',
      cacheControl: 'public, max-age=31536000, immutable',
    });
  };

  for (const kind of Object.keys(PICTURES) as PictureKind[]) {
    routes.get(`/media/${kind}s/:id/:sha.webp`, anyone, (ctx) => sendPicture(ctx, kind));
  }

  const showBrowsing = async (ctx: Ctx, form?: FormState) => {
    const { em } = ctx.state.work;
    const account = await loadOwnAccount(ctx.state.work);
    const { allowedLevels } = await settings.read(em, nodeSettings);
    const levels = LEVELS.filter((bit) => bit === 1 || (bit & allowedLevels) !== 0).map((bit) => ({
      bit,
      isShown: (account.levels & bit) !== 0,
      isBlurred: (account.blurLevels & bit) !== 0,
    }));
    browsingPage(ctx, { levels, theme: ctx.state.page.theme }, form, 'browsing');
  };

  routes.get('/settings/browsing', browserOnly, (ctx) => showBrowsing(ctx));

  routes.post('/settings/browsing', browserOnly, async (ctx) => {
    await submitForm(
      ctx,
      BrowsingForm,
      async (form) => {
        const { allowedLevels } = await settings.read(ctx.state.work.em, nodeSettings);
        await setBrowsing(ctx.state.work, form, allowedLevels);
        writeTheme(ctx, form.theme);
        ctx.redirect('/settings/browsing?said=browsing');
      },
      (form) => showBrowsing(ctx, form),
    );
  });

  return routes;
}

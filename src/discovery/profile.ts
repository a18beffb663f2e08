import { z } from 'zod';
import { loadProfileHeader, type ProfileHeader } from '../accounts/profile/header.ts';
import { eyesOf } from '../gallery/views.ts';
import { t } from '../kit/web/messages.ts';
import type { PageHead } from '../kit/web/views.ts';
import type { Work } from '../kit/work.ts';
import { listModelCards, type ModelCardView, type TileView } from './cards.ts';
import { listTiles } from './images.ts';
import { addressOf, type TabView } from './pages.ts';

export const ProfileQuery = z.object({
  show: z.enum(['images', 'models']).optional().catch(undefined),
  cursor: z.string().max(40).optional().catch(undefined),
});

export interface ProfilePage {
  readonly profile: ProfileHeader;
  readonly tabItems: readonly TabView[];
  readonly models: readonly ModelCardView[] | null;
  readonly images: readonly TileView[] | null;
  readonly moreUrl: string;
  readonly page: PageHead;
}

/** A person with what they made: pictures first, unless they only have models. */
export async function loadProfilePage(
  work: Pick<Work, 'em' | 'viewer'>,
  { name, host }: { name: string; host: string },
  { show, cursor }: z.output<typeof ProfileQuery>,
): Promise<ProfilePage> {
  const { em } = work;
  const profile = await loadProfileHeader(work, name, host);
  const eyes = await eyesOf(work.em, work.viewer);
  const filter = { ownerId: profile.id, shownTo: work.viewer };
  let images = show === 'models' ? null : await listTiles(em, eyes, filter, { cursor });
  const models =
    show === 'models' || (!show && images?.items.length === 0)
      ? await listModelCards(em, eyes, filter, { cursor })
      : null;
  if (models?.items.length) images = null;
  const current = models && !images ? 'models' : (show ?? 'images');
  const nextCursor = (images ?? models)?.nextCursor;
  return {
    profile,
    tabItems: (['images', 'models'] as const).map((kind) => ({
      label: t(`profile.${kind}`),
      href: addressOf(profile.url, { show: kind }),
      current: kind === current,
    })),
    models: images ? null : (models?.items ?? null),
    images: images?.items ?? null,
    moreUrl: nextCursor ? addressOf(profile.url, { show: current, cursor: nextCursor }) : '',
    page: { title: `${profile.displayName} (${profile.handle})`, canonical: profile.url },
  };
}

/** `@name` or `@name@host` of a path; null for anything else. */
export function readHandle(text: string): { name: string; host: string } | null {
  const match = /^@([\w.-]{1,64})(?:@([\w.:-]{1,253}))?$/.exec(text);
  return match?.[1] ? { name: match[1], host: match[2] ?? '' } : null;
}

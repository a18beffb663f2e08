import { z } from 'zod';
import { loadProfileHeader, type ProfileHeader } from '../accounts/profile/header.ts';
import { eyesOf } from '../gallery/views.ts';
import { rows } from '../kit/database/sql.ts';
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
  /** What they pinned, of the kind that is shown; on the first page only. */
  readonly pinned: readonly (ModelCardView | TileView)[];
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
  const filter = { ownerId: profile.id };
  let images = show === 'models' ? null : await listTiles(em, eyes, filter, { cursor });
  const models =
    show === 'models' || (!show && images?.items.length === 0)
      ? await listModelCards(em, eyes, filter, { cursor })
      : null;
  if (models?.items.length) images = null;
  const current = models && !images ? 'models' : (show ?? 'images');
  const nextCursor = (images ?? models)?.nextCursor;
  const pinned = cursor === undefined ? await listPinned(em, eyes, profile.id, current) : [];
  return {
    profile,
    tabItems: (['images', 'models'] as const).map((kind) => ({
      label: t(`profile.${kind}`),
      href: addressOf(profile.url, { show: kind }),
      current: kind === current,
    })),
    models: images ? null : (models?.items ?? null),
    images: images?.items ?? null,
    pinned,
    moreUrl: nextCursor ? addressOf(profile.url, { show: current, cursor: nextCursor }) : '',
    page: { title: `${profile.displayName} (${profile.handle})`, canonical: profile.url },
  };
}

/** The first picture of each pinned post, or the pinned models, the newest pin first. */
async function listPinned(
  em: Work['em'],
  eyes: Awaited<ReturnType<typeof eyesOf>>,
  ownerId: number,
  kind: 'images' | 'models',
): Promise<readonly (ModelCardView | TileView)[]> {
  const found = await rows<{ id: number | null }>(
    em,
    kind === 'models'
      ? `select m.id from model m where m.owner_id = ? and m.pinned_at is not null order by m.pinned_at desc limit 5`
      : `select (select i.id from image i where i.post_id = p.id and i.listed_at is not null order by i.position limit 1)
           as id from post p where p.owner_id = ? and p.pinned_at is not null order by p.pinned_at desc limit 5`,
    [ownerId],
  );
  const ids = found.flatMap(({ id }) => id ?? []);
  if (ids.length === 0) return [];
  const { items } =
    kind === 'models' ? await listModelCards(em, eyes, { ids, ownerId }) : await listTiles(em, eyes, { ids, ownerId });
  const place = (item: ModelCardView | TileView) => ids.indexOf(item.id);
  return [...items].sort((a, b) => place(a) - place(b));
}

/** `@name` or `@name@host` of a path; null for anything else. */
export function readHandle(text: string): { name: string; host: string } | null {
  const match = /^@([\w.-]{1,64})(?:@([\w.:-]{1,253}))?$/.exec(text);
  return match?.[1] ? { name: match[1], host: match[2] ?? '' } : null;
}

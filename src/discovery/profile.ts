import { z } from 'zod';
import { loadProfileHeader, type ProfileHeader } from '../accounts/profile/header.ts';
import { type CollectionRow, hasCollections, listCollectionsOf } from '../gallery/collections/queries.ts';
import { listPins } from '../gallery/pins.ts';
import { type Eyes, eyesOf } from '../gallery/views.ts';
import { inList, rows } from '../kit/database/sql.ts';
import { t } from '../kit/web/messages.ts';
import type { PageHead } from '../kit/web/views.ts';
import type { Work } from '../kit/work.ts';
import { listModelCards, type ModelCardView, type TileView } from './cards.ts';
import { listTiles } from './images.ts';
import { addressOf, FEEDS, feedsOf, type TabView } from './lists/address.ts';

export const ProfileQuery = z.object({
  show: z.enum(['images', 'models', 'collections']).optional().catch(undefined),
  cursor: z.string().max(40).optional().catch(undefined),
});

export interface ProfilePage {
  readonly profile: ProfileHeader;
  /** Where visitors follow a person of this node from elsewhere; '' where nobody can. */
  readonly remoteFollowUrl: string;
  /** What an account of elsewhere tells of, where that is known here. */
  readonly topic: { readonly title: string; readonly url: string } | null;
  /** What the person keeps at the top; on the first page alone. */
  readonly pinned: { readonly models: readonly ModelCardView[]; readonly posts: readonly TileView[] };
  readonly tabItems: readonly TabView[];
  readonly models: readonly ModelCardView[] | null;
  readonly images: readonly TileView[] | null;
  readonly collections: readonly CollectionRow[] | null;
  readonly moreUrl: string;
  readonly page: PageHead;
}

/** A person with what they made: pictures first, unless they only have models. */
export async function loadProfilePage(
  work: Pick<Work, 'em' | 'viewer'>,
  { name, host }: { name: string; host: string },
  { show, cursor }: z.output<typeof ProfileQuery>,
  federates: boolean,
): Promise<ProfilePage> {
  const { em } = work;
  const profile = await loadProfileHeader(work, name, host);
  const eyes = await eyesOf(work.em, work.viewer);
  const filter = { ownerId: profile.id, shownTo: work.viewer };
  const hasSome = await hasCollections(work, profile.id);
  const topic = await findTopicOf(em, profile);
  if (show === 'collections') {
    return {
      ...head(profile, federates, show, hasSome),
      topic,
      collections: await listCollectionsOf(work, profile.id, eyes),
    };
  }
  let images = show === 'models' ? null : await listTiles(em, eyes, filter, { cursor });
  const models =
    show === 'models' || (!show && images?.items.length === 0)
      ? await listModelCards(em, eyes, filter, { cursor })
      : null;
  if (models?.items.length) images = null;
  const current = models && !images ? 'models' : (show ?? 'images');
  const nextCursor = (images ?? models)?.nextCursor;
  return {
    ...head(profile, federates, current, hasSome),
    topic,
    pinned: show || cursor ? { models: [], posts: [] } : await loadPinned(em, eyes, profile.id),
    models: images ? null : (models?.items ?? null),
    images: images?.items ?? null,
    moreUrl: nextCursor ? addressOf(profile.url, { show: current, cursor: nextCursor }) : '',
  };
}

/** What is the same under each tab; that of collections is there when there are any to see. */
function head(
  profile: ProfileHeader,
  federates: boolean,
  current: 'images' | 'models' | 'collections',
  hasSome: boolean,
): ProfilePage {
  const kinds = ['images', 'models', ...(hasSome ? (['collections'] as const) : [])] as const;
  return {
    profile,
    remoteFollowUrl: federates && profile.host === '' ? `/accounts/${profile.id}/remote-follow` : '',
    topic: null,
    pinned: { models: [], posts: [] },
    tabItems: kinds.map((kind) => ({
      label: t(`profile.${kind}`),
      href: addressOf(profile.url, { show: kind }),
      current: kind === current,
    })),
    models: null,
    images: null,
    collections: null,
    moreUrl: '',
    page: {
      title: `${profile.displayName} (${profile.handle})`,
      canonical: profile.url,
      // what is of elsewhere has its feeds there
      ...(profile.host === '' ? { feeds: feedsOf(`/feeds/people/${profile.name}`, FEEDS) } : {}),
    },
  };
}

/** The page here of the model or collection whose actor it is, while everybody may see it. */
async function findTopicOf(em: Work['em'], { id, host }: ProfileHeader): Promise<ProfilePage['topic']> {
  if (host === '') return null;
  const [found] = await rows<{ kind: 'model' | 'collection'; id: number; title: string }>(
    em,
    `select 'model' as kind, m.id, m.name as title from account a join model m on m.feed_uri = a.uri
     where a.id = ? and a.topic = 'model' and m.listed_at is not null
     union all select 'collection', c.id, c.name from account a join collection c on c.feed_uri = a.uri
     where a.id = ? and a.topic = 'collection' and c.visibility = 'public' and c.deleted_at is null`,
    [id, id],
  );
  return found ? { title: found.title, url: `/${found.kind}s/${found.id}` } : null;
}

async function loadPinned(em: Work['em'], eyes: Eyes, accountId: number): Promise<ProfilePage['pinned']> {
  const pins = await listPins(em, accountId);
  const idsOf = (kind: 'model' | 'post') => pins.filter((pin) => pin.kind === kind).map(({ id }) => id);
  const modelIds = idsOf('model');
  const postIds = idsOf('post');
  const models = modelIds.length > 0 ? (await listModelCards(em, eyes, { ids: modelIds })).items : [];
  const firsts = await rows<{ id: number; post_id: number; image_count: number }>(
    em,
    `select i.id, p.id as post_id, p.image_count from post p join image i on i.id = (select c.id from image c
       where c.post_id = p.id and c.listed_at is not null and (c.level & ?) <> 0 order by c.position, c.id limit 1)
     where p.id in (${inList(postIds)})`,
    [eyes.levels, ...postIds],
  );
  const tiles = firsts.length > 0 ? (await listTiles(em, eyes, { ids: firsts.map(({ id }) => id) })).items : [];
  const posts = postIds.flatMap((postId) => {
    const first = firsts.find(({ post_id }) => post_id === postId);
    const tile = tiles.find(({ id }) => id === first?.id);
    return tile && first ? [{ ...tile, url: `/posts/${postId}`, imageCount: first.image_count }] : [];
  });
  return { models: modelIds.flatMap((id) => models.find((card) => card.id === id) ?? []), posts };
}

/** `@name` or `@name@host` of a path; null for anything else. */
export function readHandle(text: string): { name: string; host: string } | null {
  const match = /^@([\w.-]{1,64})(?:@([\w.:-]{1,253}))?$/.exec(text);
  return match?.[1] ? { name: match[1], host: match[2] ?? '' } : null;
}

import { can } from '../../accounts/permissions.ts';
import { MODEL_AUDIENCE, modelAudienceParameters } from '../../catalogue/access.ts';
import { rows, toBoolean, toDate, toNumber } from '../../kit/database/sql.ts';
import { t } from '../../kit/web/messages.ts';
import type { PageHead } from '../../kit/web/views.ts';
import type { Work } from '../../kit/work.ts';
import { isOpen, type Visibility } from '../../safety/audience.ts';
import { isSensitive } from '../../safety/ratings.ts';
import { SHUT } from '../../safety/standing.ts';
import { accessParameters, assertAllowed, nothing, POST_ACCESS, type PostAccessRow, postVerdict } from '../access.ts';
import { isPinned } from '../pins.ts';
import { listNamed } from '../posts/mentions.ts';
import { loadShares } from '../shares.ts';
import { type Conversation, loadConversation } from '../talk/conversation.ts';
import {
  eyesOf,
  OWNER_COLUMNS,
  type OwnerRow,
  type OwnerView,
  ownerView,
  PICTURE_COLUMNS,
  type PictureRow,
  type PictureView,
  pictureView,
} from '../views.ts';
import { type GatePage, gateOf, htmlOf } from './image-page.ts';
import { listTagLinks } from './recipe-view.ts';

export interface PostPage {
  readonly gate: false;
  readonly id: number;
  readonly title: string;
  readonly html: string;
  readonly state: string;
  readonly visibility: Visibility;
  /** Whom it names: who else sees it, where it is for them alone. */
  readonly named: readonly OwnerView[];
  readonly owner: OwnerView;
  readonly postedAt: string;
  readonly images: readonly PictureView[];
  /** Pictures of other ratings than this person browses. */
  readonly hiddenCount: number;
  readonly tags: readonly { readonly label: string; readonly href: string }[];
  readonly modelUrl: string;
  readonly modelName: string;
  readonly likeCount: number;
  readonly liked: boolean;
  /** Of a post of elsewhere: what its home says. Null for ours. */
  readonly claimedLikeCount: number | null;
  readonly shareCount: number;
  readonly shared: boolean;
  readonly canShare: boolean;
  readonly conversation: Conversation;
  readonly isOwner: boolean;
  /** Null for those who may not pin it. */
  readonly pinned: boolean | null;
  readonly remoteUrl: string;
  readonly page: PageHead;
}

interface Row extends PostAccessRow, OwnerRow {
  title: string;
  caption: string;
  is_local: unknown;
  like_count: number;
  level: number;
  published_at: unknown;
  created_at: unknown;
  listed_at: unknown;
  url: string | null;
  uri: string | null;
  liked: unknown;
  claimed_like_count: number | null;
  model_id: number | null;
  model_name: string | null;
  version_id: number | null;
}

const NOT_A_LEVEL = -1;

/** A post with those of its pictures that this person browses. Throws `not_found`, `gone` and `withheld`. */
export async function loadPostPage(
  { em, viewer }: Pick<Work, 'em' | 'viewer'>,
  postId: number,
  publicUrl: URL,
): Promise<PostPage | GatePage> {
  const [row] = await rows<Row>(
    em,
    `select ${OWNER_COLUMNS}, ${POST_ACCESS}, p.title, p.caption, p.is_local, p.like_count, p.claimed_like_count, p.level, p.published_at,
       p.created_at, p.listed_at, p.url, p.uri, m.id as model_id, m.name as model_name, v.id as version_id,
       (select count(*) from reaction r where r.account_id = ? and r.post_id = p.id) as liked
     from post p join account a on a.id = p.owner_id
       left join model_version v on v.id = p.version_id and v.state = 'published'
       left join model m on m.id = v.model_id and m.shown_at is not null
         and (m.visibility <> 'unlisted' or p.visibility <> 'public') and ${MODEL_AUDIENCE}
     where p.id = ?`,
    [...accessParameters(viewer), viewer?.id ?? 0, ...modelAudienceParameters(viewer), postId],
  );
  if (!row) throw nothing();
  assertAllowed(postVerdict(row, viewer));
  const eyes = await eyesOf(em, viewer);
  const isOwner = viewer?.id === row.owner_id;
  const isModerator = can(viewer, 'moderateContent');
  const found = await rows<PictureRow>(
    em,
    `select ${PICTURE_COLUMNS} from image i where i.post_id = ? and i.deleted_at is null and i.level <> ?
       and (coalesce((select s.restrictions from policy_state s where s.target_kind = 'image' and s.target_id = i.id), 0) & ${SHUT}) = 0
     order by i.position, i.id limit 40`,
    // an unrated picture is on its owner's page only
    [postId, isOwner || isModerator ? NOT_A_LEVEL : 0],
  );
  const seen = found.filter(({ image_level }) => isOwner || isModerator || (image_level & eyes.levels) !== 0);
  if (found.length > 0 && seen.length === 0) return gateOf(row.level, viewer === null, `/posts/${postId}`);
  const name = row.display_name || row.owner_name;
  return {
    ...{ gate: false, id: postId, title: row.title, state: row.access_state, isOwner },
    html: row.caption === '' ? '' : htmlOf(row.caption, toBoolean(row.is_local)),
    visibility: row.access_visibility,
    named: await listNamed(em, postId),
    owner: ownerView(row),
    postedAt: toDate(row.published_at ?? row.created_at).toISOString(),
    images: seen.map((image) => pictureView(image, isOwner ? { ...eyes, blurLevels: 0 } : eyes)),
    hiddenCount: found.length - seen.length,
    tags: await listTagLinks(em, postId),
    modelUrl: row.model_id === null ? '' : `/models/${row.model_id}?version=${row.version_id}`,
    modelName: row.model_name ?? '',
    likeCount: row.like_count,
    liked: toNumber(row.liked) > 0,
    claimedLikeCount: toBoolean(row.is_local) ? null : row.claimed_like_count,
    ...(await loadShares(em, viewer?.id ?? 0, { kind: 'post', id: postId })),
    canShare: row.access_state === 'published' && isOpen(row.access_visibility),
    conversation: await loadConversation({ em, viewer }, { kind: 'post', id: postId }, row.owner_id),
    pinned: isOwner && row.listed_at != null ? await isPinned(em, row.owner_id, { kind: 'post', id: postId }) : null,
    remoteUrl: toBoolean(row.is_local) ? '' : (row.url ?? row.uri ?? ''),
    page: {
      title: row.title || t('post.by', { name }),
      description: row.caption.slice(0, 300),
      canonical: new URL(`/posts/${postId}`, publicUrl).href,
      ...(row.listed_at == null ? { noindex: true } : {}),
      ...(seen[0] && row.listed_at != null && !isSensitive(seen[0].image_level)
        ? { ogImage: new URL(`/media/1280/${seen[0].image_id}.webp`, publicUrl).href }
        : {}),
    },
  };
}

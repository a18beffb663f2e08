import { can } from '../../accounts/permissions.ts';
import { fromJson, rows, toBoolean, toDate, toDateOrNull, toNumber } from '../../kit/database/sql.ts';
import { renderMarkdown, renderRemoteHtml } from '../../kit/web/markdown.ts';
import { t } from '../../kit/web/messages.ts';
import type { PageHead } from '../../kit/web/views.ts';
import type { Work } from '../../kit/work.ts';
import type { Visibility } from '../../safety/audience.ts';
import { isSensitive, RATINGS, ratingLabel } from '../../safety/ratings.ts';
import { SHUT } from '../../safety/standing.ts';
import {
  accessParameters,
  assertAllowed,
  IMAGE_ACCESS,
  type ImageAccessRow,
  judgeImage,
  refuseImage,
} from '../access.ts';
import { extensionOf } from '../images/read-file.ts';
import type { Recipe } from '../recipe/recipe.ts';
import { type Conversation, loadConversation } from '../talk/conversation.ts';
import { urlOf } from '../talk/target.ts';
import {
  type Eyes,
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
import { listUses, type RecipeView, recipeView } from './recipe-view.ts';
import { countRemixes, findRemixed, type RemixedView } from './remixes.ts';

/** A picture that this person does not browse: its rating, and no byte of it. */
export interface GatePage {
  readonly gate: true;
  readonly rating: string;
  readonly isVisitor: boolean;
  readonly page: PageHead;
}

export interface ImagePage {
  readonly gate: false;
  readonly id: number;
  readonly image: PictureView & { readonly src?: string };
  readonly revealed: boolean;
  readonly isRendered: boolean;
  readonly renderError: string | null;
  readonly previousUrl: string;
  readonly nextUrl: string;
  readonly owner: OwnerView;
  readonly postedAt: string;
  readonly postUrl: string;
  /** Where it is put into a collection. */
  readonly collectUrl: string;
  readonly postTitle: string;
  readonly state: string;
  readonly visibility: Visibility;
  readonly captionHtml: string;
  readonly recipe: RecipeView | null;
  readonly isRecipeHidden: boolean;
  readonly remixOf: RemixedView | null;
  readonly remixCount: number;
  readonly facts: readonly { readonly label: string; readonly value: string }[];
  readonly originalUrl: string;
  /** The other pictures of the post, this one among them, when there are any. */
  readonly siblings: readonly (PictureView & { readonly current: boolean })[];
  readonly likeCount: number;
  readonly liked: boolean;
  readonly conversation: Conversation;
  readonly isOwner: boolean;
  /** It belongs to words, at `postUrl`, and is looked at only. */
  readonly isOfTalk: boolean;
  readonly ratings: readonly { readonly value: string; readonly label: string }[];
  readonly edit: { readonly rating: string; readonly alt: string; readonly caption: string };
  readonly remoteUrl: string;
  readonly page: PageHead;
}

interface Row extends ImageAccessRow, OwnerRow, PictureRow {
  caption: string;
  is_local: unknown;
  recipe: unknown;
  is_recipe_hidden: unknown;
  has_workflow: unknown;
  media_type: string;
  total_bytes: unknown;
  sha256: string | null;
  clean_bytes: unknown;
  frame_count: number;
  like_count: number;
  remix_of_id: number | null;
  rendered_at: unknown;
  render_error: string | null;
  created_at: unknown;
  post_id: number;
  position: number;
  title: string;
  published_at: unknown;
  listed_at: unknown;
  remote_url: string | null;
  uri: string | null;
  liked: unknown;
}

/** Everything about one picture in a handful of indexed queries. Throws `not_found`, `gone` and `withheld`. */
export async function loadImagePage(
  { em, viewer }: Pick<Work, 'em' | 'viewer'>,
  imageId: number,
  { revealed }: { revealed: boolean },
  publicUrl: URL,
): Promise<ImagePage | GatePage> {
  const [row] = await rows<Row>(
    em,
    `select ${PICTURE_COLUMNS}, ${OWNER_COLUMNS}, ${IMAGE_ACCESS}, i.caption, i.is_local, i.recipe, i.is_recipe_hidden,
       i.has_workflow, i.media_type, i.total_bytes, i.sha256, i.clean_bytes, i.frame_count, i.like_count, i.rendered_at,
       i.render_error, i.created_at, i.post_id, i.position, i.listed_at, i.remote_url, i.uri, i.remix_of_id, p.title, p.published_at,
       (select count(*) from reaction r where r.account_id = ? and r.image_id = i.id) as liked
     from image i join post p on p.id = i.post_id join account a on a.id = i.owner_id where i.id = ?`,
    [...accessParameters(viewer), viewer?.id ?? 0, imageId],
  );
  if (!row) return refuseImage(em, viewer, imageId);
  assertAllowed(await judgeImage(em, row, viewer));
  const eyes = await eyesOf(em, viewer);
  const isOwner = viewer?.id === row.owner_id;
  if (!isOwner && !can(viewer, 'moderateContent') && (row.image_level & eyes.levels) === 0) {
    return gateOf(row.image_level, viewer === null, `/images/${imageId}`);
  }
  const siblings = await listSiblings(em, row.post_id, isOwner ? { ...eyes, levels: 63 } : eyes, imageId, isOwner);
  const image = pictureView(row, isOwner ? { ...eyes, blurLevels: 0 } : eyes);
  const isHidden = toBoolean(row.is_recipe_hidden);
  const talkKind = row.access_talk_kind;
  const isOfTalk = talkKind !== null;
  const uses = isHidden && !isOwner ? [] : await listUses({ em, viewer }, imageId, eyes);
  const recipe = isHidden && !isOwner ? null : fromJson<Recipe>(row.recipe);
  const { previousUrl, nextUrl } = await neighboursOf(em, row, siblings, eyes);
  return {
    ...{ gate: false, id: imageId, image, revealed, isOwner, previousUrl, nextUrl, siblings },
    isRendered: row.rendered_at != null,
    renderError: row.render_error,
    owner: ownerView(row),
    postedAt: toDate(row.published_at ?? row.created_at).toISOString(),
    postUrl: isOfTalk ? urlOf({ kind: talkKind, id: row.access_talk_id ?? '' }) : `/posts/${row.post_id}`,
    isOfTalk,
    collectUrl: `/collections?image=${imageId}`,
    postTitle: row.title,
    state: row.access_state,
    visibility: row.access_visibility,
    captionHtml: row.caption === '' ? '' : htmlOf(row.caption, toBoolean(row.is_local)),
    recipe:
      recipe || uses.length > 0
        ? recipeView(recipe, uses, {
            imageId,
            hasWorkflow: toBoolean(row.has_workflow),
            canRemix: can(viewer, 'generate') && !isOfTalk,
          })
        : null,
    isRecipeHidden: isHidden,
    remixOf: await findRemixed(em, viewer, eyes, row.remix_of_id),
    remixCount: isOfTalk ? 0 : await countRemixes(em, eyes, imageId),
    facts: factsOf(row),
    originalUrl: row.sha256 ? `/media/original/${imageId}.${extensionOf(row.media_type)}` : '',
    likeCount: row.like_count,
    liked: toNumber(row.liked) > 0,
    conversation: await loadConversation({ em, viewer }, { kind: 'image', id: imageId }, row.owner_id),
    ratings: RATINGS.map((level) => ({ value: String(level), label: ratingLabel(level) })),
    edit: { rating: String(row.image_level), alt: row.alt_text, caption: row.caption },
    remoteUrl: toBoolean(row.is_local) ? '' : (row.uri ?? row.remote_url ?? ''),
    page: headOf(row, publicUrl),
  };
}

export const htmlOf = (text: string, isLocal: boolean): string =>
  isLocal ? renderMarkdown(text) : renderRemoteHtml(text);

export const gateOf = (levels: number, isVisitor: boolean, path: string): GatePage => ({
  gate: true,
  rating: ratingLabel(levels),
  isVisitor,
  page: { title: t('gate.title'), canonical: path, noindex: true },
});

function headOf(row: Row, publicUrl: URL): PageHead {
  const name = row.display_name || row.owner_name;
  const isOpen = row.listed_at != null && !isSensitive(row.image_level);
  return {
    title: row.title || t('image.by', { name }),
    description: row.alt_text.slice(0, 300),
    canonical: new URL(`/images/${row.image_id}`, publicUrl).href,
    ...(row.listed_at == null ? { noindex: true } : {}),
    ...(isOpen ? { ogImage: new URL(`/media/1280/${row.image_id}.webp`, publicUrl).href } : {}),
  };
}

function factsOf(row: Row): { label: string; value: string }[] {
  const megabytes = (toNumber(row.clean_bytes) || toNumber(row.total_bytes)) / 1_000_000;
  return [
    { label: t('image.size'), value: `${row.width} × ${row.height}` },
    { label: t('image.format'), value: `${extensionOf(row.media_type).toUpperCase()} · ${megabytes.toFixed(2)} MB` },
    ...(row.frame_count > 1 ? [{ label: t('image.frames'), value: String(row.frame_count) }] : []),
    ...(row.image_level > 0 ? [{ label: t('image.rating'), value: ratingLabel(row.image_level) }] : []),
  ];
}

async function listSiblings(
  em: Work['em'],
  postId: number,
  eyes: Eyes,
  currentId: number,
  isOwner: boolean,
): Promise<ImagePage['siblings']> {
  const found = await rows<PictureRow>(
    em,
    `select ${PICTURE_COLUMNS} from image i where i.post_id = ? and i.deleted_at is null
       and ((i.level & ?) <> 0 or i.level = ? or i.id = ?)
       and (coalesce((select s.restrictions from policy_state s where s.target_kind = 'image' and s.target_id = i.id), 0) & ${SHUT}) = 0
     order by i.position, i.id limit 40`,
    // an unrated picture is on its owner's page only
    [postId, eyes.levels, isOwner ? 0 : -1, currentId],
  );
  return found.length < 2
    ? []
    : found.map((row) => ({ ...pictureView(row, eyes), current: row.image_id === currentId }));
}

/** Within the post, and from its ends on through the public stream, newest first. */
async function neighboursOf(
  em: Work['em'],
  row: Row,
  siblings: ImagePage['siblings'],
  eyes: Eyes,
): Promise<{ previousUrl: string; nextUrl: string }> {
  const at = siblings.findIndex(({ current }) => current);
  const listedAt = toDateOrNull(row.listed_at);
  const outside = async (direction: 'previous' | 'next'): Promise<string> => {
    if (!listedAt) return '';
    const [sign, order] = direction === 'next' ? ['<', 'desc'] : ['>', 'asc'];
    const [found] = await rows<{ id: number }>(
      em,
      `select i.id from image i where i.listed_at is not null and (i.listed_at, i.id) ${sign} (?, ?)
         and (i.level & ?) <> 0 and i.post_id <> ? order by i.listed_at ${order}, i.id ${order} limit 1`,
      [listedAt, row.image_id, eyes.levels, row.post_id],
    );
    return found ? `/images/${found.id}` : '';
  };
  return {
    previousUrl: siblings[at - 1]?.url ?? (await outside('previous')),
    nextUrl: siblings[at + 1]?.url ?? (await outside('next')),
  };
}

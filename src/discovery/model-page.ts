import { z } from 'zod';
import { can } from '../accounts/permissions.ts';
import {
  assertModelAllowed,
  MODEL_ACCESS,
  type ModelAccessRow,
  modelAudienceParameters,
  modelVerdict,
} from '../catalogue/access.ts';
import { licenseName } from '../catalogue/licences.ts';
import { accessParameters, POST_AUDIENCE } from '../gallery/access.ts';
import { isPinned } from '../gallery/pins.ts';
import { loadReviews, type Reviews } from '../gallery/reviews/list.ts';
import { loadShares } from '../gallery/shares.ts';
import { type Conversation, loadConversation } from '../gallery/talk/conversation.ts';
import { loadTopicFollow, type TopicFollowView } from '../gallery/topics/follow.ts';
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
} from '../gallery/views.ts';
import { fromJson, rows, toBoolean, toDateOrNull, toNumber } from '../kit/database/sql.ts';
import { AppError } from '../kit/errors.ts';
import { day } from '../kit/web/filters.ts';
import { t } from '../kit/web/messages.ts';
import type { PageHead } from '../kit/web/views.ts';
import type { Work } from '../kit/work.ts';
import { isOpen, type Visibility } from '../safety/audience.ts';
import { RESTRICTION, type Subject } from '../safety/policy.ts';
import { highestLevel, ratingLabel } from '../safety/ratings.ts';
import { isForbidden, isShut } from '../safety/standing.ts';
import { modelUrl, type TileView } from './cards.ts';
import { listTiles } from './images.ts';
import { FILE_COLUMNS, type FileRow, type FileView, fileView, type ListCopies } from './model-files.ts';
import { type LineageView, loadLineage } from './model-lineage.ts';
import type { TabView } from './pages.ts';

export const ModelQuery = z.object({
  version: z.coerce.number().int().positive().optional().catch(undefined),
  /** The review after which the list goes on. */
  reviews: z.uuid().optional().catch(undefined),
});

interface FactView {
  readonly label: string;
  readonly value: string;
  readonly href?: string;
}

export interface ModelPage {
  readonly id: number;
  readonly name: string;
  readonly url: string;
  readonly type: string;
  readonly baseModel: string;
  readonly rating: string;
  readonly visibility: Visibility;
  readonly owner: OwnerView;
  readonly isRemote: boolean;
  readonly originalUrl: string | null;
  readonly description: string;
  readonly tags: readonly { readonly label: string; readonly href: string }[];
  readonly stats: readonly { readonly label: string; readonly value: number; readonly icon: string }[];
  readonly liked: boolean;
  /** Of a model of elsewhere: what its home says. Null for ours. */
  readonly claims: { readonly downloads: number; readonly likes: number } | null;
  readonly shareCount: number;
  readonly shared: boolean;
  readonly canShare: boolean;
  /** Null where it cannot be followed: what is not public. */
  readonly follow: TopicFollowView | null;
  readonly likeCount: number;
  /** Null for those who may not pin it. */
  readonly pinned: boolean | null;
  readonly versions: readonly TabView[];
  readonly version: {
    readonly id: number;
    readonly name: string;
    readonly state: Subject['state'];
    readonly publishAt: string | null;
    readonly changelog: string;
    readonly words: readonly string[];
    readonly settings: readonly FactView[];
  };
  readonly details: readonly FactView[];
  readonly files: readonly FileView[];
  readonly download: { readonly url: string; readonly totalBytes: number } | null;
  readonly generateUrl: string | null;
  readonly permissions: readonly { readonly text: string; readonly symbol: string }[];
  readonly license: FactView | null;
  /** Whom a decision names as its origin; '' for none. */
  readonly creditLine: string;
  readonly isNameRemoved: boolean;
  /** Made with something that was taken down after a claim. */
  readonly isLabelled: boolean;
  readonly lineage: LineageView;
  readonly covers: readonly PictureView[];
  readonly gallery: readonly TileView[];
  readonly galleryUrl: string;
  readonly postUrl: string;
  readonly reviews: Reviews;
  readonly conversation: Conversation;
  readonly signInUrl: string;
  readonly mine: boolean;
  readonly page: PageHead;
}

interface ModelRow extends OwnerRow, ModelAccessRow {
  id: number;
  name: string;
  type: string;
  description: string;
  state: Subject['state'];
  is_local: unknown;
  level: number;
  allow_no_credit: unknown;
  allow_commercial_use: unknown;
  allow_derivatives: unknown;
  allow_different_license: unknown;
  forbids_generation: unknown;
  license_id: string;
  is_poi: unknown;
  is_minor: unknown;
  is_sfw_only: unknown;
  download_count: number;
  thumbs_up_count: number;
  comment_count: number;
  image_count: number;
  url: string | null;
  uri: string | null;
  updated_at: unknown;
  cover_image_id: number | null;
  listed_at: unknown;
  claimed_download_count: unknown;
  credit_line: string;
  is_name_removed: unknown;
  claimed_like_count: number | null;
}

interface VersionRow {
  id: number;
  name: string;
  base_model: string;
  changelog: string;
  trained_words: unknown;
  training_settings: unknown;
  clip_skip: number | null;
  recommended_weight: number | null;
  state: Subject['state'];
  published_at: unknown;
  publish_at: unknown;
  thumbs_up_count: number;
  thumbs_down_count: number;
}

const MODEL_COLUMNS = `m.id, m.name, m.type, m.description, m.state, m.is_local, m.level, m.allow_no_credit,
  m.allow_commercial_use, m.allow_derivatives, m.allow_different_license, m.forbids_generation, m.license_id, m.is_poi, m.is_minor, m.is_sfw_only,
  m.download_count, m.thumbs_up_count, m.comment_count, m.image_count, m.url, m.uri, m.updated_at, m.cover_image_id, m.listed_at,
  m.claimed_download_count, m.claimed_like_count, m.credit_line,
  case when exists (select 1 from name_lock k where k.model_id = m.id) then 1 else 0 end as is_name_removed`;
const VERSION_COLUMNS = `v.id, v.name, v.base_model, v.changelog, v.trained_words, v.training_settings, v.clip_skip,
  v.recommended_weight, v.state, v.published_at, v.publish_at, v.thumbs_up_count, v.thumbs_down_count`;

const GALLERY_SIZE = 24;
const MAX_COVERS = 8;

/** Throws `not_found`, `gone` (410) or `withheld` (451). A handful of indexed queries, no entity. */
export async function loadModelPage(
  work: Pick<Work, 'em' | 'viewer'>,
  modelId: number,
  { version: wanted, reviews: afterReview }: z.output<typeof ModelQuery>,
  listCopies: ListCopies | null = null,
): Promise<ModelPage> {
  const { em, viewer } = work;
  const [[model], policies, versionRows, tagRows, eyes] = await Promise.all([
    rows<ModelRow>(
      em,
      `select ${MODEL_COLUMNS}, ${OWNER_COLUMNS}, ${MODEL_ACCESS} from model m join account a on a.id = m.owner_id where m.id = ?`,
      [...modelAudienceParameters(viewer), modelId],
    ),
    rows<{ target_kind: string; target_id: number; restrictions: unknown }>(
      em,
      `select target_kind, target_id, restrictions from policy_state where restrictions <> 0
       and ((target_kind = 'model' and target_id = ?)
         or (target_kind = 'account' and target_id = (select owner_id from model where id = ?))
         or (target_kind = 'version' and target_id in (select id from model_version where model_id = ?)))`,
      [modelId, modelId, modelId],
    ),
    rows<VersionRow>(
      em,
      `select ${VERSION_COLUMNS} from model_version v where v.model_id = ? and v.state <> 'deleted'
       order by v.position, v.id desc`,
      [modelId],
    ),
    rows<{ name: string }>(
      em,
      'select t.name from model_tag mt join tag t on t.id = mt.tag_id where mt.model_id = ? order by t.name',
      [modelId],
    ),
    eyesOf(work.em, work.viewer),
  ]);
  if (!model) throw new AppError('not_found', 'There is no such model.');
  const mine = viewer?.id === model.owner_id;
  const seesAll = mine || can(viewer, 'moderateContent');
  const restrictionsOf = (...kinds: string[]) =>
    policies.reduce((sum, row) => (kinds.includes(row.target_kind) ? sum | toNumber(row.restrictions) : sum), 0);
  const restrictions = restrictionsOf('model', 'account');
  assertModelAllowed(modelVerdict(model, viewer));

  const restrictionsOfVersion = (id: number) =>
    policies.reduce(
      (sum, row) => (row.target_kind === 'version' && row.target_id === id ? sum | toNumber(row.restrictions) : sum),
      0,
    );
  const isHidden = (id: number) => isShut(restrictionsOfVersion(id));
  const isStaff = can(viewer, 'moderateContent');
  const versions = versionRows.filter((row) => (isHidden(row.id) ? isStaff : seesAll || row.state === 'published'));
  const version =
    versions.find(({ id }) => id === wanted) ?? versions.find(({ state }) => state === 'published') ?? versions[0];
  const hidden = versionRows.find(({ id }) => isHidden(id) && (wanted === undefined || id === wanted));
  if (hidden && (!version || (wanted && version.id !== wanted))) {
    assertModelAllowed(
      modelVerdict(model, viewer, 'view', { state: hidden.state, restrictions: restrictionsOfVersion(hidden.id) }),
    );
  }
  if (!version || (wanted && version.id !== wanted)) throw new AppError('not_found', 'There is no such version.');

  const url = modelUrl(model.id, model.name);
  const reviewed = {
    versionId: version.id,
    ownerId: model.owner_id,
    isPublished: version.state === 'published' && model.state === 'published',
    url: `${url}?version=${version.id}`,
    upCount: version.thumbs_up_count,
    downCount: version.thumbs_down_count,
  };
  const [files, lineage, covers, gallery, liked, reviews, conversation, follow] = await Promise.all([
    rows<FileRow>(
      em,
      `select ${FILE_COLUMNS} from model_file f where f.version_id = ? order by f.is_primary desc, f.id`,
      [version.id],
    ),
    loadLineage(em, version.id),
    listCovers(work, model, version.id, eyes),
    listTiles(em, eyes, { versionId: version.id }, { limit: GALLERY_SIZE }),
    isLiked(work, modelId),
    loadReviews(work, reviewed, afterReview),
    viewer || model.comment_count > 0
      ? loadConversation(work, { kind: 'model', id: modelId }, model.owner_id)
      : { items: [], action: '' },
    loadTopicFollow(em, viewer, 'model', modelId),
  ]);
  const ofElsewhere = files.filter(({ remote_url: url }) => url !== null).map(({ id }) => id);
  const copies = listCopies && ofElsewhere.length > 0 ? await listCopies(work, ofElsewhere) : null;
  const fileViews = files.map((row) =>
    fileView(row, version.id, { copy: copies?.get(row.id) ?? null, isForAll: isOpen(model.access_visibility) }),
  );
  const stored = fileViews.filter(({ downloadUrl }) => downloadUrl !== null);
  const main = stored.find(({ isPrimary }) => isPrimary) ?? stored[0];
  const trained = fromJson<string[]>(version.trained_words) ?? [];
  const ofVersion = restrictionsOfVersion(version.id);
  const mayDownload = !isForbidden(restrictions | ofVersion, 'download');
  const mayGenerate = !isForbidden(restrictions | ofVersion, 'generate');
  const isOffered = mine || !toBoolean(model.forbids_generation);
  return {
    id: model.id,
    name: model.name || t('editor.untitled'),
    url,
    type: model.type,
    baseModel: version.base_model,
    rating: ratingLabel(model.level),
    visibility: model.access_visibility,
    owner: ownerView(model),
    isRemote: !toBoolean(model.is_local),
    originalUrl: model.url ?? model.uri,
    description: model.description,
    tags: tagRows.map(({ name }) => ({ label: name, href: `/tags/${encodeURIComponent(name)}` })),
    stats: [
      { label: t('model.figure-downloads'), value: model.download_count, icon: 'download' },
      { label: t('model.figure-likes'), value: model.thumbs_up_count, icon: 'heart' },
      { label: t('model.figure-pictures'), value: model.image_count, icon: 'image' },
    ],
    liked,
    claims: toBoolean(model.is_local)
      ? null
      : { downloads: toNumber(model.claimed_download_count), likes: toNumber(model.claimed_like_count) },
    ...(await loadShares(em, work.viewer?.id ?? 0, { kind: 'model', id: model.id })),
    canShare: model.state === 'published' && isOpen(model.access_visibility),
    likeCount: model.thumbs_up_count,
    follow,
    pinned: mine && model.listed_at != null ? await isPinned(em, model.owner_id, { kind: 'model', id: modelId }) : null,
    versions: versions.map(({ id, name }) => ({
      label: name,
      href: `${url}?version=${id}`,
      current: id === version.id,
    })),
    version: {
      id: version.id,
      name: version.name,
      state: version.state,
      publishAt: toDateOrNull(version.publish_at)?.toISOString() ?? null,
      changelog: version.changelog,
      words: trained,
      settings: Object.entries(fromJson<Record<string, string>>(version.training_settings) ?? {}).map(
        ([label, value]) => ({ label: label.replace(/^ss_/, '').replaceAll('_', ' '), value }),
      ),
    },
    details: factsOf(model, version),
    files: fileViews.map((file) => (mayDownload ? file : { ...file, downloadUrl: null })),
    download: main?.downloadUrl && mayDownload ? { url: main.downloadUrl, totalBytes: main.totalBytes } : null,
    generateUrl:
      mayGenerate && isOffered && stored.length > 0 && CAN_GENERATE.has(model.type)
        ? `/generate?version=${version.id}`
        : null,
    permissions: permissionsOf(model, restrictions | ofVersion),
    license: model.license_id ? { label: t('model.licence'), ...licenseView(model.license_id) } : null,
    creditLine: model.credit_line,
    isNameRemoved: toBoolean(model.is_name_removed),
    isLabelled: (ofVersion & RESTRICTION.label) !== 0,
    lineage,
    covers,
    gallery: gallery.items,
    galleryUrl: gallery.nextCursor ? `/images?version=${version.id}` : '',
    postUrl: `/upload/images?version=${version.id}`,
    reviews,
    conversation,
    signInUrl: `/sign-in?next=${encodeURIComponent(url)}`,
    mine,
    page: headOf(model, url, covers[0]),
  };
}

const CAN_GENERATE: ReadonlySet<string> = new Set(['Checkpoint', 'LORA', 'LoCon', 'DoRA']);

type Cover = PictureView & { readonly isPublic: boolean };

/** Pictures that the owner posted to this version, in their order, as far as they are for this viewer. */
async function listCovers(
  { em, viewer }: Pick<Work, 'em' | 'viewer'>,
  model: ModelRow,
  versionId: number,
  eyes: Eyes,
): Promise<Cover[]> {
  const found = await rows<PictureRow & { listed_at: unknown }>(
    em,
    `select ${PICTURE_COLUMNS}, i.listed_at from post p join image i on i.post_id = p.id
     where p.version_id = ? and p.owner_id = ? and i.shown_at is not null and (i.level & ?) <> 0
       and (i.listed_at is not null or ${POST_AUDIENCE})
     order by p.id, i.position limit ${MAX_COVERS}`,
    [versionId, model.owner_id, eyes.levels, ...accessParameters(viewer)],
  );
  return found.map((row) => ({ ...pictureView(row, eyes), isPublic: row.listed_at != null }));
}

async function isLiked({ em, viewer }: Pick<Work, 'em' | 'viewer'>, modelId: number): Promise<boolean> {
  if (!viewer) return false;
  const found = await rows(em, 'select id from reaction where account_id = ? and model_id = ?', [viewer.id, modelId]);
  return found.length > 0;
}

function factsOf(model: ModelRow, version: VersionRow): FactView[] {
  const facts: FactView[] = [
    { label: t('model.type'), value: model.type, href: `/models?type=${encodeURIComponent(model.type)}` },
  ];
  const { base_model: base } = version;
  if (base) facts.push({ label: t('model.base-model'), value: base, href: `/models?base=${encodeURIComponent(base)}` });
  const published = toDateOrNull(version.published_at);
  if (published) facts.push({ label: t('model.published'), value: day(published) });
  if (version.recommended_weight !== null) {
    facts.push({ label: t('model.weight'), value: String(version.recommended_weight) });
  }
  if (version.clip_skip !== null) facts.push({ label: t('model.clip-skip'), value: String(version.clip_skip) });
  return facts;
}

function permissionsOf(model: ModelRow, restrictions: number): { text: string; symbol: string }[] {
  const say = (key: string, symbol: 'check' | 'info' | 'ban') => ({ text: t(key), symbol });
  const credit = toBoolean(model.allow_no_credit);
  const derivatives = toBoolean(model.allow_derivatives) && !isForbidden(restrictions, 'derive');
  const different = toBoolean(model.allow_different_license);
  const granted = fromJson<string[]>(model.allow_commercial_use)?.filter((use) => use !== 'None') ?? [];
  const uses = isForbidden(restrictions, 'commercial') ? [] : granted;
  return [
    say(`permission.credit.${credit}`, credit ? 'check' : 'info'),
    say(`permission.derivatives.${derivatives}`, derivatives ? 'check' : 'ban'),
    ...(derivatives ? [say(`permission.different.${different}`, different ? 'check' : 'info')] : []),
    ...uses.map((use) => say(`permission.${use}`, 'check')),
    ...(uses.length === 0 ? [say('permission.no-commerce', 'ban')] : []),
    ...(toBoolean(model.forbids_generation) ? [say('permission.no-generation', 'ban')] : []),
    ...(toBoolean(model.is_poi) ? [say('permission.poi', 'info')] : []),
    ...(toBoolean(model.is_minor) ? [say('permission.minor', 'info')] : []),
    ...(toBoolean(model.is_sfw_only) ? [say('permission.sfw', 'info')] : []),
  ];
}

function licenseView(id: string): { value: string; href?: string } {
  const value = licenseName(id);
  return id.startsWith('LicenseRef-')
    ? { value }
    : { value, href: `https://spdx.org/licenses/${encodeURIComponent(id)}` };
}

function headOf(model: ModelRow, url: string, cover: Cover | undefined): PageHead {
  const description = model.description
    .replace(/<[^>]+>/g, ' ')
    .replace(/[#*_`>[\]]/g, '')
    .slice(0, 200)
    .trim();
  return {
    title: model.name,
    description: description || `${model.type} · ${model.owner_name}`,
    canonical: url,
    ...(cover?.isPublic && !cover.sensitive && isOpen(model.access_visibility)
      ? { ogImage: `/media/1280/${cover.id}.webp` }
      : {}),
    ...(model.state !== 'published' || model.access_visibility !== 'public' || highestLevel(model.level) > 2
      ? { noindex: true }
      : {}),
  };
}

/** Where a version is shown. Throws `not_found` also where its model is not for this viewer. */
export async function loadVersionUrl({ em, viewer }: Pick<Work, 'em' | 'viewer'>, versionId: number): Promise<string> {
  const [found] = await rows<ModelAccessRow & { model_id: number; state: Subject['state'] }>(
    em,
    `select v.model_id, v.state, ${MODEL_ACCESS} from model_version v join model m on m.id = v.model_id where v.id = ?`,
    [...modelAudienceParameters(viewer), versionId],
  );
  const verdict = found && modelVerdict(found, viewer, 'view', { state: found.state });
  // the page says of what is gone or withheld that it is
  if (!found || (!verdict?.allowed && verdict?.reason === 'not_found')) {
    throw new AppError('not_found', 'There is no such version.');
  }
  return `/models/${found.model_id}?version=${versionId}`;
}

import { z } from 'zod';
import { loadEarlyView } from '../../economy/early/view.ts';
import { loadLicenceShelf } from '../../economy/licences/view.ts';
import { isPinned } from '../../gallery/pins.ts';
import { loadReviews } from '../../gallery/reviews/list.ts';
import { loadShares } from '../../gallery/shares.ts';
import { loadConversation, NO_CONVERSATION } from '../../gallery/talk/conversation.ts';
import { loadTopicFollow } from '../../gallery/topics/follow.ts';
import { eyesOf, ownerView } from '../../gallery/views.ts';
import { fromJson, rows, toBoolean, toDateOrNull, toNumber } from '../../kit/database/sql.ts';
import { t } from '../../kit/web/messages.ts';
import type { Work } from '../../kit/work.ts';
import { listPermissions } from '../../moderation/rights/view.ts';
import { isOpen } from '../../safety/audience.ts';
import { RESTRICTION } from '../../safety/policy.ts';
import { ratingLabel } from '../../safety/ratings.ts';
import { isForbidden } from '../../safety/standing.ts';
import { modelUrl } from '../cards.ts';
import { listTiles } from '../images.ts';
import { chooseVersion } from './choose-version.ts';
import { listCovers } from './covers.ts';
import { factsOf, headOf, licenseView, permissionsOf } from './facts.ts';
import { FILE_COLUMNS, type FileRow, fileView, type ListCopies } from './files.ts';
import { loadFamily } from './graph/load.ts';
import { lineageView } from './graph/view.ts';
import type { ModelPage } from './props.ts';
import { loadRights } from './rights.ts';
import { loadModelRows } from './rows.ts';

export const ModelQuery = z.object({
  version: z.coerce.number().int().positive().optional().catch(undefined),
  /** The review after which the list goes on. */
  reviews: z.uuid().optional().catch(undefined),
});

const GALLERY_SIZE = 24;
const CAN_GENERATE: ReadonlySet<string> = new Set(['Checkpoint', 'LORA', 'LoCon', 'DoRA']);

/** Throws `not_found`, `gone` (410) or `withheld` (451). A handful of indexed queries, no entity. */
export async function loadModelPage(
  work: Pick<Work, 'em' | 'viewer' | 'now'>,
  modelId: number,
  { version: wanted, reviews: afterReview }: z.output<typeof ModelQuery>,
  listCopies: ListCopies | null = null,
): Promise<ModelPage> {
  const { em, viewer } = work;
  const [found, eyes] = await Promise.all([loadModelRows(work, modelId), eyesOf(em, viewer)]);
  const { model, tags } = found;
  const { version, versions, restrictions, ofVersion } = chooseVersion(viewer, found, wanted);
  const mine = viewer?.id === model.owner_id;

  const url = modelUrl(model.id, model.name);
  const reviewed = {
    versionId: version.id,
    ownerId: model.owner_id,
    isPublished: version.state === 'published' && model.state === 'published',
    url: `${url}?version=${version.id}`,
    upCount: version.thumbs_up_count,
    downCount: version.thumbs_down_count,
  };
  const [
    files,
    family,
    rights,
    covers,
    gallery,
    liked,
    reviews,
    conversation,
    follow,
    early,
    licences,
    withPermission,
  ] = await Promise.all([
    rows<FileRow>(
      em,
      `select ${FILE_COLUMNS} from model_file f where f.version_id = ? order by f.is_primary desc, f.id`,
      [version.id],
    ),
    loadFamily(em, version.id, eyes, viewer?.id ?? 0),
    loadRights(work, version.id),
    listCovers(work, model, version.id, eyes),
    listTiles(em, eyes, { versionId: version.id }, { limit: GALLERY_SIZE }),
    isLiked(work, modelId),
    loadReviews(work, reviewed, afterReview),
    viewer || model.comment_count > 0
      ? loadConversation(work, { kind: 'model', id: modelId }, model.owner_id)
      : NO_CONVERSATION,
    loadTopicFollow(em, viewer, 'model', modelId),
    loadEarlyView(work, version.id),
    loadLicenceShelf(work, modelId),
    listPermissions(em, modelId, work.now()),
  ]);
  const ofElsewhere = files.filter(({ remote_url: url }) => url !== null).map(({ id }) => id);
  const copies = listCopies && ofElsewhere.length > 0 ? await listCopies(work, ofElsewhere) : null;
  const fileViews = files.map((row) =>
    fileView(row, version.id, { copy: copies?.get(row.id) ?? null, isForAll: isOpen(model.access_visibility) }),
  );
  const stored = fileViews.filter(({ downloadUrl }) => downloadUrl !== null);
  const main = stored.find(({ isPrimary }) => isPrimary) ?? stored[0];
  const trained = fromJson<string[]>(version.trained_words) ?? [];
  const isOpenToViewer = early === null || early.isIn;
  const mayDownload = isOpenToViewer && rights.mayDownload && !isForbidden(restrictions | ofVersion, 'download');
  const mayGenerate = isOpenToViewer && rights.mayGenerate && !isForbidden(restrictions | ofVersion, 'generate');
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
    tags: tags.map(({ name }) => ({ label: name, href: `/tags/${encodeURIComponent(name)}` })),
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
      mayGenerate && stored.length > 0 && CAN_GENERATE.has(model.type) ? `/generate?version=${version.id}` : null,
    permissions: permissionsOf(model, rights.terms, restrictions | ofVersion),
    conflicts: rights.conflicts,
    license: model.license_id ? { label: t('model.licence'), ...licenseView(model.license_id) } : null,
    creditLine: model.credit_line,
    isNameRemoved: toBoolean(model.is_name_removed),
    isLabelled: (ofVersion & RESTRICTION.label) !== 0,
    ...{ early, licences, withPermission },
    lineage: lineageView(family, { versionId: version.id, name: `${model.name} ${version.name}` }),
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

async function isLiked({ em, viewer }: Pick<Work, 'em' | 'viewer'>, modelId: number): Promise<boolean> {
  if (!viewer) return false;
  const found = await rows(em, 'select id from reaction where account_id = ? and model_id = ?', [viewer.id, modelId]);
  return found.length > 0;
}

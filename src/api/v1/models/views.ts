import { MODEL_ACCESS, type ModelAccessRow, modelAudienceParameters, modelVerdict } from '../../../catalogue/access.ts';
import type { CommercialUse, ContentState, ModelType } from '../../../catalogue/types.ts';
import { htmlOf } from '../../../gallery/pages/image-page.ts';
import { OWNER_COLUMNS, type OwnerRow, ownerView } from '../../../gallery/views.ts';
import { fromJson, inList, rows, toBoolean, toDate, toDateOrNull } from '../../../kit/database/sql.ts';
import { isSensitive } from '../../../safety/ratings.ts';
import { isForbidden } from '../../../safety/standing.ts';
import type { Ask } from '../../operation/define.ts';
import type { Model, Version } from '../shapes.ts';
import { downloadUrlOf, fileOf, imageOf, loadParts, type VersionParts } from './parts.ts';

export interface VersionRow {
  id: number;
  model_id: number;
  name: string;
  base_model: string;
  changelog: string;
  trained_words: unknown;
  state: ContentState;
  published_at: unknown;
  created_at: unknown;
  updated_at: unknown;
  download_count: number;
  thumbs_up_count: number;
  thumbs_down_count: number;
  restrictions: number;
  /** Null for what everybody has. */
  early_ends_at: unknown;
}

export const VERSION_COLUMNS = `v.id, v.model_id, v.name, v.base_model, v.changelog, v.trained_words, v.state, v.published_at,
  v.created_at, v.updated_at, v.download_count, v.thumbs_up_count, v.thumbs_down_count,
  coalesce((select s.restrictions from policy_state s where s.target_kind = 'version' and s.target_id = v.id), 0) as restrictions,
  (select ea.ends_at from early_access ea where ea.version_id = v.id and ea.ended_at is null) as early_ends_at`;

interface ModelRow extends OwnerRow, ModelAccessRow {
  id: number;
  name: string;
  description: string;
  type: ModelType;
  level: number;
  is_local: unknown;
  is_poi: unknown;
  is_minor: unknown;
  is_sfw_only: unknown;
  allow_no_credit: unknown;
  allow_commercial_use: unknown;
  allow_derivatives: unknown;
  allow_different_license: unknown;
  forbids_generation: unknown;
  download_count: number;
  thumbs_up_count: number;
  comment_count: number;
  uri: string | null;
  owner_state: string;
}

const MODEL_COLUMNS = `m.id, m.name, m.description, m.type, m.level, m.is_local, m.is_poi, m.is_minor, m.is_sfw_only,
  m.allow_no_credit, cast(m.allow_commercial_use as text) as allow_commercial_use, m.allow_derivatives,
  m.allow_different_license, m.forbids_generation, m.download_count, m.thumbs_up_count, m.comment_count, m.uri,
  a.state as owner_state`;

/** What the engine takes, if their authors let it. */
export const GENERATES: readonly ModelType[] = ['Checkpoint', 'LORA', 'LoCon', 'DoRA'];

export interface ModelChoice {
  /** Of the pictures that are shown. */
  readonly levels: number;
  readonly primaryFileOnly?: boolean | undefined;
}

/**
 * Models in the order of their ids, each judged by `decide()` once more: what was withheld since the list was read is not
 * in it. Five queries, however many models.
 */
export async function loadModels(ask: Ask, ids: readonly number[], choice: ModelChoice): Promise<Model[]> {
  if (ids.length === 0) return [];
  const { em, viewer } = ask;
  const [models, versions, tags] = await Promise.all([
    rows<ModelRow>(
      em,
      `select ${MODEL_COLUMNS}, ${OWNER_COLUMNS}, ${MODEL_ACCESS} from model m join account a on a.id = m.owner_id
       where m.id in (${inList(ids)})`,
      [...modelAudienceParameters(viewer), ...ids],
    ),
    rows<VersionRow>(
      em,
      `select ${VERSION_COLUMNS} from model_version v where v.model_id in (${inList(ids)}) and v.state = 'published'
       order by v.position, v.id desc`,
      ids,
    ),
    rows<{ model_id: number; name: string }>(
      em,
      `select g.model_id, t.name from model_tag g join tag t on t.id = g.tag_id where g.model_id in (${inList(ids)})
       order by t.name`,
      ids,
    ),
  ]);
  const shown = models.filter((model) => modelVerdict(model, viewer).allowed);
  const seen = new Map(
    shown.map((model) => [
      model.id,
      versions.filter(
        (version) => version.model_id === model.id && modelVerdict(model, viewer, 'view', version).allowed,
      ),
    ]),
  );
  const parts = await loadParts(
    ask,
    [...seen.values()].flatMap((list) => list.map(({ id }) => id)),
    choice.levels,
  );
  const views = new Map(
    shown.map((model) => [
      model.id,
      modelOf(ask, model, seen.get(model.id) ?? [], {
        ...choice,
        parts,
        tags: tags.filter(({ model_id }) => model_id === model.id).map(({ name }) => name),
      }),
    ]),
  );
  return ids.flatMap((id) => views.get(id) ?? []);
}

function modelOf(
  ask: Ask,
  row: ModelRow,
  versions: readonly VersionRow[],
  { parts, tags, primaryFileOnly }: ModelChoice & { parts: VersionParts; tags: readonly string[] },
): Model {
  const owner = ownerView(row);
  const isLocal = toBoolean(row.is_local);
  const isArchived = isForbidden(row.model_restrictions | row.account_restrictions, 'download');
  return {
    id: row.id,
    name: row.name,
    description: row.description === '' ? null : htmlOf(row.description, isLocal),
    type: row.type,
    nsfw: isSensitive(row.level),
    nsfwLevel: row.level,
    poi: toBoolean(row.is_poi),
    minor: toBoolean(row.is_minor),
    sfwOnly: toBoolean(row.is_sfw_only),
    availability: versions.some(isEarly) ? 'EarlyAccess' : 'Public',
    ...(isArchived ? { mode: 'Archived' } : {}),
    allowNoCredit: toBoolean(row.allow_no_credit),
    allowCommercialUse: fromJson<CommercialUse[]>(row.allow_commercial_use) ?? [],
    allowDerivatives: toBoolean(row.allow_derivatives),
    allowDifferentLicense: toBoolean(row.allow_different_license),
    supportsGeneration: supportsGeneration(row, row.model_restrictions | row.account_restrictions),
    userId: row.owner_id,
    cosmetic: null,
    baseModels: [...new Set(versions.map(({ base_model }) => base_model))],
    ...(row.owner_state === 'deleted'
      ? {}
      : { creator: { username: usernameOf(row), image: owner.avatarUrl && ask.origin + owner.avatarUrl } }),
    tags: [...tags],
    stats: {
      downloadCount: row.download_count,
      favoriteCount: 0,
      thumbsUpCount: row.thumbs_up_count,
      thumbsDownCount: versions.reduce((sum, version) => sum + version.thumbs_down_count, 0),
      commentCount: row.comment_count,
      ratingCount: 0,
      rating: 0,
      tippedAmountCount: 0,
    },
    modelVersions: versions.map((version, index) =>
      versionOf(ask, { model: row, version, index, parts, primaryFileOnly }),
    ),
    ...(isLocal || row.uri === null ? {} : { home: row.uri }),
  };
}

/** `name` here, `name@host` elsewhere. */
export const usernameOf = ({ owner_name: name, host }: Pick<OwnerRow, 'owner_name' | 'host'>): string =>
  host === '' ? name : `${name}@${host}`;

const supportsGeneration = (row: Pick<ModelRow, 'forbids_generation' | 'type'>, restrictions: number): boolean =>
  !toBoolean(row.forbids_generation) && GENERATES.includes(row.type) && !isForbidden(restrictions, 'generate');

const STATES = {
  published: 'Published',
  draft: 'Draft',
  scheduled: 'Scheduled',
  unpublished: 'Unpublished',
  deleted: 'Unpublished',
} as const satisfies Record<ContentState, Version['status']>;

interface VersionOfModel {
  readonly model: ModelRow;
  readonly version: VersionRow;
  readonly index: number;
  readonly parts: VersionParts;
  readonly primaryFileOnly?: boolean | undefined;
}

function versionOf(ask: Ask, { model, version, index, parts, primaryFileOnly }: VersionOfModel): Version {
  const restrictions = model.model_restrictions | model.account_restrictions | version.restrictions;
  const { files, downloadUrl } = filesOf(ask, version.id, parts, isForbidden(restrictions, 'download'));
  const images = (parts.images.get(version.id) ?? []).map((row) => imageOf(row, ask.origin, toBoolean(model.is_poi)));
  return {
    ...versionFacts(version, toBoolean(model.is_local)),
    index,
    availability: isEarly(version) ? 'EarlyAccess' : 'Public',
    nsfwLevel: images.reduce((sum, { nsfwLevel }) => sum | nsfwLevel, 0),
    covered: images.length > 0,
    supportsGeneration: supportsGeneration(model, restrictions),
    stats: {
      downloadCount: version.download_count,
      thumbsUpCount: version.thumbs_up_count,
      thumbsDownCount: version.thumbs_down_count,
    },
    // only here `primary` is true or absent
    files: (primaryFileOnly ? files.filter(({ primary }) => primary) : files).map(({ primary, ...file }) =>
      primary ? { ...file, primary } : file,
    ),
    images,
    ...(downloadUrl ? { downloadUrl } : {}),
  };
}

const isEarly = ({ early_ends_at: at }: Pick<VersionRow, 'early_ends_at'>): boolean => at != null;

function earlyFacts({ early_ends_at: at }: Pick<VersionRow, 'early_ends_at'>) {
  const endsAt = toDateOrNull(at)?.toISOString();
  return endsAt ? { earlyAccessEndsAt: endsAt, earlyAccessDeadline: endsAt } : {};
}

/** What a version is called and when, the same in a model and by itself. */
export const versionFacts = (row: VersionRow, isLocal: boolean) => ({
  id: row.id,
  name: row.name,
  baseModel: row.base_model,
  baseModelType: BASED.test(row.base_model) ? 'Standard' : null,
  publishedAt: toDateOrNull(row.published_at)?.toISOString() ?? null,
  createdAt: toDate(row.created_at).toISOString(),
  updatedAt: toDate(row.updated_at).toISOString(),
  status: STATES[row.state],
  description: row.changelog === '' ? null : htmlOf(row.changelog, isLocal),
  trainedWords: fromJson<string[]>(row.trained_words) ?? [],
  paidAccess: null,
  ...earlyFacts(row),
});

/** Civitai says `Standard` of the families that also have inpainting and refiner checkpoints. */
const BASED = /^(?:SD 1\.|SD 2\.|SDXL)/;

/** What nobody may download has no file and no address, as Civitai's archived models have none. */
export function filesOf(ask: Ask, versionId: number, parts: VersionParts, isArchived: boolean) {
  const files = isArchived ? [] : (parts.files.get(versionId) ?? []).map((row) => fileOf(row, ask.origin));
  const isOffered = files.some(({ primary, downloadUrl }) => primary && downloadUrl !== undefined);
  return { files, downloadUrl: isOffered ? downloadUrlOf(ask.origin, versionId) : null };
}

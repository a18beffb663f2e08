import { z } from 'zod';
import { MODEL_ACCESS, type ModelAccessRow, modelAudienceParameters, modelVerdict } from '../../../catalogue/access.ts';
import { filesWithHash, readFileHash } from '../../../catalogue/files/by-hash.ts';
import type { ModelType } from '../../../catalogue/types.ts';
import { lookAt } from '../../../gallery/access.ts';
import { inList, type Parameter, rows, toBoolean } from '../../../kit/database/sql.ts';
import { AppError } from '../../../kit/errors.ts';
import type { Verdict } from '../../../safety/policy.ts';
import { ALL_LEVELS, isSensitive } from '../../../safety/ratings.ts';
import { isForbidden, SHUT } from '../../../safety/standing.ts';
import type { Ask } from '../../operation/define.ts';
import { loadMetas } from '../images/meta.ts';
import { narrowing } from '../paging.ts';
import { MOST_ID } from '../query.ts';
import type { Model, VersionDetail } from '../shapes.ts';
import { readAir, writeAir } from './air.ts';
import { imageOf, loadParts } from './parts.ts';
import { filesOf, loadModels, VERSION_COLUMNS, type VersionRow, versionFacts } from './views.ts';

/** A refusal in Civitai's words. */
function refuse(verdict: Verdict, missing: string): void {
  if (verdict.allowed) return;
  if (verdict.reason === 'gone') throw new AppError('gone', 'This model was deleted.');
  if (verdict.reason === 'withheld') throw new AppError('withheld', 'A moderation decision keeps this model back.');
  throw new AppError('not_found', missing);
}

/** One model with all that whoever asks may be given. Throws `not_found`, `gone`, `withheld`. */
export async function loadModel(ask: Ask, modelId: number): Promise<Model> {
  const missing = `No model with id ${modelId}`;
  const look = await lookAt(ask.em, ask.viewer, { kind: 'model', id: modelId });
  refuse(look?.verdict ?? NOT_FOUND, missing);
  const [model] = await loadModels(ask, [modelId], { levels: ask.eyes.levels });
  if (!model) throw new AppError('not_found', missing);
  return withNarrowing(ask, model);
}

const NOT_FOUND: Verdict = { allowed: false, reason: 'not_found' };

const withNarrowing = <Thing extends { nsfwLevel: number }>({ eyes }: Ask, thing: Thing, level = thing.nsfwLevel) => {
  const said = narrowing(level & ALL_LEVELS, eyes.levels);
  return said.narrowed ? { ...thing, metadata: said } : thing;
};

const MISSING_VERSION = 'Model not found';

/** By its id, or by its AIR name on this node. Throws `malformed`, `not_found`, `gone`, `withheld`. */
export async function loadVersion(ask: Ask, name: string): Promise<VersionDetail> {
  const versionId = readVersionId(name, new URL(ask.origin).host);
  const look = await lookAt(ask.em, ask.viewer, { kind: 'version', id: versionId });
  refuse(look?.verdict ?? NOT_FOUND, MISSING_VERSION);
  const [version] = await loadVersions(ask, [versionId]);
  if (!version) throw new AppError('not_found', MISSING_VERSION);
  return version;
}

function readVersionId(name: string, host: string): number {
  if (/^[1-9]\d{0,9}$/.test(name) && Number(name) <= MOST_ID) return Number(name);
  const air = name.includes(':') ? readAir(name) : null;
  if (!air) throw new AppError('malformed', 'id: must be a whole number above 0');
  if (air.source !== host || !/^[1-9]\d{0,8}$/.test(air.version ?? '')) {
    throw new AppError('not_found', MISSING_VERSION);
  }
  return Number(air.version);
}

interface DetailRow extends VersionRow, ModelAccessRow {
  model_name: string;
  model_type: ModelType;
  model_level: number;
  model_uri: string | null;
  is_poi: unknown;
  is_local: unknown;
  ecosystem: string | null;
}

/** In the order of the ids; one that is not for whoever asks is left out. */
async function loadVersions(ask: Ask, versionIds: readonly number[]): Promise<VersionDetail[]> {
  const ids = [...new Set(versionIds)];
  if (ids.length === 0) return [];
  const { em, viewer, eyes, origin } = ask;
  const found = await rows<DetailRow>(
    em,
    `select ${VERSION_COLUMNS}, m.name as model_name, m.type as model_type, m.level as model_level, m.uri as model_uri,
       m.is_poi, m.is_local, b.ecosystem, ${MODEL_ACCESS}
     from model_version v join model m on m.id = v.model_id left join base_model b on b.name = v.base_model
     where v.id in (${inList(ids)})`,
    [...modelAudienceParameters(viewer), ...ids],
  );
  const shown = found.filter(
    (row) => modelVerdict(row, viewer).allowed && modelVerdict(row, viewer, 'view', row).allowed,
  );
  const parts = await loadParts(
    ask,
    shown.map(({ id }) => id),
    eyes.levels,
  );
  const imageIds = shown.flatMap(({ id }) => (parts.images.get(id) ?? []).map((image) => image.id));
  const metas = await loadMetas(ask, imageIds);
  const host = new URL(origin).host;
  const views = shown.map((row): VersionDetail => {
    const restrictions = row.model_restrictions | row.account_restrictions | row.restrictions;
    const isArchived = isForbidden(restrictions, 'download');
    const { files, downloadUrl } = filesOf(ask, row.id, parts, isArchived);
    const images = (parts.images.get(row.id) ?? []).map((image) => {
      const { id, ...view } = imageOf(image, origin, toBoolean(row.is_poi));
      return { ...view, meta: metas.get(image.id) ?? null };
    });
    const detail: VersionDetail = {
      ...versionFacts(row, toBoolean(row.is_local)),
      modelId: row.model_id,
      nsfwLevel: images.reduce((sum, { nsfwLevel }) => sum | nsfwLevel, 0),
      trainingStatus: null,
      trainingDetails: null,
      uploadType: 'Created',
      usageControl: 'Download',
      licensingFee: null,
      air: writeAir(
        {
          ecosystem: row.ecosystem ?? 'other',
          type: row.model_type,
          modelId: row.model_id,
          versionId: row.id,
        },
        host,
      ),
      stats: { downloadCount: row.download_count, thumbsUpCount: row.thumbs_up_count, ratingCount: 0, rating: 0 },
      model: {
        name: row.model_name,
        type: row.model_type,
        nsfw: isSensitive(row.model_level),
        poi: toBoolean(row.is_poi),
        ...(isArchived ? { mode: 'Archived' } : {}),
      },
      files,
      images,
      ...(downloadUrl ? { downloadUrl } : {}),
      ...(toBoolean(row.is_local) || row.model_uri === null ? {} : { home: row.model_uri }),
    };
    return withNarrowing(ask, detail, row.model_level);
  });
  return ids.flatMap((id) => views.find((view) => view.id === id) ?? []);
}

/**
 * What a search by hash finds. Whoever has a whole hash has the file, and is told of an unlisted model too; the start of
 * one could be guessed, so it finds what is in lists.
 */
const FOUND = `v.state = 'published' and v.deleted_at is null and m.state = 'published' and m.deleted_at is null`;

const ofScope = (scope: 'local' | 'known'): { sql: string; values: Parameter[] } =>
  scope === 'known' ? { sql: '', values: [] } : { sql: ' and m.is_local = ?', values: [true] };

/** The version of a file: of several the earliest, then the lowest. Throws `not_found`. */
export async function loadVersionByHash(ask: Ask, text: string, scope: 'local' | 'known'): Promise<VersionDetail> {
  const hash = readFileHash(text);
  if (hash) {
    const files = filesWithHash(hash);
    const here = ofScope(scope);
    const isWhole = hash.length === 64;
    const found = await rows<{ id: number }>(
      ask.em,
      `select distinct v.id, v.published_at from model_file f join model_version v on v.id = f.version_id
         join model m on m.id = v.model_id
       where f.id in (${files.sql}) and ${FOUND}
         and (m.listed_at is not null${isWhole ? ` or m.visibility = 'unlisted'` : ''})${here.sql}
       order by v.published_at, v.id limit 10`,
      [...files.values, ...here.values],
    );
    const [version] = await loadVersions(
      ask,
      found.map(({ id }) => id),
    );
    if (version) return version;
  }
  throw new AppError('not_found', MISSING_VERSION);
}

const HEX_64 = /^(?:0x)?[0-9a-f]{64}$/i;
export const WholeHash = z.string().trim().regex(HEX_64, 'must be SHA-256 hashes of 64 digits');

interface FoundFile {
  readonly modelVersionId: number;
  readonly modelId: number;
  readonly hash: string;
}

/** Every published file with one of these hashes, in upper case. One query. */
export async function findFiles(
  { em }: Ask,
  hashes: readonly string[],
  scope: 'local' | 'known',
): Promise<FoundFile[]> {
  const wanted = [...new Set(hashes.map((hash) => hash.toLowerCase().replace(/^0x/, '')))];
  if (wanted.length === 0) return [];
  const here = ofScope(scope);
  const found = await rows<{ version_id: number; model_id: number; sha256: string }>(
    em,
    `select f.version_id, v.model_id, f.sha256 from model_file f join model_version v on v.id = f.version_id
       join model m on m.id = v.model_id
     where f.sha256 in (${inList(wanted)}) and ${FOUND} and (m.listed_at is not null or m.visibility = 'unlisted')${here.sql}
       and not exists (select 1 from policy_state s where s.target_kind = 'version' and s.target_id = v.id
         and (s.restrictions & ${SHUT}) <> 0)
       and not exists (select 1 from policy_state s where s.target_kind = 'model' and s.target_id = m.id
         and (s.restrictions & ${SHUT}) <> 0)
       and not exists (select 1 from policy_state s where s.target_kind = 'account' and s.target_id = m.owner_id
         and (s.restrictions & ${SHUT}) <> 0)
     order by f.id`,
    [...wanted, ...here.values],
  );
  return found.map((row) => ({
    modelVersionId: row.version_id,
    modelId: row.model_id,
    hash: row.sha256.toUpperCase(),
  }));
}

/** One entry for each file, so that a version can stand in it twice, as on Civitai. */
export async function loadVersionsByHashes(
  ask: Ask,
  hashes: readonly string[],
  scope: 'local' | 'known',
): Promise<VersionDetail[]> {
  const found = await findFiles(ask, hashes, scope);
  const versions = await loadVersions(
    ask,
    found.map(({ modelVersionId }) => modelVersionId),
  );
  return found.flatMap(({ modelVersionId }) => versions.find(({ id }) => id === modelVersionId) ?? []);
}

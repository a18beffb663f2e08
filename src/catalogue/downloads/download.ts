import { createHmac } from 'node:crypto';
import { z } from 'zod';
import { can } from '../../accounts/permissions.ts';
import { rows, toNumber } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { t } from '../../kit/web/messages.ts';
import type { Work } from '../../kit/work.ts';
import { isOpen } from '../../safety/audience.ts';
import type { Verdict } from '../../safety/policy.ts';
import { MODEL_ACCESS, type ModelAccessRow, modelAudienceParameters, modelVerdict } from '../access.ts';
import { EarlyAccessError, listEarly } from '../early/access.ts';
import { findSharingBan } from '../lineage/load-terms.ts';
import type { ContentState } from '../types.ts';

const word = z.string().max(60).optional();

/** Which file of a version is meant (spec/civitai-api.md 2.5). */
export const DownloadQuery = z.object({
  type: word,
  format: word,
  size: word,
  fp: word,
  quantType: word,
  fileId: z
    .string()
    .regex(/^\d{1,10}$/, 'must be a number')
    .optional(),
});

export interface DownloadFile {
  readonly fileId: number;
  readonly versionId: number;
  readonly modelId: number;
  readonly ownerId: number;
  readonly name: string;
  readonly sha256: string;
  readonly totalBytes: number;
  readonly createdAt: Date;
  /** Everybody may have it. */
  readonly isOpen: boolean;
}

interface Row extends ModelAccessRow {
  file_id: number;
  model_id: number;
  name: string;
  kind: string;
  format: string;
  precision: string;
  is_pruned: unknown;
  is_primary: unknown;
  sha256: string;
  total_bytes: unknown;
  state: ContentState;
  version_restrictions: number;
  created_at: number | string;
}

const VERSION_RESTRICTIONS = `coalesce((select s.restrictions from policy_state s
  where s.target_kind = 'version' and s.target_id = v.id), 0) as version_restrictions`;
const COLUMNS = `f.id as file_id, m.id as model_id, f.name, f.kind, f.format, f.precision, f.is_pruned,
  f.is_primary, f.sha256, f.total_bytes, v.state, f.created_at, ${MODEL_ACCESS}, ${VERSION_RESTRICTIONS}`;

/**
 * Throws `not_found` (none fits), `gone`, `withheld`, `forbidden` (what it was made from does not let it be shared), or
 * `EarlyAccessError`.
 */
export async function loadDownload(
  { em, viewer, now }: Pick<Work, 'em' | 'viewer' | 'now'>,
  versionId: number,
  query: z.output<typeof DownloadQuery>,
): Promise<DownloadFile> {
  const found = await rows<Row>(
    em,
    `select ${COLUMNS} from model_version v join model m on m.id = v.model_id
     join model_file f on f.version_id = v.id and f.is_stored = ? where v.id = ? order by f.id`,
    [...modelAudienceParameters(viewer), true, versionId],
  );
  const [first] = found;
  if (!first) return missing({ em, viewer }, versionId);
  const { access_state: modelState, version_restrictions: restrictions } = first;
  const state = modelState === 'deleted' || modelState === 'unpublished' ? modelState : first.state;
  const verdict = modelVerdict(first, viewer, 'download', { state, restrictions });
  // a peer asks for a copy to keep, whoever of its people it asks for
  const asPeer = viewer?.speaksFor ? modelVerdict(first, viewer, 'mirror', { state, restrictions }) : verdict;
  if (!verdict.allowed || !asPeer.allowed) return refuse(verdict.allowed ? asPeer : verdict);
  await assertShared({ em, viewer, now }, versionId);
  const opensAt = (await listEarly(em, viewer, [versionId], now())).get(versionId);
  if (opensAt) throw new EarlyAccessError(opensAt, first.model_id, versionId);
  const chosen = chooseFile(found, query);
  if (!chosen) throw new AppError('not_found', 'This version has no file like that.');
  return {
    fileId: chosen.file_id,
    versionId,
    modelId: chosen.model_id,
    ownerId: chosen.access_owner,
    name: chosen.name,
    sha256: chosen.sha256,
    totalBytes: toNumber(chosen.total_bytes),
    createdAt: new Date(chosen.created_at),
    isOpen: isOpen(chosen.access_visibility),
  };
}

/** Throws `forbidden` for what was made from a model whose author does not let that be handed on. */
async function assertShared(
  { em, viewer, now }: Pick<Work, 'em' | 'viewer' | 'now'>,
  versionId: number,
): Promise<void> {
  if (can(viewer, 'moderateContent')) return;
  const by = await findSharingBan(em, versionId, viewer?.id ?? 0, now());
  if (by) throw new AppError('forbidden', t('download.not-shared', { name: by.name || t('recipe.private') }));
}

function refuse(verdict: Verdict): never {
  if (verdict.allowed || verdict.reason === 'not_found') throw new AppError('not_found', 'There is no such file.');
  if (verdict.reason === 'gone') throw new AppError('gone', 'This model was deleted.');
  throw new AppError('withheld', 'A moderation decision keeps this file back.');
}

/** No bytes are here; a decision says more than that. */
async function missing({ em, viewer }: Pick<Work, 'em' | 'viewer'>, versionId: number): Promise<never> {
  const [version] = await rows<ModelAccessRow & { state: ContentState; version_restrictions: number }>(
    em,
    `select v.state, ${VERSION_RESTRICTIONS}, ${MODEL_ACCESS} from model_version v join model m on m.id = v.model_id where v.id = ?`,
    [...modelAudienceParameters(viewer), versionId],
  );
  const state = version?.access_state === 'deleted' ? 'deleted' : (version?.state ?? 'draft');
  if (!version) throw new AppError('not_found', 'There is no such file.');
  refuse(modelVerdict(version, viewer, 'download', { state, restrictions: version.version_restrictions }));
}

type Wish = z.output<typeof DownloadQuery>;
const isPrimary = (file: Row): boolean => file.is_primary === true || file.is_primary === 1;
const sizeOf = (file: Row): string => (file.is_pruned === true || file.is_pruned === 1 ? 'pruned' : 'full');

/** A wish that is spoken must be met; what is left open goes to the primary file, or the most usual kind. */
function chooseFile(files: readonly Row[], wish: Wish): Row | null {
  if (wish.fileId !== undefined) return files.find(({ file_id }) => file_id === Number(wish.fileId)) ?? null;
  const same = (wanted: string | undefined, is: string) =>
    wanted === undefined || wanted.toLowerCase() === is.toLowerCase();
  const fitting = files.filter(
    (file) =>
      same(wish.type, file.kind) &&
      same(wish.format, file.format) &&
      same(wish.size, sizeOf(file)) &&
      same(wish.fp, file.precision) &&
      same(wish.quantType, file.precision),
  );
  const score = (file: Row): number =>
    (isPrimary(file) ? 4_000 : 0) +
    (['Model', 'Pruned Model'].includes(file.kind) ? 1_000 : 0) +
    (file.format === 'SafeTensor' ? 100 : 0) +
    (sizeOf(file) === 'pruned' ? 10 : 0) +
    (file.precision === 'fp16' ? 1 : 0);
  return [...fitting].sort((a, b) => score(b) - score(a))[0] ?? null;
}

/**
 * Counts a download once for each person, or address prefix, a day. `who` is hashed under the node's key, so that the
 * table says nothing of who took what.
 */
export async function countDownload(
  { em, now }: Pick<Work, 'em' | 'now'>,
  { versionId, modelId }: DownloadFile,
  who: string,
  secretKey: string,
): Promise<void> {
  const day = now().toISOString().slice(0, 10);
  const whoHash = createHmac('sha256', secretKey).update(`download ${day} ${who}`).digest('hex').slice(0, 32);
  await em.transactional(async (inner) => {
    const fresh = await rows(
      inner,
      `insert into download_mark (version_id, day, who_hash) values (?, ?, ?) on conflict do nothing returning day`,
      [versionId, day, whoHash],
    );
    if (fresh.length === 0) return;
    await rows(inner, 'update model_version set download_count = download_count + 1 where id = ? returning id', [
      versionId,
    ]);
    await rows(inner, 'update model set download_count = download_count + 1 where id = ? returning id', [modelId]);
  });
}

import { z } from 'zod';
import { Account } from '../../accounts/model.ts';
import { Model, ModelFile, ModelVersion } from '../../catalogue/model.ts';
import { loadRestrictions } from '../../catalogue/publish.ts';
import { rows, toNumber } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { defineSettings } from '../../kit/settings.ts';
import type { Work } from '../../kit/work.ts';
import { isForbidden } from '../../safety/standing.ts';
import type { Federation } from '../deps.ts';
import { isDigestGone } from '../heeding/digests.ts';
import { isFileless } from '../notices/overdue.ts';
import { loadEffects } from '../peers/rule.ts';
import { isHostAllowed } from '../policy.ts';
import { FileCopy } from './model.ts';

/** Whether this node keeps copies of peers' files, so that its engine can use them. The owner decides; off at first. */
export const COPY_RULES = ['off', 'request', 'followed'] as const;
export const copySettings = defineSettings(
  'copies',
  z.object({
    rule: z.enum(COPY_RULES).default('off'),
    /** Of all copies together. */
    mostGigabytes: z.number().min(1).max(100_000).default(50),
  }),
);

const GIGABYTE = 1_000_000_000;
/** What an engine uses. */
const KINDS: ReadonlySet<string> = new Set(['Model', 'Pruned Model']);
const TYPES: ReadonlySet<string> = new Set(['Checkpoint', 'LORA', 'LoCon', 'DoRA']);

/** A peer's file with what it belongs to. */
export interface PeerFile {
  readonly file: ModelFile;
  readonly version: ModelVersion;
  readonly model: Model;
  readonly owner: Account;
}

export async function findPeerFile({ em }: Pick<Work, 'em'>, fileId: number): Promise<PeerFile | null> {
  const file = await em.findOne(ModelFile, fileId, { refresh: true });
  const version = file && (await em.findOne(ModelVersion, file.version.id, { refresh: true }));
  const model = version && (await em.findOne(Model, { id: version.model.id, isLocal: false }, { refresh: true }));
  const owner = model && (await em.findOne(Account, model.owner.id, { refresh: true }));
  return file && version && model && owner ? { file, version, model, owner } : null;
}

/** Could the engine of this node use it, and does nobody forbid that? Its bytes may be here or not. */
export async function mayKeep(
  { em }: Pick<Work, 'em'>,
  federation: Pick<Federation, 'mode' | 'settings'>,
  { file, version, model, owner }: PeerFile,
): Promise<boolean> {
  if (file.remoteUrl == null || file.format !== 'SafeTensor' || !KINDS.has(file.kind) || !TYPES.has(model.type))
    return false;
  if (model.state !== 'published' || version.state !== 'published' || owner.state !== 'active') return false;
  if (model.forbidsGeneration) return false;
  const restrictions = await loadRestrictions(em, owner.id, model.id, version.id);
  if ((['generate', 'download', 'mirror'] as const).some((act) => isForbidden(restrictions, act))) return false;
  const { host } = new URL(file.remoteUrl);
  const { rejectsFiles, forbidsMirror } = await loadEffects(em, host);
  if (rejectsFiles || forbidsMirror || (await isDigestGone(em, file.sha256))) return false;
  return !(await isFileless(em, host)) && isHostAllowed(federation, em, host);
}

/** Throws `too_large` when it would be too much for this node, or `unavailable` when its disk is full. */
export async function assertRoomForCopy(
  { em, files }: Pick<Work, 'em' | 'files'>,
  { settings, minFreeBytes, maxCopyBytes }: Pick<Federation, 'settings' | 'minFreeBytes' | 'maxCopyBytes'>,
  { id, totalBytes }: ModelFile,
): Promise<void> {
  const { mostGigabytes } = await settings.read(em, copySettings);
  if (totalBytes > maxCopyBytes) throw new AppError('too_large', 'This file is larger than what this node takes.');
  const [used] = await rows<{ bytes: unknown }>(
    em,
    `select coalesce(sum(f.total_bytes), 0) as bytes from file_copy c join model_file f on f.id = c.file_id
     where c.state in ('waiting', 'fetching', 'kept') and f.id <> ?`,
    [id],
  );
  if (toNumber(used?.bytes) + totalBytes > mostGigabytes * GIGABYTE) {
    throw new AppError('too_large', `The copies of this node may take ${mostGigabytes} GB, and there is no room left.`);
  }
  if ((await files.freeBytes()) - totalBytes < minFreeBytes) {
    throw new AppError('too_large', 'The disk of this node is almost full.');
  }
}

export async function findCopy({ em }: Pick<Work, 'em'>, fileId: number): Promise<FileCopy | null> {
  return em.findOne(FileCopy, fileId, { refresh: true });
}

import { Account } from '../../accounts/model.ts';
import { can } from '../../accounts/permissions.ts';
import { Model, ModelFile, ModelVersion } from '../../catalogue/model.ts';
import { inList, rows, toNumber } from '../../kit/database/sql.ts';
import type { Work } from '../../kit/work.ts';
import type { Federation } from '../deps.ts';
import { type COPY_STATES, FileCopy } from './model.ts';
import { copySettings, findPeerFile, mayKeep } from './rules.ts';

/** How a peer's file stands here, for the page of its model and for the owner's list. */
export interface CopyView {
  /** Null: no copy was asked for. */
  readonly state: (typeof COPY_STATES)[number] | null;
  readonly reason: string;
  /** Of its bytes, while it comes. */
  readonly percent: number;
  /** The viewer may ask for it, or have it tried again. */
  readonly mayAsk: boolean;
  readonly mayRemove: boolean;
}

type Task = Pick<Work, 'em' | 'viewer'>;

export async function listCopyViews(
  work: Task,
  federation: Federation,
  fileIds: readonly number[],
): Promise<Map<number, CopyView>> {
  const { em, viewer } = work;
  const { rule } = await federation.settings.read(em, copySettings);
  const copies = await em.find(FileCopy, { fileId: { $in: [...fileIds] } });
  const isStaff = can(viewer, 'manageCatalogue');
  const percents = await listPercents(em, copies);
  const views = new Map<number, CopyView>();
  for (const fileId of fileIds) {
    const copy = copies.find((one) => one.fileId === fileId);
    const isIdle = !copy || copy.state === 'failed' || copy.state === 'refused';
    const found = isStaff && isIdle && rule !== 'off' ? await findPeerFile(work, fileId) : null;
    views.set(fileId, {
      state: copy?.state ?? null,
      reason: copy?.reason ?? '',
      percent: percents.get(fileId) ?? 0,
      mayAsk: found !== null && !found.file.isStored && (await mayKeep(work, federation, found)),
      mayRemove: isStaff && copy !== undefined,
    });
  }
  return views;
}

async function listPercents(em: Work['em'], copies: readonly FileCopy[]): Promise<Map<number, number>> {
  const jobIds = copies.flatMap(({ jobId, state }) => (jobId != null && state !== 'kept' ? [jobId] : []));
  if (jobIds.length === 0) return new Map();
  const found = await rows<{ id: string; progress_done: unknown; progress_total: unknown }>(
    em,
    `select id, progress_done, progress_total from job where id in (${inList(jobIds)})`,
    jobIds,
  );
  return new Map(
    copies.flatMap(({ fileId, jobId }) => {
      const job = found.find(({ id }) => id === jobId);
      const total = toNumber(job?.progress_total ?? 0);
      return job && total > 0 ? [[fileId, Math.floor((100 * toNumber(job.progress_done)) / total)] as const] : [];
    }),
  );
}

export interface CopyRow extends CopyView {
  readonly fileId: number;
  readonly name: string;
  readonly url: string | null;
  readonly host: string;
  readonly totalBytes: number;
}

/** The newest copies of the node, for its owner. */
export async function listCopies(work: Task, federation: Federation): Promise<CopyRow[]> {
  const { em } = work;
  const copies = await em.find(FileCopy, {}, { orderBy: { createdAt: 'desc', fileId: 'desc' }, limit: 200 });
  const ids = copies.map(({ fileId }) => fileId);
  const views = await listCopyViews(work, federation, ids);
  const files = await em.find(ModelFile, { id: { $in: ids } });
  const versions = await em.find(ModelVersion, { id: { $in: files.map(({ version }) => version.id) } });
  const models = await em.find(Model, { id: { $in: versions.map(({ model }) => model.id) } });
  const owners = await em.find(Account, { id: { $in: models.map(({ owner }) => owner.id) } });
  return ids.flatMap((fileId) => {
    const view = views.get(fileId);
    const file = files.find(({ id }) => id === fileId);
    const version = versions.find(({ id }) => id === file?.version.id);
    const model = models.find(({ id }) => id === version?.model.id);
    const owner = owners.find(({ id }) => id === model?.owner.id);
    if (!view || !file) return [];
    const url = model ? `/models/${model.id}?version=${version?.id}#files` : null;
    return [{ ...view, fileId, name: file.name, url, host: owner?.host ?? '', totalBytes: file.totalBytes }];
  });
}

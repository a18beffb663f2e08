import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { publisher } from '../../catalogue/own.ts';
import { AppError } from '../../kit/errors.ts';
import { newId } from '../../kit/ids.ts';
import type { Work } from '../../kit/work.ts';
import { FolderSource, PicturesSource } from '../sources/folder.ts';
import { folderTree } from '../sources/trees.ts';
import { Transfer, TransferItem } from './model.ts';
import type { TransferParts } from './parts.ts';
import { lookInto, takeWaiting } from './run.ts';

interface FolderImport {
  readonly source: 'folder' | 'pictures';
  /** Of this machine. */
  readonly root: string;
  readonly dryRun: boolean;
  readonly say: (line: string) => void;
}

export interface ImportReport {
  readonly items: readonly Pick<TransferItem, 'kind' | 'title' | 'state' | 'message' | 'path'>[];
  readonly notes: readonly string[];
}

/** For the operator's command: the look and the taking in one go, without the queue. Again takes only what is new. */
export async function importFolder(
  work: Work,
  parts: TransferParts,
  { source: kind, root, dryRun, say }: FolderImport,
): Promise<ImportReport> {
  const { em, viewer, now } = work;
  const isFolder = (await stat(root).catch(() => null))?.isDirectory() ?? false;
  if (!isFolder) throw new AppError('invalid', `There is no folder ${root}.`);
  const account = publisher(viewer).id;
  const times = { createdAt: now(), updatedAt: now() };
  const given = { id: newId(), account, source: kind, place: root, state: 'running' as const, ...times };
  const transfer = em.create(Transfer, given, { persist: true });
  await em.flush();
  const tree = folderTree(root);
  const source = kind === 'folder' ? new FolderSource(tree) : new PicturesSource(tree);
  const handle = {
    signal: new AbortController().signal,
    progress: (done: number, total: number, note = '') => say(total > 0 ? `${done}/${total} ${note}` : `${done}`),
  };
  try {
    await lookInto(work, transfer, source, handle);
    if (!dryRun) {
      await em.nativeUpdate(TransferItem, { transfer: transfer.id }, { state: 'waiting' });
      await takeWaiting(work, parts, transfer, source, handle, async () => true);
    }
    const items = await em.fork().find(TransferItem, { transfer: transfer.id }, { orderBy: { position: 1 } });
    return {
      items: items.map(({ kind, title, state, message, path }) => ({ kind, title, state, message, path })),
      notes: source.notes,
    };
  } finally {
    await em.nativeDelete(TransferItem, { transfer: transfer.id });
    await em.nativeDelete(Transfer, { id: transfer.id });
    await rm(join(parts.folder, transfer.id), { recursive: true, force: true });
  }
}

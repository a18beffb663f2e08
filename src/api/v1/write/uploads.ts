import { z } from 'zod';
import { claimUploads } from '../../../catalogue/create.ts';
import { pendingView } from '../../../catalogue/editing/editor.ts';
import { editFile, removeFile, requestStrip } from '../../../catalogue/editing/files.ts';
import { loadOwnVersion, publisher } from '../../../catalogue/own.ts';
import { FILE_KINDS } from '../../../catalogue/types.ts';
import { Upload } from '../../../catalogue/uploads/model.ts';
import { loadRoom } from '../../../catalogue/uploads/quota.ts';
import { settled } from '../../../catalogue/uploads/take.ts';
import { UPLOAD_URL } from '../../../catalogue/uploads/tus.ts';
import { AppError } from '../../../kit/errors.ts';
import { isId } from '../../../kit/ids.ts';
import { defineOwn, type Operation, type OwnAsk } from '../../operation/define.ts';
import { ById, ByUuid } from '../query.ts';
import { Done, done } from './said.ts';
import { loadOwnVersionView, OwnVersion } from './version-body.ts';

const group = 'Files';
const scope = 'write:models';
/** How long an answer waits for files to be read. */
const PATIENCE_MS = 4_000;

const UploadState = z.object({
  id: z.string(),
  name: z.string(),
  sizeKB: z.number(),
  percent: z.number(),
  state: z.enum(['receiving', 'hashing', 'ready', 'refused']),
  /** Why it was refused. */
  message: z.string().nullable(),
  /** Where the same file is already. */
  duplicateOf: z.url().nullable(),
});

function uploadState({ origin }: OwnAsk, upload: Upload): z.output<typeof UploadState> {
  const { id, name, totalBytes, percent, state, message, url } = pendingView(upload);
  const sizeKB = totalBytes / 1_024;
  return { id, name, sizeKB, percent, state, message, duplicateOf: url === null ? null : new URL(url, origin).href };
}

/** By its id, or by the address that tus gave. */
const UploadName = z
  .string()
  .max(400)
  .transform((text) => UPLOAD_URL.exec(URL.canParse(text) ? new URL(text).pathname : text)?.[1] ?? text)
  .refine(isId, 'That names no upload.');

export const UPLOAD_OPERATIONS: readonly Operation[] = [
  defineOwn({
    ...{ method: 'get', path: '/uploads', name: 'listUploads', group, scope: 'read' },
    summary: 'Uploads of one’s own that are in no version yet, and how much room is left.',
    answer: z.object({ items: z.array(UploadState), usedBytes: z.number(), quotaBytes: z.number() }),
    run: async (ask) => {
      const { em, viewer, deps } = ask;
      const found = await em.find(
        Upload,
        { owner: viewer.id, version: null },
        { orderBy: { createdAt: -1, id: -1 }, limit: 50 },
      );
      const { usedBytes, quotaBytes } = await loadRoom(em, viewer.id, deps.gallery.defaultQuotaBytes);
      return { items: found.map((upload) => uploadState(ask, upload)), usedBytes, quotaBytes };
    },
  }),
  defineOwn({
    ...{ method: 'get', path: '/uploads/:id', name: 'getUpload', group, scope: 'read' },
    summary: 'How far an upload is. It is not found any more once a version has it.',
    ...{ params: ByUuid, answer: UploadState },
    run: async (ask, { params }) => uploadState(ask, await loadOwnUpload(ask, params.id)),
  }),
  defineOwn({
    ...{ method: 'delete', path: '/uploads/:id', name: 'deleteUpload', group, scope },
    summary: 'Forgets an upload and its bytes.',
    ...{ params: ByUuid, answer: Done },
    run: async (ask, { params }) => {
      await ask.deps.catalogue.uploads.discard(ask, (await loadOwnUpload(ask, params.id)).id);
      return done;
    },
  }),
  defineOwn({
    ...{ method: 'post', path: '/model-versions/:id/files', name: 'addFiles', group, scope },
    summary:
      'Gives a version files that went up by tus at /uploads/files. Those that are still being read become its files when they are.',
    ...{ params: ById, body: z.strictObject({ uploads: z.array(UploadName).min(1).max(20) }), answer: OwnVersion },
    run: async (ask, { params, body }) => {
      publisher(ask.viewer);
      await loadOwnVersion(ask, params.id);
      const { openWork } = ask.deps.catalogue;
      const known = await ask.em.count(Upload, { id: { $in: body.uploads }, owner: ask.viewer.id });
      if (known < new Set(body.uploads).size) throw new AppError('not_found', 'There is no such upload.');
      await claimUploads({ ...ask, em: openWork().em }, body.uploads, params.id);
      await settled(openWork, body.uploads, PATIENCE_MS);
      return loadOwnVersionView(ask, params.id);
    },
  }),
  defineOwn({
    ...{ method: 'patch', path: '/model-files/:id', name: 'editFile', group, scope },
    summary: 'Says what a file is for.',
    ...{ params: ById, body: z.strictObject({ type: z.enum(FILE_KINDS) }), answer: OwnVersion },
    run: async (ask, { params, body }) => loadOwnVersionView(ask, await editFile(ask, params.id, { kind: body.type })),
  }),
  defineOwn({
    ...{ method: 'delete', path: '/model-files/:id', name: 'deleteFile', group, scope },
    summary: 'Takes a file out of a version. What is public keeps at least one.',
    ...{ params: ById, answer: OwnVersion },
    run: async (ask, { params }) => loadOwnVersionView(ask, await removeFile(ask, params.id)),
  }),
  defineOwn({
    ...{ method: 'post', path: '/model-files/:id/strip', name: 'stripFile', group, scope },
    summary:
      'Makes a file anew without what tells about the trainer’s pictures and machine: its SHA-256 changes, AutoV3 stays.',
    ...{ params: ById, answer: OwnVersion },
    run: async (ask, { params }) => {
      const { uploads, openWork } = ask.deps.catalogue;
      const versionId = await requestStrip(ask, uploads, openWork, params.id);
      return loadOwnVersionView({ ...ask, em: ask.em.fork() }, versionId);
    },
  }),
];

async function loadOwnUpload({ em, viewer }: OwnAsk, id: string): Promise<Upload> {
  const upload = await em.findOne(Upload, { id, owner: viewer.id });
  if (!upload) throw new AppError('not_found', 'There is no such upload.');
  return upload;
}

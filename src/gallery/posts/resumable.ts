import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type Router from '@koa/router';
import { FileStore } from '@tus/file-store';
import { Server } from '@tus/server';
import { z } from 'zod';
import { membersOnly, viewerIn } from '../../accounts/access/guard.ts';
import { refuseInWords, tusErrors } from '../../catalogue/uploads/tus.ts';
import { AppError } from '../../kit/errors.ts';
import { newId } from '../../kit/ids.ts';
import { assertFreeSpace } from '../../kit/storage/files.ts';
import { t } from '../../kit/web/messages.ts';
import type { UploadedFile } from '../../kit/web/multipart.ts';
import type { Limit } from '../../kit/web/rate-limit.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import type { Work } from '../../kit/work.ts';
import type { GalleryDeps } from '../deps.ts';
import { assertMayPost } from './draft.ts';

const PATH = '/uploads/pictures';
const KEPT_MS = 86_400_000;
const SWEPT_EVERY_MS = 3_600_000;
/** Pictures of one person that wait here without having been given to a post. */
const MOST_WAITING = 40;
const NEW_PICTURE: Limit = { name: 'picture-upload', max: 400, perMs: 3_600_000 };
/** The account whose it is, then its own id. */
const NAME = /^(\d{1,10})-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

const isOf = (id: string, accountId: number): boolean => Number(NAME.exec(id)?.[1]) === accountId;
const folderIn = (uploadsDir: string): string => join(uploadsDir, 'pictures');

/**
 * Pictures on their way in by tus, so that one goes on where its connection broke. They wait for a day, and the form of
 * a post names them in place of files (`waitingPictures`).
 */
export function resumableRoutes(routes: Router<State>, deps: GalleryDeps): void {
  const { uploadsDir, limits, maxImageBytes, minFreeBytes } = deps;
  const works = new WeakMap<Ctx['req'], Work>();
  const store = new FileStore({ directory: folderIn(uploadsDir) });
  // without deferred lengths: the size is judged before the first byte
  store.extensions = ['creation', 'creation-with-upload', 'termination'];
  const server = new Server({
    ...{ path: PATH, datastore: store, relativeLocation: true, allowedOrigins: [] },
    ...{ maxSize: maxImageBytes, disableTerminationForFinishedUploads: false, onResponseError: tusErrors },
    // what is thrown here is told in words and not as a page
    namingFunction: async (request) => {
      const { viewer, files } = (request.runtime?.node && works.get(request.runtime.node.req as Ctx['req'])) ?? {};
      if (!viewer || !files) throw new AppError('unauthenticated', 'Please sign in.');
      const waiting = await readdir(store.directory);
      if (waiting.filter((one) => isOf(one, viewer.id)).length >= MOST_WAITING) {
        throw new AppError('conflict', t('post.too-many-waiting', { max: MOST_WAITING }));
      }
      await assertFreeSpace(files, Number(request.headers.get('upload-length')) || 0, minFreeBytes);
      return `${viewer.id}-${newId()}`;
    },
  });

  let sweptAt = Number.NEGATIVE_INFINITY;
  const handle = async (ctx: Ctx) => {
    const { work } = ctx.state;
    const { id } = viewerIn(ctx);
    ctx.set('Cache-Control', 'no-store');
    assertMayPost(work.viewer);
    const name = ctx.params.id;
    // bytes are never read back from here
    if (ctx.method === 'GET' || (name !== undefined && !isOf(name, id))) {
      throw new AppError('not_found', 'There is no such upload.');
    }
    if (ctx.method === 'POST') {
      limits.take(ctx, NEW_PICTURE);
      if (performance.now() - sweptAt > SWEPT_EVERY_MS) {
        sweptAt = performance.now();
        await sweepPictures(uploadsDir);
      }
    }
    works.set(ctx.req, work);
    ctx.respond = false;
    await server.handle(ctx.req, ctx.res);
  };
  routes.all(PATH, refuseInWords, membersOnly, handle);
  routes.all(`${PATH}/:id`, refuseInWords, membersOnly, handle);
}

const Note = z.object({ size: z.number(), metadata: z.looseObject({ filename: z.string().nullish() }).nullish() });

/**
 * The pictures that a form names by their addresses, as if they had come with it. Throws `gone` when one is not here, or
 * not whole, and says `not_found` of somebody else's.
 */
export async function waitingPictures(
  uploadsDir: string,
  addresses: readonly string[],
  accountId: number,
): Promise<UploadedFile[]> {
  const folder = folderIn(uploadsDir);
  return await Promise.all(
    addresses.map(async (address) => {
      const id = address.startsWith(`${PATH}/`) ? address.slice(PATH.length + 1) : '';
      if (!isOf(id, accountId)) throw new AppError('not_found', 'There is no such upload.');
      const path = join(folder, id);
      const note = Note.safeParse(await readFile(`${path}.json`, 'utf8').then(JSON.parse, () => null)).data;
      const totalBytes = (await stat(path).catch(() => null))?.size;
      if (!note || totalBytes !== note.size) throw new AppError('gone', t('post.upload-gone'));
      return { field: 'pictures', fileName: (note.metadata?.filename ?? 'picture').slice(0, 200), path, totalBytes };
    }),
  );
}

/** After they were looked at: taken or refused, nobody comes back for them. */
export async function forgetPictures(pictures: readonly Pick<UploadedFile, 'path'>[]): Promise<void> {
  for (const { path } of pictures) for (const part of [path, `${path}.json`]) await rm(part, { force: true });
}

/** Those that nobody went on with for a day. */
export async function sweepPictures(uploadsDir: string): Promise<void> {
  const folder = folderIn(uploadsDir);
  for (const name of await readdir(folder).catch(() => [])) {
    const path = join(folder, name);
    const found = await stat(path).catch(() => null);
    // the note of one that is going on is as old as its beginning
    const isNote = name.endsWith('.json') && (await stat(path.slice(0, -'.json'.length)).catch(() => null)) !== null;
    if (found && !isNote && Date.now() - found.mtimeMs > KEPT_MS) await forgetPictures([{ path }]);
  }
}

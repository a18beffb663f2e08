import type Router from '@koa/router';
import { Server, type ServerOptions } from '@tus/server';
import type { Middleware } from 'koa';
import { can } from '../../accounts/permissions.ts';
import { AppError } from '../../kit/errors.ts';
import { isId } from '../../kit/ids.ts';
import { failureOf } from '../../kit/web/errors.ts';
import { wantsJson } from '../../kit/web/forms.ts';
import type { Limit, RateLimits } from '../../kit/web/rate-limit.ts';
import type { Ctx, State } from '../../kit/web/state.ts';
import type { Work } from '../../kit/work.ts';
import { FILE_KINDS } from '../types.ts';
import { Upload } from './model.ts';
import { diskError, UploadStore } from './store.ts';
import type { Uploads } from './uploads.ts';

const UPLOADS_PATH = '/uploads/files';
/** Where an upload is, as a form names it; its first group is the id. */
export const UPLOAD_URL = new RegExp(`^${UPLOADS_PATH}/([0-9a-f-]{36})$`);

type TusRequest = Parameters<NonNullable<ServerOptions['onIncomingRequest']>>[0];

const NEW_UPLOAD: Limit = { name: 'upload', max: 200, perMs: 3_600_000 };

/** Our errors in the words of tus, which throws plain objects of its own, with a status; those pass as they are. */
export const tusErrors: NonNullable<ServerOptions['onResponseError']> = (_request, error) => {
  const isOurs = error instanceof AppError || (error instanceof Error && 'syscall' in error);
  if (!isOurs) return undefined;
  const { status, message } = failureOf(error instanceof AppError ? error : diskError(error));
  return { status_code: status, body: message };
};

/**
 * What is refused before tus is asked, in words as tus itself refuses: its clients show the text of an answer, and a page
 * is none. Who asks for JSON has it here too.
 */
export const refuseInWords: Middleware<State> = async (ctx, next) => {
  try {
    await next();
  } catch (error) {
    if (!(error instanceof AppError) || ctx.respond === false || ctx.method === 'GET' || wantsJson(ctx)) throw error;
    const { status, message, retryAfterSeconds } = failureOf(error);
    ctx.status = status;
    ctx.set('Cache-Control', 'no-store');
    if (retryAfterSeconds !== null) ctx.set('Retry-After', String(retryAfterSeconds));
    ctx.type = 'text/plain';
    ctx.body = message;
  }
};

/** The tus endpoint: who may upload, whose upload it is, and our errors in its words. */
export function tusRoutes(routes: Router<State>, uploads: Uploads, openWork: () => Work, limits: RateLimits): void {
  const works = new WeakMap<Ctx['req'], Work>();
  const workOf = (request: TusRequest): Work => {
    const work = request.runtime?.node && works.get(request.runtime.node.req as Ctx['req']);
    if (!work) throw new AppError('unauthenticated', 'Please sign in.');
    return work;
  };
  const own = async (id: string, { em, viewer }: Work) =>
    isId(id) ? em.findOne(Upload, { id, owner: viewer?.id ?? 0 }) : null;

  const server = new Server({
    path: UPLOADS_PATH,
    relativeLocation: true,
    allowedOrigins: [],
    datastore: new UploadStore(uploads, openWork),
    disableTerminationForFinishedUploads: false,
    // the row comes first: its id is the name of the upload
    namingFunction: async (request, metadata) => {
      const work = workOf(request);
      const length = request.headers.get('upload-length') ?? '';
      if (!/^\d{1,15}$/.test(length)) throw new AppError('malformed', 'Upload-Length must say how many bytes come.');
      const draft = metadata?.draft ?? '';
      const upload = await uploads.begin(work, {
        fileName: metadata?.filename ?? 'file',
        totalBytes: Number(length),
        versionId: /^[1-9]\d{0,9}$/.test(draft) ? Number(draft) : null,
        kind: FILE_KINDS.find((kind) => kind === metadata?.kind) ?? 'Model',
      });
      return upload.id;
    },
    onIncomingRequest: async (request, id) => {
      const work = workOf(request);
      const upload = await own(id, work);
      if (!upload) throw new AppError('not_found', 'There is no such upload.');
      if (upload.expiresAt <= work.now()) throw new AppError('gone', 'This upload has expired. Please begin again.');
      if (upload.state !== 'refused') return;
      throw new AppError(upload.isWithheld ? 'withheld' : 'gone', upload.message ?? 'This file was refused.');
    },
    onResponseError: tusErrors,
  });

  const handle = async (ctx: Ctx) => {
    const { work } = ctx.state;
    ctx.set('Cache-Control', 'no-store');
    if (ctx.method !== 'OPTIONS') {
      if (!work.viewer) throw new AppError('unauthenticated', 'Please sign in to upload.');
      if (!can(work.viewer, 'publish')) throw new AppError('forbidden', 'You may not publish on this node.');
    }
    // bytes are read back as a download, never from here
    if (ctx.method === 'GET') throw new AppError('not_found', 'There is nothing at this address.');
    if (ctx.method === 'POST') limits.take(ctx, NEW_UPLOAD);
    works.set(ctx.req, work);
    ctx.respond = false;
    await server.handle(ctx.req, ctx.res);
  };
  routes.all(UPLOADS_PATH, refuseInWords, handle);
  routes.all(`${UPLOADS_PATH}/:id`, refuseInWords, handle);
}

import type Router from '@koa/router';
import type { Middleware } from 'koa';
import type { z } from 'zod';
import { AppError } from '../../../kit/errors.ts';
import { sendBytes } from '../../../kit/web/bytes.ts';
import { failureOf } from '../../../kit/web/errors.ts';
import { type FormState, submitForm, submitRaw, uuidParam } from '../../../kit/web/forms.ts';
import { readMultipart } from '../../../kit/web/multipart.ts';
import type { Limit } from '../../../kit/web/rate-limit.ts';
import type { Ctx, State } from '../../../kit/web/state.ts';
import type { Work } from '../../../kit/work.ts';
import type { ClaimCase } from '../model/case.ts';
import type { Party } from '../model/talk.ts';
import { type CaseDeps, sealPage } from '../pages/deps.ts';
import { MessageForm, say } from '../threads/threads.ts';
import { loadAttachment, MOST_PICTURE_BYTES, MOST_PICTURES } from './attachments.ts';

interface FileLimits {
  /** The field that a refusal of a file is shown at. */
  readonly field: string;
  readonly maxFiles: number;
  readonly maxFileBytes: number;
}

const MAX_FIELDS = 10;

/** As `submitForm`, for a form that may bring files; they lie at these paths while `act` runs. */
async function submitWithFiles<Schema extends z.ZodType>(
  ctx: Ctx,
  folder: string,
  { field, ...limits }: FileLimits,
  schema: Schema,
  act: (form: z.output<Schema>, paths: readonly string[]) => Promise<void>,
  again: (state: FormState) => Promise<void>,
): Promise<void> {
  if (!ctx.is('multipart/form-data')) return submitForm(ctx, schema, (form) => act(form, []), again);
  const sent = await readMultipart(ctx, { folder, ...limits, maxFields: MAX_FIELDS }).catch(async (error: unknown) => {
    if (!(error instanceof AppError)) throw error;
    const { status, message } = failureOf(error);
    await again({ values: {}, errors: { [field]: message }, message });
    ctx.status = status;
  });
  if (!sent) return;
  try {
    const paths = sent.files.filter(({ totalBytes }) => totalBytes > 0).map(({ path }) => path);
    await submitRaw(ctx, sent.fields, schema, (form) => act(form, paths), again);
  } finally {
    await sent.discard();
  }
}

/** How somebody comes to a case. */
export interface WayIn {
  /** With the name of the case in it. */
  readonly path: string;
  readonly party: Party;
  readonly guard: Middleware<State>;
  readonly limit?: Limit;
  /** Throws `not_found` for a case that is not theirs. */
  load(ctx: Ctx & { params: Record<string, string | undefined> }): Promise<ClaimCase>;
  /** Its page, relative to this node. */
  urlOf(kase: ClaimCase): string;
  show(ctx: Ctx, kase: ClaimCase, form: FormState): Promise<void>;
}

const PICTURES: FileLimits = { field: 'pictures', maxFiles: MOST_PICTURES, maxFileBytes: MOST_PICTURE_BYTES };

/** A form of one's case that may bring files. `act` returns where in the page of the case its answer stands. */
export function postWithFiles<Schema extends z.ZodType>(
  routes: Router<State>,
  { limits, uploadsDir }: CaseDeps,
  { path, guard, limit, load, urlOf, show }: WayIn,
  { name, schema, ...files }: FileLimits & { readonly name: string; readonly schema: Schema },
  act: (work: Work, kase: ClaimCase, form: z.output<Schema>, paths: readonly string[]) => Promise<string>,
): void {
  routes.post(`${path}/${name}`, guard, async (ctx) => {
    sealPage(ctx);
    if (limit) limits.take(ctx, limit);
    const kase = await load(ctx);
    await submitWithFiles(
      ctx,
      uploadsDir,
      files,
      schema,
      async (form, paths) => ctx.redirect(`${urlOf(kase)}${await act(ctx.state.work, kase, form, paths)}`),
      (form) => show(ctx, kase, form),
    );
  });
}

/** Messages with their pictures, for one of the three who talk; each picture is bound to its case and thread. */
export function threadRoutes(routes: Router<State>, deps: CaseDeps, way: WayIn): void {
  const { path, party, guard, load } = way;

  const messages = { ...PICTURES, name: 'messages', schema: MessageForm };
  postWithFiles(routes, deps, way, messages, async (work, kase, form, paths) => {
    await say(work, deps.claims, kase, party, form, paths);
    return `?said=message#thread-${form.thread}`;
  });

  routes.get(`${path}/attachments/:picture`, guard, async (ctx) => {
    sealPage(ctx);
    const { em, files } = ctx.state.work;
    const { sha256, totalBytes } = await loadAttachment(em, await load(ctx), party, uuidParam(ctx, 'picture'));
    await sendBytes(ctx, {
      ...{ files, sha256, totalBytes, contentType: 'image/webp', fileName: 'picture.webp' },
      ...{ disposition: 'inline', cacheControl: 'private, no-store' },
    });
  });
}

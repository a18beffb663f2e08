import type { EntityManager } from '@mikro-orm/core';
import type { z } from 'zod';
import { nodeSettings } from '../../accounts/node-settings.ts';
import { inList, rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { type FormState, type RawForm, readRawForm, submitRaw } from '../../kit/web/forms.ts';
import { type MultipartForm, readMultipart } from '../../kit/web/multipart.ts';
import type { Limit } from '../../kit/web/rate-limit.ts';
import type { Ctx } from '../../kit/web/state.ts';
import type { Work } from '../../kit/work.ts';
import { RATING } from '../../safety/ratings.ts';
import type { GalleryDeps } from '../deps.ts';
import { Image, Post } from '../model.ts';
import { assertMayPost, createDraft, dropEmptyDraft } from '../posts/draft.ts';
import { takeFiles } from '../posts/take-files.ts';
import { PICTURE_COLUMNS, type PictureRow, type PictureView, pictureView } from '../views.ts';
import type { GivenPicture, GivenPictures, TalkKind } from './hold.ts';
import { loadTalkPictures, type PicturesField, picturesField } from './shown.ts';

/** Pictures that one person may put beside words in an hour. */
export const TALK_PICTURES: Limit = { name: 'talk-pictures', max: 60, perMs: 3_600_000 };

/** For the form that changes words of one's own. */
export async function keptPictures(
  asked: Pick<Work, 'em' | 'viewer'>,
  { kind, id }: { readonly kind: TalkKind; readonly id: string },
): Promise<PicturesField> {
  const { items } = await loadTalkPictures(asked, kind, id);
  return picturesField(
    kind,
    items,
    items.reduce((levels, { level }) => levels | level, 0),
  );
}

export type PictureFormDeps = Pick<
  GalleryDeps,
  'uploadsDir' | 'maxImageBytes' | 'minFreeBytes' | 'defaultQuotaBytes' | 'hashGate' | 'limits' | 'settings'
>;

interface Brought {
  readonly given: readonly GivenPicture[];
  readonly refused: readonly string[];
  /** Where the files of this form wait; 0 where it had none. */
  readonly draftId: number;
}

/**
 * A form of words with pictures: files, and what was here before as `picture` with `alt-<id>` and `drop-<id>`. What was
 * taken of a form that is refused waits in a draft of the author and is shown again with it. A form without any field of
 * pictures says nothing of them.
 */
export async function submitTalk<Schema extends z.ZodType>(
  ctx: Ctx,
  deps: PictureFormDeps,
  { kind, schema }: { readonly kind: TalkKind; readonly schema: Schema },
  act: (form: z.output<Schema>, pictures: GivenPictures | undefined) => Promise<void>,
  again: (state: FormState, pictures: PicturesField) => Promise<void> | void,
): Promise<void> {
  const sent = await readSent(ctx, deps);
  let draftId = 0;
  try {
    const { given, refused, ...brought } = await bring(ctx, deps, sent);
    draftId = brought.draftId;
    const { allowedLevels } = await deps.settings.read(ctx.state.work.em, nodeSettings);
    const pictures = speaksOfPictures(sent) ? { pictures: given, allowedLevels } : undefined;
    const guarded = async (form: z.output<Schema>) => {
      const message = refused.join(' ');
      if (message !== '') throw new AppError('invalid', message, { fields: { pictures: message } });
      await act(form, pictures);
      // a form that came before needed nothing of it
      await dropDraft(ctx.state.work.em.fork(), draftId);
    };
    await submitRaw(ctx, sent.fields, schema, guarded, async (state) => {
      // the form is still there with its files, and the refusal is shown above it
      const isInPlace = ctx.get('hx-request') !== '' && (kind === 'comment' || sent.files.length > 0);
      if (isInPlace) throw new AppError('invalid', state.message ?? '', { fields: state.errors });
      const kept = await loadOwn(ctx.state.work.em, ctx.state.work.viewer?.id ?? 0, given);
      const level = given.reduce((levels, one) => levels | (one.level ?? 0), 0);
      await again(state, picturesField(kind, kept, level, state.errors));
    });
  } catch (error) {
    await dropDraft(ctx.state.work.em.fork(), draftId);
    throw error;
  } finally {
    await sent.discard();
  }
}

/** What nobody is shown again is not kept. */
async function dropDraft(em: EntityManager, draftId: number): Promise<void> {
  if (draftId === 0 || (await em.count(Post, { id: draftId, state: 'draft' })) === 0) return;
  await em.nativeDelete(Image, { post: draftId });
  await em.nativeDelete(Post, { id: draftId, state: 'draft' });
}

type Sent = Pick<MultipartForm, 'fields' | 'files' | 'discard'>;

async function readSent(ctx: Ctx, { uploadsDir, maxImageBytes }: PictureFormDeps): Promise<Sent> {
  if (!ctx.is('multipart/form-data')) return { fields: await readRawForm(ctx), files: [], discard: async () => {} };
  // more than may stand there, and larger: that is said beside the field then, and what was written is kept
  return readMultipart(ctx, { folder: uploadsDir, maxFiles: 20, maxFileBytes: 2 * maxImageBytes, maxFields: 60 });
}

const speaksOfPictures = ({ fields, files }: Sent): boolean =>
  files.length > 0 || fields.picture !== undefined || fields.pictures !== undefined;

const textIn = (fields: RawForm, name: string): string | undefined => {
  const value = fields[name];
  return typeof value === 'string' ? value : undefined;
};

/** Those of the form that stay, and its files. */
async function bring(ctx: Ctx, deps: PictureFormDeps, { fields, files }: Sent): Promise<Brought> {
  const level = Number(textIn(fields, 'rating')) || RATING.pg;
  const named = [fields.picture ?? []].flat().filter((id) => /^[1-9]\d{0,8}$/.test(id));
  const kept = named.slice(0, 20).flatMap((id): GivenPicture[] => {
    if (fields[`drop-${id}`] !== undefined) return [];
    return [{ id: Number(id), level, altText: textIn(fields, `alt-${id}`) }];
  });
  if (files.length === 0) return { given: kept, refused: [], draftId: 0 };
  assertMayPost(ctx.state.work.viewer);
  for (const _ of files) deps.limits.take(ctx, TALK_PICTURES);
  const draft = await createDraft(ctx.state.work);
  const given = [...kept];
  const refused: string[] = [];
  for (const [n, file] of files.entries()) {
    const answer = await takeFiles(ctx.state.work, deps, draft.id, [file]);
    refused.push(...answer.refused.map(({ message }) => message));
    const altText = textIn(fields, `alt-new-${n + 1}`);
    given.push(...answer.taken.map(({ imageId: id }) => ({ id, level, altText })));
  }
  await dropEmptyDraft(ctx.state.work, draft.id);
  return { given, refused, draftId: draft.id };
}

async function loadOwn(em: EntityManager, ownerId: number, given: readonly GivenPicture[]): Promise<PictureView[]> {
  const ids = given.map(({ id }) => id);
  const found = await rows<PictureRow>(
    em.fork(),
    `select ${PICTURE_COLUMNS} from image i where i.id in (${inList(ids)}) and i.owner_id = ? and i.deleted_at is null`,
    [...ids, ownerId],
  );
  return given.flatMap(({ id, altText }) => {
    const row = found.find((one) => one.image_id === id);
    if (!row) return [];
    return [pictureView({ ...row, alt_text: altText ?? row.alt_text }, { levels: 63, blurLevels: 0 })];
  });
}

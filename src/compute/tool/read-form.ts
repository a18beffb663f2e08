import { readRecipe } from '../../gallery/recipe/read.ts';
import type { ReadRecipe } from '../../gallery/recipe/recipe.ts';
import { AppError } from '../../kit/errors.ts';
import { type RawForm, readRawForm } from '../../kit/web/forms.ts';
import { readMultipart, type UploadedFile } from '../../kit/web/multipart.ts';
import type { Ctx } from '../../kit/web/state.ts';
import type { Viewer } from '../../kit/work.ts';
import type { ComputeDeps } from '../deps.ts';
import { type InputKind, takeInput } from '../desk/inputs.ts';

const FILES: Readonly<Record<string, InputKind>> = { startFile: 'picture', maskFile: 'mask' };
const UPLOADS = { name: 'generate-upload', max: 200, perMs: 3_600_000 };
const MOST_PROMPT_BYTES = 200_000;

export interface ToolForm {
  readonly raw: RawForm;
  /** What a dropped picture says about how it was made; null when none was sent. */
  readonly dropped: ReadRecipe | null;
  /** Why a file was refused, by its field. */
  readonly errors: Readonly<Record<string, string>>;
}

/**
 * The form of the tool, with files or without. Pictures to begin from are taken at once, and stand in the form by their
 * keys; a file that is refused leaves the rest of the form as it is.
 */
export async function readToolForm(ctx: Ctx, viewer: Viewer, deps: ComputeDeps): Promise<ToolForm> {
  if (!ctx.is('multipart/form-data')) return { raw: await readRawForm(ctx), dropped: null, errors: {} };
  const { maxImageBytes, uploadsDir } = deps;
  const form = await readMultipart(ctx, {
    ...{ folder: uploadsDir, maxFiles: 3, maxFileBytes: maxImageBytes },
    maxFieldBytes: MOST_PROMPT_BYTES,
  });
  try {
    if (form.files.length > 0) deps.limits.take(ctx, UPLOADS);
    let raw = form.fields;
    let dropped: ReadRecipe | null = null;
    const errors: Record<string, string> = {};
    for (const file of form.files) {
      const kind = FILES[file.field];
      if (file.field === 'recipeFile') dropped = await readRecipe(file.path);
      if (!kind) continue;
      try {
        raw = await withInput(ctx, viewer, deps, raw, file, kind);
      } catch (error) {
        if (!(error instanceof AppError) || error.kind === 'unavailable') throw error;
        errors[kind === 'mask' ? 'mask' : 'start'] = error.message;
      }
    }
    return { raw, dropped, errors };
  } finally {
    await form.discard();
  }
}

async function withInput(
  ctx: Ctx,
  viewer: Viewer,
  { minFreeBytes, hashGate }: ComputeDeps,
  raw: RawForm,
  { path }: UploadedFile,
  kind: InputKind,
): Promise<RawForm> {
  const key = await takeInput(ctx.state.work, viewer, { path, kind, minFreeBytes, hashGate });
  // a mask belongs to the picture that it was painted on
  return kind === 'mask' ? { ...raw, mask: key } : { ...raw, start: key, mask: '' };
}

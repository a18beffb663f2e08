import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { z } from 'zod';
import { Account } from '../../accounts/model.ts';
import type { ImageLimits } from '../../gallery/deps.ts';
import { isPhotograph, originOf } from '../../gallery/images/origin.ts';
import { rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { newId } from '../../kit/ids.ts';
import { defineJob } from '../../kit/queue/define.ts';
import { Job } from '../../kit/queue/job.ts';
import { assertFreeSpace } from '../../kit/storage/files.ts';
import { greyPng, plainPng } from '../../kit/storage/images-plain.ts';
import { t } from '../../kit/web/messages.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { type GenerationStart, PROVENANCES, type Provenance } from '../model.ts';
import { GenerationInput } from './model.ts';
import { findStart } from './start.ts';

/** Larger than anything that an engine makes; more would only be made smaller again. */
const MOST_SIDE = 4096;
/** Of one person at a time: the longest unused go first. */
const MOST_INPUTS = 40;
const KEEP_MS = 7 * 86_400_000;

/** What is transparent in a picture is paper; in a mask it is what stays. */
const GROUNDS = { picture: '#ffffff', mask: '#000000' } as const;
export type InputKind = keyof typeof GROUNDS;

/** Takes an upload, drawn anew. Returns its key. Throws what `plainPng` throws, `withheld` and `unavailable`. */
export async function takeInput(
  { em, files, jobs, now }: Pick<Work, 'em' | 'files' | 'jobs' | 'now'>,
  viewer: Viewer,
  {
    path,
    kind,
    minFreeBytes,
    hashGate,
  }: { readonly path: string; readonly kind: InputKind } & Pick<ImageLimits, 'minFreeBytes' | 'hashGate'>,
): Promise<string> {
  await hashGate.assertPicture(em, { door: 'generation-input', accountId: viewer.id }, path);
  const provenance = await provenanceOf(path);
  const { png, width, height } = await plainPng(path, MOST_SIDE, GROUNDS[kind]);
  await assertFreeSpace(files, png.length, minFreeBytes);
  const { sha256, totalBytes } = await files.put(png);
  await em.transactional(async (tx) => {
    const known = await tx.findOne(GenerationInput, { account: viewer.id, sha256 });
    // the same picture without its metadata is what it was
    if (known) Object.assign(known, { usedAt: now(), provenance: stricter(known.provenance, provenance) });
    else {
      const account = tx.getReference(Account, viewer.id);
      tx.create(
        GenerationInput,
        { id: newId(), account, sha256, totalBytes, width, height, provenance, usedAt: now() },
        { persist: true },
      );
    }
    await tx.flush();
    const tooMany = await tx.find(
      GenerationInput,
      { account: viewer.id },
      { orderBy: { usedAt: -1 }, offset: MOST_INPUTS },
    );
    for (const old of tooMany) tx.remove(old);
    if ((await tx.count(Job, { name: forgetInputsJob.name, state: 'queued' })) === 0) {
      jobs.enqueue(tx, forgetInputsJob, {}, { delayMs: KEEP_MS, dedupeKey: forgetInputsJob.name });
    }
    await tx.flush();
  });
  return `up:${sha256}`;
}

/** What a request keeps of the picture that it begins from. Throws `invalid` when it cannot be had, or the mask is empty. */
export async function keepStart(
  { em, files }: Pick<Work, 'em' | 'files'>,
  viewer: Viewer,
  {
    key,
    mask: maskKey,
    denoise,
    resize,
    isAttested,
  }: { key: string; mask: string; denoise: number; resize: GenerationStart['resize']; isAttested: boolean },
): Promise<GenerationStart> {
  const found = await findStart(em, viewer, key);
  if (!found) throw refusal('start', t('generate.start-gone'));
  const bytes = () => buffer(files.open(found.sha256));
  const plain = found.isPlain ? found : await plainPng(files.localPath(found.sha256) ?? (await bytes()), MOST_SIDE);
  const { width, height } = plain;
  const { provenance } = found;
  if (provenance === 'photo' && !isAttested) throw refusal('photoRights', t('safety.attest-photo'));
  const from = { provenance, ...(provenance === 'photo' ? { isAttested: true as const } : {}) };
  const sha256 = 'png' in plain ? (await files.put(plain.png)).sha256 : plain.sha256;

  const mask = maskKey === '' ? null : await findStart(em, viewer, maskKey);
  if (maskKey !== '' && !mask) throw refusal('mask', t('generate.mask-gone'));
  if (!mask) return { sha256, width, height, maskSha256: null, denoise, resize, ...from };
  const grey = await greyPng(await buffer(files.open(mask.sha256)), width, height);
  if (grey.isBlack) throw refusal('mask', t('generate.mask-empty'));
  const { sha256: maskSha256 } = await files.put(grey.png);
  return { sha256, width, height, maskSha256, denoise, resize, ...from };
}

/** By what the file says; a picture without a word of where it is from may be a photograph. */
async function provenanceOf(path: string): Promise<Provenance> {
  // what is no picture is refused with a reason right after this
  const origin = await originOf(await readFile(path)).catch(() => 'unknown' as const);
  if (isPhotograph(origin)) return 'photo';
  return origin === 'generated' ? 'claimed' : 'unproven';
}

const stricter = (one: Provenance, other: Provenance): Provenance =>
  PROVENANCES.indexOf(one) > PROVENANCES.indexOf(other) ? one : other;

const refusal = (field: string, message: string) => new AppError('invalid', message, { fields: { [field]: message } });

export const forgetInputsJob = defineJob({
  name: 'compute.forget-inputs',
  lane: 'clock',
  payload: z.object({}),
  attempts: 3,
  run: async ({ em, jobs, now }) => {
    await em.nativeDelete(GenerationInput, { usedAt: { $lt: new Date(now().getTime() - KEEP_MS) } });
    const [left] = await rows<{ one: number }>(em, 'select 1 as one from generation_input limit 1');
    if (!left) return;
    jobs.enqueue(em, forgetInputsJob, {}, { delayMs: KEEP_MS / 7, dedupeKey: forgetInputsJob.name });
    await em.flush();
  },
});

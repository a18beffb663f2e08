import { AppError } from '../../kit/errors.ts';
import { t } from '../../kit/web/messages.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { abilitiesOf } from '../abilities.ts';
import { keepStart } from '../desk/inputs.ts';
import type { EngineCaps } from '../engine/protocol.ts';
import { MAX_COUNT } from '../form.ts';
import { GenerationImage, type GenerationRequest } from '../model.ts';
import { findCheckpoint } from '../models/choose.ts';
import { Families } from '../models/families.ts';
import { drawSeed } from '../request.ts';
import { fittingSize } from '../sizes.ts';

const FACTOR = 2;
/** Under this an enlarged picture is hardly another one. */
const LEAST_GAIN = 1.2;
const UPSCALE_DENOISE = 0.3;
const VARIATION_STRENGTH = 0.2;
const VARIATIONS = 4;

interface Result {
  readonly request: GenerationRequest;
  readonly image: GenerationImage;
}

/** One's own result with what it was made by. Throws `not_found`. */
async function loadResult({ em }: Pick<Work, 'em'>, viewer: Viewer, imageId: string): Promise<Result> {
  const where = { id: imageId, deletedAt: null, generation: { account: viewer.id, deletedAt: null } };
  const image = await em.findOne(GenerationImage, where, { populate: ['generation'] });
  if (!image) throw new AppError('not_found', 'There is no such picture.');
  return { image, request: image.generation.$.request };
}

/** The picture made again at twice its size, as far as the engine reaches, from itself. Throws `invalid`. */
export async function upscaleRequest(
  work: Pick<Work, 'em' | 'files'>,
  viewer: Viewer,
  caps: EngineCaps,
  imageId: string,
): Promise<GenerationRequest> {
  const { request, image } = await loadResult(work, viewer, imageId);
  if (!abilitiesOf(caps).start) throw cannot('start');
  const { model } = request;
  const key = model.fileId === null ? model.sha256 : String(model.fileId);
  const offer = await findCheckpoint(work.em, viewer, key);
  const family = offer && (await Families.read(work.em, caps)).capsOf(offer.baseModel);
  if (!family) throw new AppError('gone', `${model.name} is not offered here any more.`);
  const size = fittingSize(image, family, FACTOR);
  if (Math.max(size.width / image.width, size.height / image.height) < LEAST_GAIN) {
    throw new AppError('invalid', t('generate.largest', { width: image.width, height: image.height }));
  }
  const { hires: _hires, variation: _variation, start: before, ...rest } = request;
  const resize = 'stretch' as const;
  // what was said of the photograph that it was made from holds for what was made
  const isAttested = before?.isAttested === true;
  const from = { key: `result:${imageId}`, mask: '', denoise: UPSCALE_DENOISE, resize, isAttested };
  const start = await keepStart(work, viewer, from);
  return { ...rest, ...size, start, seed: image.seed, isSeedDrawn: false, count: 1 };
}

/** Pictures that stay near this one: its seed, with some of the noise of others. Throws `invalid`. */
export async function variationsRequest(
  work: Pick<Work, 'em'>,
  viewer: Viewer,
  caps: EngineCaps,
  imageId: string,
): Promise<GenerationRequest> {
  const { request, image } = await loadResult(work, viewer, imageId);
  if (!abilitiesOf(caps).variation) throw cannot('variation');
  const variation = { seed: drawSeed(), strength: VARIATION_STRENGTH };
  return { ...request, seed: image.seed, isSeedDrawn: false, count: Math.min(VARIATIONS, MAX_COUNT), variation };
}

const cannot = (what: string) =>
  new AppError('invalid', t('generate.engine-cannot', { what: t(`generate.ability.${what}`) }));

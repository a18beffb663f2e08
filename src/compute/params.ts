import type { JobHandle } from '../kit/queue/define.ts';
import type { EngineEvent, GenerateParams } from './engine/protocol.ts';
import type { Place } from './engines/ride.ts';
import { MAX_SEED } from './form.ts';
import type {
  Generation,
  GenerationFile,
  GenerationHires,
  GenerationRequest,
  GenerationStart,
  GenerationVariation,
} from './model.ts';
import { ModelCache } from './models/cache.ts';
import { encodePhase, overallProgress } from './phase.ts';

/** How the file of a picture that a job begins from is called in the folder of the jobs: it goes with the job. */
export const inputFile = (jobId: string, kind: 'start' | 'mask'): string => `${jobId}-${kind}.png`;

/** A request in the words of the wire, with what the picture says of itself. */
export function paramsOf(
  { id, request }: Generation,
  {
    jobId,
    programVersion,
    publicUrl,
  }: { readonly jobId: string; readonly programVersion: string; readonly publicUrl: URL },
): GenerateParams {
  const { model, loras, steps, sampler, schedule, seed, count, width, height } = request;
  const { vae, embeddings = [], variation, start, hires, format } = request;
  const fileOfEngine = ({ sha256, name }: GenerationFile) => ({ file: ModelCache.fileOf(sha256), sha256, name });
  const resource = (kind: string, file: GenerationFile) => ({
    ...{ kind, name: file.name, hash: file.sha256 },
    ...(file.versionId === null ? {} : { uri: new URL(`/versions/${file.versionId}`, publicUrl).href }),
  });
  return {
    ...{ steps, sampler, schedule, seed, count, width, height },
    model: fileOfEngine(model),
    ...(vae ? { vae: fileOfEngine(vae) } : {}),
    loras: loras.map((lora) => ({ ...fileOfEngine(lora), unet: lora.weight, te: lora.weight })),
    ...(embeddings.length > 0 ? { embeddings: embeddings.map(fileOfEngine) } : {}),
    prompt: request.prompt,
    negative: request.negativePrompt,
    cfg: request.cfgScale,
    ...(request.cfgRescale ? { cfg_rescale: request.cfgRescale } : {}),
    ...(variation ? variationOf(variation, seed, count) : {}),
    ...(request.rng ? { rng: request.rng } : {}),
    ...(start ? { init: startOf(start, jobId) } : {}),
    ...(hires ? { hires: hiresOf(hires) } : {}),
    ...(request.isRepeatable ? { determinism: 'batch1' as const } : {}),
    ...(format ? { output: { format, quality: QUALITY, embed: true } } : {}),
    clip_skip: request.clipSkip,
    preview: { every: 1, max_px: 384 },
    version: programVersion,
    record: {
      generation: id,
      resources: [
        resource('checkpoint', model),
        ...(vae ? [resource('vae', vae)] : []),
        ...loras.map((lora) => ({ ...resource('lora', lora), weight: lora.weight })),
        ...embeddings.map((one) => resource('embedding', one)),
      ],
    },
  };
}

const QUALITY = 92;

/** Variations keep their seed, as in A1111: the second seed alone goes on from picture to picture. */
const variationOf = (variation: GenerationVariation, seed: number, count: number) => ({
  ...{ subseed: variation.seed, subseed_strength: variation.strength },
  batch: Array.from({ length: count }, (_, n) => ({ seed, subseed: (variation.seed + n) % (MAX_SEED + 1) })),
});

const startOf = ({ maskSha256, denoise, resize }: GenerationStart, jobId: string) => ({
  file: inputFile(jobId, 'start'),
  ...(maskSha256 ? { mask: inputFile(jobId, 'mask') } : {}),
  ...{ denoise, resize },
});

const hiresOf = ({ scale, upscaler, upscalerFile, steps, denoise }: GenerationHires) => ({
  ...{ scale, steps, denoise },
  upscaler: upscalerFile ? `model:${ModelCache.fileOf(upscalerFile.sha256)}` : upscaler,
  ...(upscalerFile ? { upscaler_name: upscalerFile.name } : {}),
});

const MOST_WARNINGS = 20;

/** Passes on what the engine says of a job: its phase, and one preview for the tile; what it wonders about is added to `warnings`. */
export function follow(
  handle: JobHandle,
  { steps }: Pick<GenerationRequest, 'steps'>,
  warnings: string[],
  { offset, count, total: all }: Place,
) {
  let preview: Uint8Array | undefined;
  let firstIndex = 0;
  return (event: EngineEvent): void => {
    if (event.t === 'preview' && event.index <= firstIndex + 3) {
      // the first of its own in what is made at the moment
      if (event.index === Math.max(firstIndex, offset) && event.index < offset + count)
        preview = Buffer.from(event.webp, 'base64');
      return;
    }
    const isOfOthers = event.t === 'warn' && event.images?.every((one) => one < offset || one >= offset + count);
    if (event.t === 'warn' && !isOfOthers && warnings.length < MOST_WARNINGS && !warnings.includes(event.text)) {
      warnings.push(event.text.slice(0, 500));
    }
    if (event.t !== 'progress') return;
    if (event.phase === 'encode') firstIndex = event.step;
    const { done, total } = overallProgress(event, { firstIndex, count: all, steps });
    handle.progress(done, total, encodePhase(event), preview);
    preview = undefined;
  };
}

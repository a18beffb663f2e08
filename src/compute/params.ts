import type { JobHandle } from '../kit/queue/define.ts';
import type { EngineEvent, GenerateParams } from './engine/protocol.ts';
import type { Generation, GenerationFile, GenerationRequest } from './model.ts';
import { ModelCache } from './models/cache.ts';
import { encodePhase, overallProgress } from './phase.ts';

/** A request in the words of the wire, with what the picture says of itself. */
export function paramsOf(
  { id, request }: Generation,
  { programVersion, publicUrl }: { readonly programVersion: string; readonly publicUrl: URL },
): GenerateParams {
  const { model, loras, steps, sampler, schedule, seed, count, width, height } = request;
  const fileOfEngine = ({ sha256, name }: GenerationFile) => ({ file: ModelCache.fileOf(sha256), sha256, name });
  const addressOf = ({ versionId }: GenerationFile) =>
    versionId === null ? {} : { uri: new URL(`/versions/${versionId}`, publicUrl).href };
  return {
    ...{ steps, sampler, schedule, seed, count, width, height },
    model: fileOfEngine(model),
    loras: loras.map((lora) => ({ ...fileOfEngine(lora), unet: lora.weight, te: lora.weight })),
    prompt: request.prompt,
    negative: request.negativePrompt,
    cfg: request.cfgScale,
    clip_skip: request.clipSkip,
    preview: { every: 1, max_px: 384 },
    version: programVersion,
    record: {
      generation: id,
      resources: [
        { kind: 'checkpoint', name: model.name, hash: model.sha256, ...addressOf(model) },
        ...loras.map((lora) => ({
          ...{ kind: 'lora', name: lora.name, hash: lora.sha256, weight: lora.weight },
          ...addressOf(lora),
        })),
      ],
    },
  };
}

/** Passes on what the engine says of a job: its phase, and one preview for the tile. */
export function follow(handle: JobHandle, { count, steps }: GenerationRequest) {
  let preview: Uint8Array | undefined;
  let firstIndex = 0;
  return (event: EngineEvent): void => {
    if (event.t === 'preview' && event.index <= firstIndex + 3) {
      if (event.index === firstIndex) preview = Buffer.from(event.webp, 'base64');
      return;
    }
    if (event.t !== 'progress') return;
    if (event.phase === 'encode') firstIndex = event.step;
    const { done, total } = overallProgress(event, { firstIndex, count, steps });
    handle.progress(done, total, encodePhase(event), preview);
    preview = undefined;
  };
}

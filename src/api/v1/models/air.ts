import type { ModelType } from '../../../catalogue/types.ts';

// AIR names (spec/civitai-api.md 2.6): urn:air:{ecosystem}:{type}:{source}:{id}[@{version}][+{file}][.{format}]

const WORDS: Readonly<Record<ModelType, string>> = {
  Checkpoint: 'checkpoint',
  LORA: 'lora',
  LoCon: 'lycoris',
  DoRA: 'dora',
  TextualInversion: 'embedding',
  Hypernetwork: 'hypernet',
  AestheticGradient: 'ag',
  VAE: 'vae',
  Controlnet: 'controlnet',
  Upscaler: 'upscaler',
  MotionModule: 'motion',
  Poses: 'other',
  Wildcards: 'other',
  Workflows: 'other',
  Detection: 'other',
  Other: 'other',
};

export interface Named {
  readonly ecosystem: string;
  readonly type: ModelType;
  readonly modelId: number;
  readonly versionId: number;
}

/** `source` is the host of the node. */
export const writeAir = ({ ecosystem, type, modelId, versionId }: Named, source: string): string =>
  `urn:air:${ecosystem}:${WORDS[type]}:${source}:${modelId}@${versionId}`;

export interface ReadAir {
  readonly ecosystem: string;
  readonly type: string;
  readonly source: string;
  readonly id: string;
  readonly version: string | null;
  readonly fileId: string | null;
  readonly format: string | null;
}

/** `urn:` and `air:` may be left out; any source is taken. Null for what is no AIR. */
export function readAir(text: string): ReadAir | null {
  const match =
    /^(?:urn:)?(?:air:)?([\w-]{1,40}):([\w-]{1,40}):([\w.-]{1,253}(?::\d{1,5})?):([^@+\s]{1,200}?)(?:@([\w-]{1,80}))?(?:\+([\w-]{1,80}))?(?:\.(\w{1,20}))?$/i.exec(
      text,
    );
  if (!match) return null;
  const [, ecosystem = '', type = '', source = '', id = '', version, fileId, format] = match;
  return {
    ecosystem: ecosystem.toLowerCase(),
    type: type.toLowerCase(),
    source: source.toLowerCase(),
    id,
    version: version ?? null,
    fileId: fileId ?? null,
    format: format ?? null,
  };
}

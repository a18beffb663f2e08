// What an image says about how it was made, in one shape for all tools. Every field may be absent: tools leave out what
// they take for granted, and a value that makes no sense is left out too.

const TEXT_FIELDS = [
  'prompt',
  'negativePrompt',
  'sampler',
  'scheduler',
  'modelName',
  'modelHash',
  'vae',
  'vaeHash',
  'hiresUpscaler',
  'version',
] as const;
export type TextField = (typeof TEXT_FIELDS)[number];

/** Least and greatest sensible value, and whether it is a whole number. */
export const NUMBER_FIELDS = {
  steps: [0, 100_000, 'whole'],
  cfgScale: [-1000, 1000, 'any'],
  /** Distilled guidance (Flux), which is not classifier-free guidance. */
  guidance: [-1000, 1000, 'any'],
  width: [1, 1_000_000, 'whole'],
  height: [1, 1_000_000, 'whole'],
  /** Layers as A1111 counts them: 1 uses the last one. */
  clipSkip: [1, 24, 'whole'],
  denoisingStrength: [0, 10, 'any'],
  hiresUpscale: [0, 100, 'any'],
  hiresSteps: [0, 100_000, 'whole'],
} as const;
export type NumberField = keyof typeof NUMBER_FIELDS;

export type Recipe = { [field in TextField]?: string } & { [field in NumberField]?: number } & {
  /** The program, by the name that it gives itself. */
  tool?: string;
  /** Decimal digits: a seed has up to 64 bits, more than a JavaScript number holds. */
  seed?: string;
  /** Everything else, by the tool's own names. */
  others: Record<string, string>;
};

const RESOURCE_KINDS = [
  'checkpoint',
  'lora',
  'locon',
  'embedding',
  'vae',
  'hypernet',
  'upscaler',
  'controlnet',
] as const;
export type ResourceKind = (typeof RESOURCE_KINDS)[number];

export interface Resource {
  kind: ResourceKind;
  /** File name without folder and ending, or what the tool calls it. */
  name: string;
  /** Lower-case hexadecimal; AutoV1 to AutoV3, SHA-256 or BLAKE3 by its length and its tool. */
  hash?: string;
  weight?: number;
  /** Civitai's number of the version. */
  modelVersionId?: number;
  /** `urn:air:…` */
  air?: string;
  /** ActivityPub id of the version. */
  uri?: string;
}

export interface Provenance {
  /** `png:parameters`, `exif:UserComment`, `stealth:alpha`… */
  readonly carrier: string;
  readonly tool: string;
}

export interface ReadRecipe {
  /** Null when the image says nothing about how it was made. */
  readonly recipe: Recipe | null;
  readonly resources: readonly Resource[];
  /** The texts as found, by carrier. */
  readonly raw: Readonly<Record<string, string>>;
  /** Where each field of the recipe came from. */
  readonly provenance: Readonly<Record<string, Provenance>>;
  readonly problems: readonly string[];
}

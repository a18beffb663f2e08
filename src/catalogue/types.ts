/** Civitai's spellings: clients parse them (spec/civitai-api.md). */
export const MODEL_TYPES = [
  'Checkpoint', 'LORA', 'LoCon', 'DoRA', 'TextualInversion', 'Hypernetwork', 'AestheticGradient', 'VAE', 'Controlnet',
  'Upscaler', 'MotionModule', 'Poses', 'Wildcards', 'Workflows', 'Detection', 'Other',
] as const; // biome-ignore format: a list reads better packed
export type ModelType = (typeof MODEL_TYPES)[number];

export const COMMERCIAL_USES = ['None', 'Image', 'RentCivit', 'Rent', 'Sell'] as const;
export type CommercialUse = (typeof COMMERCIAL_USES)[number];

export const FILE_KINDS = [
  'Model',
  'Pruned Model',
  'Negative',
  'VAE',
  'Config',
  'Training Data',
  'Archive',
  'Other',
] as const;
export const FILE_FORMATS = ['SafeTensor', 'GGUF', 'PickleTensor', 'Diffusers', 'Other'] as const;
export const SCAN_RESULTS = ['Pending', 'Success', 'Danger', 'Error'] as const;
export const CONTENT_STATES = ['draft', 'scheduled', 'published', 'unpublished', 'deleted'] as const;
export type ContentState = (typeof CONTENT_STATES)[number];

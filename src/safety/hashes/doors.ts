/** Every way by which bytes come in or go out, and at which they are compared with the blocks (spec/guardrails.md section 4). */
export const DOORS = [
  'model-file',
  'mirrored-file',
  'post-image',
  'remote-image',
  'avatar',
  'banner',
  'remote-face',
  'dataset-item',
  'archive-member',
  'generation-input',
  'generated-output',
  'training-output',
  'case-attachment',
  'identity-proof',
  /** What was here already when a block was added. */
  'rescan',
] as const;
export type Door = (typeof DOORS)[number];

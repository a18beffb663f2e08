import { Finding } from './finding.ts';
import { asList, asObject, isObject, type JsonObject, parseLooseJson } from './json.ts';

// NovelAI: PNG texts Title, Description, Software, Source and Comment, the last a JSON of settings. In WebP and in
// hidden data the same five are one JSON, in which Comment is again a string.

const HANDLED = [
  'prompt',
  'uc',
  'steps',
  'scale',
  'seed',
  'sampler',
  'noise_schedule',
  'width',
  'height',
  'strength',
  'v4_prompt',
  'v4_negative_prompt',
  'signed_hash',
];

export const isNovelSettings = (value: JsonObject): boolean =>
  ('uc' in value || 'v4_prompt' in value) && ('scale' in value || 'sampler' in value) && !('c' in value);

export const isNovelEnvelope = (value: JsonObject): boolean =>
  'Comment' in value && (value.Software === 'NovelAI' || 'Source' in value || 'Description' in value);

export function readNovelSettings(value: JsonObject, envelope: JsonObject, carrier: string): Finding {
  const finding = new Finding('NovelAI', carrier);
  finding.text('prompt', withCharacters(value.v4_prompt, value.prompt ?? envelope.Description));
  finding.text('negativePrompt', withCharacters(value.v4_negative_prompt, value.uc));
  finding.number('steps', value.steps).number('cfgScale', value.scale).seed(value.seed).text('sampler', value.sampler);
  finding.text('scheduler', value.noise_schedule).number('width', value.width).number('height', value.height);
  if ('image' in value || value.request_type === 'Img2ImgRequest' || value.request_type === 'NativeInfillingRequest') {
    finding.number('denoisingStrength', value.strength);
  }
  const source = /^(.*?)(?: ([0-9A-F]{8}))?$/.exec(typeof envelope.Source === 'string' ? envelope.Source : '');
  if (source?.[1]) finding.model(source[1], source[2]);
  finding.other('Source', envelope.Source);
  return finding.others(value, HANDLED);
}

export function readNovelEnvelope(value: JsonObject, carrier: string): Finding {
  const comment = typeof value.Comment === 'string' ? parseLooseJson(value.Comment) : value.Comment;
  return readNovelSettings(asObject(comment), value, carrier);
}

/** Version 4 gives each character a prompt of its own. */
function withCharacters(prompt: unknown, plain: unknown): unknown {
  const caption = asObject(asObject(prompt).caption);
  const base = typeof caption.base_caption === 'string' && caption.base_caption !== '' ? caption.base_caption : plain;
  const characters = asList(caption.char_captions)
    .map((character) => (isObject(character) ? character.char_caption : null))
    .filter((text): text is string => typeof text === 'string' && text.trim() !== '');
  return typeof base === 'string' && characters.length > 0 ? [base, ...characters].join('\n') : base;
}

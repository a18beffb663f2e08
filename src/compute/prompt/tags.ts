const TAG = /<lora:([^:<>\n]{1,200})(?::([^<>\n]{0,40}))?>/gi;

export interface LoraTag {
  readonly name: string;
  readonly weight: number;
}

/** The LoRAs that a prompt names in A1111's words, `<lora:name:0.8>`; the strength of the UNet counts where two are given. */
export function loraTags(text: string): LoraTag[] {
  return [...text.matchAll(TAG)].slice(0, 200).map(([, name = '', rest = '']) => {
    const parts = rest.split(':').map((part) => part.replace(/^(?:te|unet)=/, ''));
    const weight = Number(parts[1] ?? (parts[0] === '' ? 1 : parts[0]));
    return { name: name.trim(), weight: Number.isFinite(weight) ? Math.max(-10, Math.min(10, weight)) : 1 };
  });
}

export const withoutTags = (text: string): string =>
  text
    .replaceAll(TAG, '')
    .replaceAll(/[ \t]{2,}/g, ' ')
    .trim();

/** Words put behind a prompt, with a comma between, unless they stand there already. */
export function withWords(prompt: string, words: string): string {
  const before = prompt.trimEnd();
  if (before.toLowerCase().includes(words.trim().toLowerCase())) return prompt;
  return before === '' ? words.trim() : `${before.replace(/,$/, '')}, ${words.trim()}`;
}

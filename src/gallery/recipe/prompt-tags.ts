import type { Finding } from './finding.ts';
import type { ResourceKind } from './recipe.ts';

const MOST_TAGS = 200;
const KINDS: Readonly<Record<string, ResourceKind>> = {
  lora: 'lora',
  lyco: 'locon',
  locon: 'locon',
  hypernet: 'hypernet',
};

/** Adds what the prompt names in A1111's words: `<lora:name:0.8>`, `<lyco:name:te=1:unet=0.5>`, `<hypernet:name:1>`. */
export function addLoraTags(
  finding: Finding,
  prompt: string,
  hashOfName: (kind: string, name: string) => string | undefined = () => undefined,
): void {
  let tags = 0;
  // Names are bounded, so that a prompt of many `<lora:` without an end costs no more than its length times the bound.
  for (const match of prompt.matchAll(/<(lora|lyco|locon|hypernet):([^:<>\n]{1,200})((?::[^<>\n]{0,100})?)>/gi)) {
    tags += 1;
    if (tags > MOST_TAGS) return;
    const [, word = '', name = '', rest = ''] = match;
    const kind = KINDS[word.toLowerCase()] ?? 'lora';
    finding.resource(kind, name, { hash: hashOfName(kind, name), weight: weightOf(rest) });
  }
}

function weightOf(rest: string): number {
  const parts = rest.split(':').slice(1);
  const unet = parts.find((part) => part.startsWith('unet='))?.slice(5);
  const first = parts[0]?.replace(/^te=/, '');
  const weight = Number(unet ?? (first === '' ? undefined : first) ?? 1);
  return Number.isFinite(weight) ? weight : 1;
}

/** Adds ComfyUI's `embedding:name`. */
export function addEmbeddingTags(finding: Finding, prompt: string): void {
  let tags = 0;
  for (const match of prompt.matchAll(/\bembedding:([\w\-./\\]{1,200})/gi)) {
    tags += 1;
    if (tags > MOST_TAGS) return;
    finding.resource('embedding', match[1]?.replace(/[.,]+$/, ''));
  }
}

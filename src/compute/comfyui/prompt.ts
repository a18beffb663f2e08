import { weightedPieces } from '../prompt/chunks.ts';
import { withoutTags } from '../prompt/tags.ts';

/** More parts than that are joined into the last. */
const MOST_PARTS = 20;

/**
 * A prompt of our grammar (A1111's) as ComfyUI reads one: weights written out, `[less]` too, which it does not know, and
 * an embedding called by `embedding:name`. What stands between BREAKs is a part of its own, encoded alone.
 */
export function comfyPrompts(prompt: string, embeddings: ReadonlyMap<string, string>): string[] {
  const parts = [''];
  for (const piece of weightedPieces(withoutTags(prompt))) {
    if (piece === null) {
      if (parts.length < MOST_PARTS) parts.push('');
      continue;
    }
    const text = withEmbeddings(escaped(piece.text), embeddings);
    const weight = Number(piece.weight.toFixed(3));
    parts[parts.length - 1] += weight === 1 || text.trim() === '' ? text : `(${text}:${weight})`;
  }
  return parts.map((part) => part.trim());
}

/** A bracket is meant as one here, and files of the server are named by us only. */
const escaped = (text: string): string => text.replaceAll(/embedding:/gi, 'embedding ').replaceAll(/[()]/g, '\\$&');

function withEmbeddings(text: string, embeddings: ReadonlyMap<string, string>): string {
  if (embeddings.size === 0) return text;
  return text.replaceAll(/[\w.-]+/g, (word) => {
    const listed = embeddings.get(word.toLowerCase());
    return listed === undefined ? word : `embedding:${listed}`;
  });
}

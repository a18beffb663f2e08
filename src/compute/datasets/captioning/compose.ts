import { tagsOf } from '../captions.ts';
import { MOST_CAPTION_CHARS } from '../limits.ts';
import type { Captioning } from '../model.ts';

const key = (tag: string): string => tag.toLowerCase();

/** What stands there afterwards: the prefix, what is kept of what stood there, and the tags, each once. */
export function composeCaption(
  before: string,
  found: string,
  { mode, prefix }: Pick<Captioning, 'mode' | 'prefix'>,
): string {
  const kept = mode === 'append' ? tagsOf(before) : [];
  const tags = new Map<string, string>();
  for (const tag of [...tagsOf(prefix), ...kept, ...tagsOf(found)]) if (!tags.has(key(tag))) tags.set(key(tag), tag);
  let caption = '';
  for (const tag of tags.values()) {
    const longer = caption === '' ? tag : `${caption}, ${tag}`;
    if (longer.length > MOST_CAPTION_CHARS) break;
    caption = longer;
  }
  return caption;
}

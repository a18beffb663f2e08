import { z } from 'zod';
import { AppError } from '../../kit/errors.ts';
import type { Work } from '../../kit/work.ts';
import { MOST_CAPTION_CHARS } from './limits.ts';
import { DatasetItem } from './model.ts';
import { loadOwnDataset } from './own.ts';

export const tagsOf = (caption: string): string[] =>
  caption
    .split(',')
    .map((tag) => tag.trim())
    .filter((tag) => tag !== '');

const joined = (tags: readonly string[]): string => tags.join(', ');
const sameTag = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase();

/** The fields stand in the form as `caption-<id>`. */
export const CaptionsForm = z.looseObject({}).transform((form, ctx) =>
  Object.entries(form).flatMap(([name, value]): { readonly id: string; readonly caption: string }[] => {
    const id = /^caption-([0-9a-f-]{36})$/.exec(name)?.[1];
    if (!id || typeof value !== 'string') return [];
    const caption = value.trim();
    if (caption.length > MOST_CAPTION_CHARS) {
      const message = `A caption has at most ${MOST_CAPTION_CHARS.toLocaleString('en')} characters; this one has ${caption.length.toLocaleString('en')}.`;
      ctx.addIssue({ code: 'custom', path: [name], message });
    }
    return [{ id, caption }];
  }),
);

/** Keeps what was typed; pictures that the form does not name stay as they are. */
export async function saveCaptions(
  work: Pick<Work, 'em' | 'viewer' | 'now'>,
  datasetId: string,
  captions: z.output<typeof CaptionsForm>,
): Promise<void> {
  const dataset = await loadOwnDataset(work, datasetId);
  const items = await work.em.find(DatasetItem, {
    dataset,
    deletedAt: null,
    id: { $in: captions.map(({ id }) => id) },
  });
  for (const { id, caption } of captions) {
    const item = items.find((one) => one.id === id);
    if (item) item.caption = caption;
  }
  dataset.updatedAt = work.now();
  await work.em.flush();
}

export const BULK_ACTS = ['replace', 'prepend', 'append', 'remove'] as const;

const text = z.string().max(500, 'At most 500 characters.').default('');

/** `tag` is the filter of the page: only pictures that have it are changed. */
export const BulkForm = z.object({
  act: z.enum(BULK_ACTS, 'Choose what to do.'),
  find: text,
  words: text,
  tag: text,
});

/** One change of many captions. Returns how many changed. Throws `invalid` when it says nothing to do, or makes one too long. */
export async function changeCaptions(
  work: Pick<Work, 'em' | 'viewer' | 'now'>,
  datasetId: string,
  { act, find, words, tag }: z.output<typeof BulkForm>,
): Promise<number> {
  const dataset = await loadOwnDataset(work, datasetId);
  if (act === 'replace' && find === '') throw refusal('find', 'Say what is to be found.');
  if (act !== 'replace' && words.trim() === '') throw refusal('words', 'Say which words.');
  const items = await work.em.find(DatasetItem, { dataset, deletedAt: null });
  let changedCount = 0;
  for (const item of items) {
    if (tag && !tagsOf(item.caption).some((one) => sameTag(one, tag))) continue;
    const caption = changed(item.caption, act, find, words);
    if (caption === item.caption) continue;
    if (caption.length > MOST_CAPTION_CHARS) {
      throw refusal(
        'words',
        `The caption of ${item.fileName} would become longer than ${MOST_CAPTION_CHARS.toLocaleString('en')} characters.`,
      );
    }
    item.caption = caption;
    changedCount += 1;
  }
  if (changedCount > 0) dataset.updatedAt = work.now();
  await work.em.flush();
  return changedCount;
}

function changed(caption: string, act: (typeof BULK_ACTS)[number], find: string, words: string): string {
  const added = tagsOf(words);
  const tags = tagsOf(caption);
  if (act === 'replace') return caption.replaceAll(find, () => words).trim();
  if (act === 'remove') {
    const kept = tags.filter((tag) => !added.some((one) => sameTag(one, tag)));
    return kept.length === tags.length ? caption : joined(kept);
  }
  // a tag stands once: at the start it moves there, at the end it stays where it is
  if (act === 'prepend') return joined([...added, ...tags.filter((tag) => !added.some((one) => sameTag(one, tag)))]);
  return joined([...tags, ...added.filter((one) => !tags.some((tag) => sameTag(one, tag)))]);
}

const refusal = (field: string, message: string) => new AppError('invalid', message, { fields: { [field]: message } });

export interface TagCount {
  readonly tag: string;
  readonly count: number;
}

/** How many pictures have each tag, the most frequent first. */
export function countTags(captions: readonly string[]): TagCount[] {
  const counts = new Map<string, TagCount>();
  for (const caption of captions) {
    for (const tag of new Map(tagsOf(caption).map((one) => [one.toLowerCase(), one])).values()) {
      const key = tag.toLowerCase();
      counts.set(key, { tag: counts.get(key)?.tag ?? tag, count: (counts.get(key)?.count ?? 0) + 1 });
    }
  }
  return [...counts.values()].sort((a, b) => b.count - a.count || a.tag.localeCompare(b.tag));
}

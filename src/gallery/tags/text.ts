import type { EntityManager } from '@mikro-orm/core';
import { z } from 'zod';
import { Account } from '../../accounts/model.ts';
import { audited } from '../../kit/audit/append.ts';
import { AppError } from '../../kit/errors.ts';
import { newId } from '../../kit/ids.ts';
import type { Work } from '../../kit/work.ts';
import { TagText } from './model.ts';
import { assertKeepsTags, loadTag, subjectOf } from './synonyms.ts';

const LONGEST = 10_000;
const MOST_SHOWN = 50;

export const TagTextForm = z.object({
  text: z.string().trim().max(LONGEST, `At most ${LONGEST} letters, please.`),
  /** The state that it was written from; '' for the first. */
  from: z.union([z.literal(''), z.uuid()]).catch(''),
});
export const RestoreForm = z.object({ id: z.uuid() });

type Parts = Pick<Work, 'em' | 'viewer' | 'now'>;

/**
 * A new state of a tag's text. The same text again is none. Throws `forbidden`, `not_found`, and `conflict` where somebody
 * else wrote meanwhile.
 */
export async function writeTagText(
  work: Parts,
  name: string,
  { text, from }: z.output<typeof TagTextForm>,
): Promise<void> {
  assertKeepsTags(work.viewer);
  const newest = await findTagText(work.em, (await loadTag(work.em, name)).id);
  if (text === (newest?.text ?? '')) return;
  if ((newest?.id ?? '') !== from) {
    throw new AppError('conflict', 'Somebody else changed this text meanwhile. Look at theirs, and save yours again.');
  }
  await addState(work, name, text, null);
}

/** Its text is again what it was in an older state, which is a new state. Throws `forbidden` and `not_found`. */
export async function restoreTagText(work: Parts, name: string, { id }: z.output<typeof RestoreForm>): Promise<void> {
  assertKeepsTags(work.viewer);
  const tag = await loadTag(work.em, name);
  const old = await work.em.findOne(TagText, { id, tag: tag.id });
  if (!old) throw new AppError('not_found', 'There is no such state.');
  await addState(work, name, old.text, old.id);
}

async function addState(work: Parts, name: string, text: string, restores: string | null): Promise<void> {
  const { viewer, now } = work;
  await audited(work, async (em) => {
    const tag = await loadTag(em, name);
    const id = newId();
    const author = viewer ? em.getReference(Account, viewer.id) : null;
    em.create(TagText, { id, tag, text, restores, author, writtenAt: now() }, { persist: true });
    const after = { text: id, letters: text.length, ...(restores ? { restores } : {}) };
    return { result: undefined, entries: [{ action: 'tag.write-text', subject: subjectOf(tag), after }] };
  });
}

/** As it is now; null where nobody wrote one. */
export const findTagText = (em: EntityManager, tagId: number): Promise<TagText | null> =>
  em.findOne(TagText, { tag: tagId }, { orderBy: { id: 'desc' } });

export interface TagTextState {
  readonly id: string;
  readonly text: string;
  readonly author: string;
  readonly at: string;
  readonly isRestored: boolean;
}

/** The newest first. */
export async function listTagTexts(em: EntityManager, tagId: number): Promise<TagTextState[]> {
  const found = await em.find(
    TagText,
    { tag: tagId },
    { orderBy: { id: 'desc' }, limit: MOST_SHOWN, populate: ['author'] },
  );
  return found.map(({ id, text, author, writtenAt, restores }) => ({
    ...{ id, text, author: author?.$.name ?? '', at: writtenAt.toISOString(), isRestored: restores != null },
  }));
}

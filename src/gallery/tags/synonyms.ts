import type { EntityManager } from '@mikro-orm/core';
import { z } from 'zod';
import { can } from '../../accounts/permissions.ts';
import { Tag } from '../../catalogue/model.ts';
import { ensureTags, parseTags } from '../../catalogue/tags.ts';
import { audited } from '../../kit/audit/append.ts';
import { rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { newId } from '../../kit/ids.ts';
import { defineJob } from '../../kit/queue/define.ts';
import type { Viewer, Work } from '../../kit/work.ts';

export const SynonymForm = z.object({
  word: z
    .string()
    .trim()
    .transform((text) => parseTags(text)[0] ?? '')
    .refine((word) => word !== '', 'Give the word.'),
});

/** Tags are everybody's: who moderates what people publish looks after them. */
export function assertKeepsTags(viewer: Viewer | null): void {
  if (!can(viewer, 'moderateContent')) throw new AppError('forbidden', 'Moderators look after tags.');
}

/** Throws `not_found`. */
export async function loadTag(em: EntityManager, name: string): Promise<Tag> {
  const tag = await em.findOne(Tag, { name: name.toLowerCase() });
  if (!tag) throw new AppError('not_found', 'There is no such tag.');
  return tag;
}

/**
 * A word means this tag from now on: what is written with it, or asked for by it, is the tag, and what bears the word
 * already comes to bear the tag. Whoever hides or follows the word hides or follows the tag as well. Throws `forbidden`,
 * `invalid`, and `conflict` for a tag that is a word for another one itself.
 */
export async function setSynonym(
  work: Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>,
  name: string,
  { word }: z.output<typeof SynonymForm>,
): Promise<void> {
  assertKeepsTags(work.viewer);
  const tag = await loadTag(work.em, name);
  if (word === tag.name) {
    throw new AppError('invalid', 'That is the tag itself.', { fields: { word: 'That is the tag itself.' } });
  }
  await audited(work, async (em) => {
    const [own] = await rows(em, 'select tag_id from tag_synonym where tag_id = ?', [tag.id]);
    if (own) throw new AppError('conflict', 'This tag is a word for another one itself.');
    const [alias] = await ensureTags(em, [word]);
    if (!alias) throw new AppError('unavailable', 'The word could not be written down. Try again.');
    // words for the word are words for the tag
    await rows(em, 'update tag_synonym set means_id = ? where means_id = ? returning tag_id', [tag.id, alias.id]);
    await rows(
      em,
      `insert into tag_synonym (tag_id, means_id, set_at) values (?, ?, ?)
       on conflict (tag_id) do update set means_id = excluded.means_id, set_at = excluded.set_at returning tag_id`,
      [alias.id, tag.id, work.now()],
    );
    work.jobs.enqueue(em, spreadSynonymJob, { tagId: alias.id });
    return { result: undefined, entries: [{ action: 'tag.set-synonym', subject: subjectOf(tag), after: { word } }] };
  });
}

/** The word is a tag of its own again; what was moved stays where it is. Throws `forbidden` and `not_found`. */
export async function removeSynonym(
  work: Pick<Work, 'em' | 'viewer' | 'now'>,
  name: string,
  { word }: z.output<typeof SynonymForm>,
): Promise<void> {
  assertKeepsTags(work.viewer);
  const tag = await loadTag(work.em, name);
  await audited(work, async (em) => {
    const gone = await rows(
      em,
      `delete from tag_synonym where means_id = ? and tag_id = (select id from tag where name = ?) returning tag_id`,
      [tag.id, word],
    );
    if (gone.length === 0) throw new AppError('not_found', 'This is no word for it.');
    return {
      result: undefined,
      entries: [{ action: 'tag.remove-synonym', subject: subjectOf(tag), before: { word } }],
    };
  });
}

export const subjectOf = (tag: Tag) => ({ kind: 'tag', id: tag.name });

/** Words that mean this tag. */
export async function listSynonyms(em: EntityManager, tagId: number): Promise<string[]> {
  const found = await rows<{ name: string }>(
    em,
    'select t.name from tag_synonym s join tag t on t.id = s.tag_id where s.means_id = ? order by t.name limit 100',
    [tagId],
  );
  return found.map(({ name }) => name);
}

const BATCH = 2_000;

/** Gives the tag to what bears the word, and what people chose about the word to the tag. Again does the rest. */
async function spreadSynonym({ em, now }: Pick<Work, 'em' | 'now'>, tagId: number): Promise<void> {
  const [synonym] = await rows<{ means_id: number }>(em, 'select means_id from tag_synonym where tag_id = ?', [tagId]);
  if (!synonym) return;
  for (const kind of ['model', 'post'] as const) {
    for (let moved = BATCH; moved === BATCH; ) {
      moved = await em.transactional(async (inner) => {
        const batch = `select ${kind}_id from ${kind}_tag where tag_id = ? order by ${kind}_id limit ${BATCH}`;
        await rows(
          inner,
          `insert into ${kind}_tag (${kind}_id, tag_id) select ${kind}_id, cast(? as integer) from (${batch}) batch where true
           on conflict do nothing returning tag_id`,
          [synonym.means_id, tagId],
        );
        const gone = await rows(
          inner,
          `delete from ${kind}_tag where tag_id = ? and ${kind}_id in (${batch}) returning tag_id`,
          [tagId, tagId],
        );
        return gone.length;
      });
    }
  }
  for (const [table, who] of [
    ['hidden', 'account_id'],
    ['topic_follow', 'follower_id'],
  ] as const) {
    const chosen = await rows<{ who: number }>(
      em,
      `select x.${who} as who from ${table} x where x.tag_id = ?
         and not exists (select 1 from ${table} y where y.tag_id = ? and y.${who} = x.${who})`,
      [tagId, synonym.means_id],
    );
    for (const { who: accountId } of chosen) {
      await rows(
        em,
        `insert into ${table} (id, ${who}, tag_id, created_at) values (?, ?, ?, ?) on conflict do nothing returning id`,
        [newId(), accountId, synonym.means_id, now()],
      );
    }
  }
}

export const spreadSynonymJob = defineJob({
  name: 'gallery.spread-synonym',
  lane: 'media',
  payload: z.object({ tagId: z.int() }),
  attempts: 5,
  run: (work, { tagId }) => spreadSynonym(work, tagId),
});

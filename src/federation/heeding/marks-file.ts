import type { EntityManager } from '@mikro-orm/core';
import { z } from 'zod';
import type { Line } from '../../kit/storage/vault/line-log.ts';
import type { OwnMark } from '../../moderation/takedown/again/marks.ts';
import { defineTakedownStep, done } from '../../moderation/takedown/step.ts';
import type { Federation } from '../deps.ts';
import type { InboxWork } from '../inbox/act.ts';
import { removeObject } from '../inbox/remove-object.ts';
import { ApObject as StoredObject, Tombstone } from '../model.ts';
import { DigestTombstone } from '../notices/model.ts';
import { refuseAtDoors } from './digests.ts';

/*
 * What notices of other nodes took down stands in the same file as what our own decisions did
 * (moderation/takedown/again/marks.ts), and is taken down again after a restore in the same way.
 */
const Mark = z.object({
  notice: z.string(),
  uri: z.string(),
  actor: z.string(),
  category: z.string(),
  digests: z.array(z.string()),
  at: z.string(),
});
const Undone = z.object({ undone: z.string() });

export const keepMark = (
  { marks }: Pick<Federation, 'marks'>,
  line: z.output<typeof Mark> | z.output<typeof Undone>,
): Promise<void> => marks.append(line);

/** Marks that the database does not have are set again, and what they took down goes again. Returns how many. */
export async function restoreMarks(work: InboxWork, federation: Federation, lines: readonly Line[]): Promise<number> {
  const { em } = work;
  let count = 0;
  for (const { notice, uri, actor, category, digests, at } of marksOf(lines)) {
    if ((await em.count(Tombstone, { noticeUri: notice })) > 0) continue;
    const facts = { uri, actorUri: actor, deletedAt: new Date(at), noticeUri: notice };
    await em.upsert(Tombstone, facts, { onConflictFields: ['uri'], onConflictAction: 'merge' });
    for (const digest of digests) {
      const row = { digest, noticeUri: notice, category, at: new Date(at) };
      await em.upsert(DigestTombstone, row, { onConflictFields: ['digest'], onConflictAction: 'ignore' });
      await refuseAtDoors(em, digest, category, null, work.now());
    }
    await em.nativeDelete(StoredObject, { uri });
    await removeObject(work, federation, uri);
    em.clear();
    count += 1;
  }
  return count;
}

function marksOf(lines: readonly Line[]): readonly z.output<typeof Mark>[] {
  const marks = new Map<string, z.output<typeof Mark>>();
  for (const line of lines) {
    const mark = 'notice' in line ? Mark.safeParse(line).data : undefined;
    const undone = 'undone' in line ? Undone.safeParse(line).data : undefined;
    if (mark) marks.set(mark.notice, mark);
    if (undone) marks.delete(undone.undone);
  }
  return [...marks.values()];
}

const noticeOf = (takedownId: string): string => `takedown:${takedownId}`;

/** What this node removed of another server's, before the backup that is here now knew of it: no later word brings it in. */
export async function bury(em: EntityManager, { takedown, remote, at }: OwnMark): Promise<void> {
  if (!remote) return;
  const { uri, actor: actorUri } = remote;
  const facts = { uri, actorUri, deletedAt: new Date(at), noticeUri: noticeOf(takedown) };
  await em.upsert(Tombstone, facts, { onConflictFields: ['uri'], onConflictAction: 'merge' });
  await em.nativeDelete(StoredObject, { uri });
}

/** Undoing such a decision lets it in again. */
export const unburyStep = defineTakedownStep({
  name: 'let-in-again',
  outcomes: ['undo'],
  async run({ em }, { parameters }) {
    return done(`${await em.nativeDelete(Tombstone, { noticeUri: noticeOf(parameters.undoes ?? '') })} tombstones`);
  },
});

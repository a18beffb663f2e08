import { z } from 'zod';
import { AppError } from '../../../kit/errors.ts';
import { record } from '../../../kit/events/events.ts';
import { t } from '../../../kit/web/messages.ts';
import type { Work } from '../../../kit/work.ts';
import { assertSayable } from '../../../safety/words/sayable.ts';
import { Contest } from '../../contests/model.ts';
import { submissionDecided } from '../../events.ts';
import { touch } from '../items.ts';
import { CollectionItem } from '../model.ts';
import { isRefused } from '../refuse.ts';
import type { Collected } from '../thing.ts';
import { CollectionEntry } from './model.ts';
import { assertRoom, isListed, putIn } from './put.ts';
import { loadKeptCollection, member } from './standing.ts';

const MOST_AT_ONCE = 100;
const one = z.uuid('Which?');

export const DecisionForm = z.object({
  entry: z
    .union([one, z.array(one)], 'Choose at least one.')
    .transform((entry) => [...new Set(Array.isArray(entry) ? entry : [entry])])
    .refine((entries) => entries.length > 0 && entries.length <= MOST_AT_ONCE, `Choose 1 to ${MOST_AT_ONCE}.`),
  /** `waiting` takes a decision back. */
  to: z.enum(['in', 'refused', 'waiting'], 'Approve or refuse?'),
  reason: z.string().trim().max(500, 'At most 500 characters.').default(''),
});

type Task = Pick<Work, 'em' | 'viewer' | 'words' | 'now'>;

/**
 * Decides as the owner or a manager; what is decided so already stays. Returns those that could not be put in, because
 * they are public no more or their maker wants them left out. Throws `not_found`, and `conflict` after the result.
 */
export async function decideEntries(
  { em, viewer, words, now }: Task,
  collectionId: number,
  { entry: ids, to, reason }: z.output<typeof DecisionForm>,
): Promise<{ readonly decided: number; readonly stuck: number }> {
  const me = member(viewer);
  await loadKeptCollection({ em, viewer }, collectionId);
  const contest = await em.findOne(Contest, collectionId);
  if (contest?.resultsAt != null) throw new AppError('conflict', t('contest.is-over'));
  await assertSayable({ words }, me, { reason });
  let decided = 0;
  let stuck = 0;
  for (const id of ids) {
    const how = await em
      .fork()
      .transactional((tx) => decideOne(tx, { collectionId, id, to, reason, by: me.id }, now()));
    if (how === 'decided') decided += 1;
    if (how === 'stuck') stuck += 1;
  }
  return { decided, stuck };
}

interface Deciding {
  readonly collectionId: number;
  readonly id: string;
  readonly to: 'in' | 'refused' | 'waiting';
  readonly reason: string;
  readonly by: number;
}

async function decideOne(
  tx: Work['em'],
  { collectionId, id, to, reason, by }: Deciding,
  at: Date,
): Promise<'decided' | 'same' | 'stuck'> {
  const entry = await tx.findOne(CollectionEntry, { id, collection: collectionId });
  const thing = entry && thingIn(entry);
  if (!entry || !thing || entry.state === to || !['waiting', 'in', 'refused'].includes(entry.state)) return 'same';
  // two who decide at once: the second finds it decided
  const taken = await tx.nativeUpdate(
    CollectionEntry,
    { id, state: entry.state },
    { state: to, reason: to === 'refused' ? reason : '', ...decisionOf(to, by, at) },
  );
  if (taken === 0) return 'same';
  if (to === 'in') {
    if (!(await isListed(tx, thing)) || (await isRefused(tx, collectionId, thing))) {
      await tx.nativeUpdate(CollectionEntry, { id }, { state: entry.state });
      return 'stuck';
    }
    await assertRoom(tx, collectionId);
    await putIn(tx, collectionId, thing, at);
  } else if (entry.state === 'in') {
    const gone = await tx.nativeDelete(CollectionItem, { collection: collectionId, [thing.kind]: thing.id });
    if (gone > 0) await touch(tx, collectionId, thing, false, at);
  }
  record(tx, submissionDecided, { entryId: id, state: to });
  await tx.flush();
  return 'decided';
}

const decisionOf = (to: Deciding['to'], by: number, at: Date) =>
  to === 'waiting' ? { decidedBy: null, decidedAt: null } : { decidedBy: by, decidedAt: at };

/** Null for what is gone for good. */
function thingIn({ model, post, image }: CollectionEntry): Collected | null {
  if (model) return { kind: 'model', id: model.id };
  if (post) return { kind: 'post', id: post.id };
  return image ? { kind: 'image', id: image.id } : null;
}

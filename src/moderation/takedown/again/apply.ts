import type { EntityManager } from '@mikro-orm/core';
import { audited } from '../../../kit/audit/append.ts';
import { inList, rows } from '../../../kit/database/sql.ts';
import { record } from '../../../kit/events/events.ts';
import type { Line } from '../../../kit/storage/vault/line-log.ts';
import type { Vault } from '../../../kit/storage/vault/vault.ts';
import type { Work } from '../../../kit/work.ts';
import { takedownRequested } from '../start.ts';
import type { TakedownOrder, TakedownStepDefinition } from '../step.ts';
import { type Blocks, blockHashesStep } from '../steps/block-hashes.ts';
import { denyStep } from '../steps/deny.ts';
import { batches } from '../things.ts';
import { TakedownTrace } from '../trace.ts';
import { type Marks, madeAtOf, marksOf, type OwnMark } from './marks.ts';
import { MARK_STEP } from './step.ts';

export interface AgainParts {
  readonly blocks: Blocks;
  readonly vault: Vault;
  /** Keeps what another server owns from coming back by its name; absent where the node speaks with none. */
  readonly bury: ((em: EntityManager, mark: OwnMark) => Promise<void>) | null;
}

/**
 * Takes down again what the database does not know to be taken down: the refusal and the blocks at once, before anything
 * is served, and the rest of the checklist by the worker as ever. Returns how many there were.
 */
export async function takeDownAgain(work: Work, parts: AgainParts, lines: readonly Line[]): Promise<number> {
  const marks = marksOf(lines);
  let count = 0;
  for (const some of batches(marks.taken)) {
    const ids = some.map(({ takedown }) => takedown);
    const found = await rows<{ id: string }>(work.em, `select id from takedown where id in (${inList(ids)})`, ids);
    const known = new Set(found.map(({ id }) => id));
    for (const mark of some) {
      if (known.has(mark.takedown)) continue;
      await again(work, parts, mark);
      count += 1;
    }
  }
  await purgeAgain(work, parts.vault, marks.purged);
  return count;
}

/** The refusal first: the row says that it was done, and must not be there before. */
async function again(work: Work, parts: AgainParts, mark: OwnMark): Promise<void> {
  const isHere = (await madeAtOf(work.em, mark.target)) === mark.madeAt;
  const order: TakedownOrder = {
    ...{ takedownId: mark.takedown, caseId: null, target: mark.target, outcome: mark.outcome },
    ...{ category: mark.category, parameters: mark.parameters },
  };
  const fork = (): Work => ({ ...work, em: work.em.fork() });
  const steps: readonly TakedownStepDefinition[] = [denyStep, blockHashesStep(parts.blocks)];
  if (isHere) for (const step of steps) if (step.outcomes.includes(mark.outcome)) await step.run(fork(), order);
  await parts.blocks.block(fork(), order, mark.digests);
  if (mark.remote) await parts.bury?.(work.em.fork(), mark);
  await audited({ em: work.em.fork(), viewer: null, now: work.now }, async (em) => {
    const made = await rows(
      em,
      `insert into takedown (id, case_id, target_kind, target_id, outcome, parameters, category, state, requested_at, done_at)
       values (?, null, ?, ?, ?, ?, ?, ?, ?, ?) on conflict (id) do nothing returning id`,
      [
        ...[mark.takedown, mark.target.kind, mark.target.id, mark.outcome, JSON.stringify(mark.parameters)],
        ...[mark.category, isHere ? 'running' : 'done', new Date(mark.at), isHere ? null : work.now()],
      ],
    );
    // another process of the node was first
    if (made.length === 0) return { result: undefined, entries: [] };
    if (isHere) {
      await rows(
        em,
        `insert into takedown_step (takedown_id, name, position, state, attempts, note, done_at)
         values (?, ?, 0, 'done', 1, 'written before', ?) on conflict (takedown_id, name) do nothing returning name`,
        [mark.takedown, MARK_STEP, work.now()],
      );
      record(em, takedownRequested, { takedownId: mark.takedown });
    }
    const after = { takedownId: mark.takedown, isHere };
    return { result: undefined, entries: [{ action: 'takedown.again', subject: mark.target, after, role: 'node' }] };
  });
}

/** What a person let go for good is not back with the vault of a backup. */
async function purgeAgain({ em, now }: Work, vault: Vault, purged: Marks['purged']): Promise<void> {
  const at = new Map(purged.map((one) => [one.digest, one.at]));
  for (const digests of batches([...at.keys()])) {
    const traces = await em.fork().find(TakedownTrace, { digest: { $in: digests }, purgedAt: null, restoredAt: null });
    for (const { id, digest, takenAt } of traces) {
      const when = digest ? at.get(digest) : undefined;
      if (!digest || !when || takenAt > when) continue;
      await vault.remove(digest);
      await em.nativeUpdate(TakedownTrace, { id }, { purgedAt: now() });
    }
  }
}

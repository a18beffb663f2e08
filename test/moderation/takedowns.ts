import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { EntityManager } from '@mikro-orm/core';
import type { Outcome } from '../../src/moderation/takedown/model.ts';
import { Takedown, TakedownStep } from '../../src/moderation/takedown/model.ts';
import { startTakedown, type TakedownParameters } from '../../src/moderation/takedown/start.ts';
import type { PolicyTarget } from '../../src/safety/policy.ts';
import type { TestNode } from '../node.ts';

export interface Decided {
  readonly target: PolicyTarget;
  readonly outcome: Outcome;
  readonly category?: string;
  readonly caseId?: string;
  readonly parameters?: TakedownParameters;
}

/** Decides and has the worker carry it out. Returns the takedown's id. */
export async function carryOut(
  { em, settle, clock }: Pick<TestNode, 'em' | 'settle' | 'clock'>,
  { target, outcome, category = 'copyright', parameters = {}, caseId }: Decided,
): Promise<string> {
  const id = await em
    .fork()
    .transactional(async (tx) =>
      startTakedown(tx, { caseId: caseId ?? null, target, outcome, category, parameters }, clock.now()),
    );
  await settle();
  return id;
}

export async function stepsOf(em: EntityManager, takedownId: string): Promise<Record<string, string>> {
  const steps = await em.fork().find(TakedownStep, { takedownId }, { orderBy: { position: 1 } });
  return Object.fromEntries(
    steps.map(({ name, state, note }) => [name, state === 'done' ? 'done' : `pending: ${note}`]),
  );
}

export const takedownState = async (em: EntityManager, id: string): Promise<string> =>
  (await em.fork().findOneOrFail(Takedown, id)).state;

/** The hashes of all blobs that lie in the store of a node. */
export async function blobsOf({ node }: Pick<TestNode, 'node'>): Promise<Set<string>> {
  const found = new Set<string>();
  for await (const { sha256 } of node.files.list()) found.add(sha256);
  return found;
}

export const vaultCount = async ({ node }: Pick<TestNode, 'node'>): Promise<number> =>
  (await readdir(join(node.dataDir, 'vault'))).length;

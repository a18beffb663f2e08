import { type Outcome, Takedown } from '../../src/moderation/takedown/model.ts';
import { startTakedown, type TakedownParameters } from '../../src/moderation/takedown/start.ts';
import { type PolicyTarget, RESTRICTION } from '../../src/safety/policy.ts';
import { restrict } from '../../src/safety/restrict.ts';
import type { Peer } from './nodes.ts';

/** What the worker of takedowns does before peers are told, as far as peers can see it. */
export async function takeDown(
  peer: Peer,
  target: PolicyTarget,
  outcome: Outcome = 'remove',
  category = 'copyright',
  parameters: TakedownParameters = {},
): Promise<string> {
  const em = peer.node.orm.em.fork();
  const takedownId = startTakedown(em, { caseId: null, target, outcome, category, parameters }, peer.clock.now());
  await em.flush();
  const hides = outcome === 'remove' ? RESTRICTION.view | RESTRICTION.removed : RESTRICTION.view;
  if (outcome === 'remove' || outcome === 'quarantine') {
    await restrict(em, target, 'decision:1', hides, peer.clock.now());
  }
  if (outcome === 'undo' || outcome === 'dismiss') await restrict(em, target, 'decision:1', 0, peer.clock.now());
  await em.flush();
  await tell(peer, takedownId);
  return takedownId;
}

/** The line `tell-peers` of the checklist. */
export async function tell(peer: Peer, takedownId: string) {
  const work = peer.workAs(null);
  const { caseId, targetKind, targetId, outcome, category, parameters } = await work.em.findOneOrFail(
    Takedown,
    takedownId,
  );
  const [step] = peer.node.federation.takedownSteps;
  return step?.run(work, {
    ...{ takedownId, caseId: caseId ?? null, target: { kind: targetKind, id: targetId }, outcome, category },
    parameters: parameters as TakedownParameters,
  });
}

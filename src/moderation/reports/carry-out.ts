import type { EntityManager } from '@mikro-orm/core';
import { PERMISSION } from '../../accounts/permissions.ts';
import { Comment } from '../../gallery/model.ts';
import { Review } from '../../gallery/reviews/model.ts';
import { deleteReview } from '../../gallery/reviews/write.ts';
import { deleteComment } from '../../gallery/talk/comments.ts';
import type { Work } from '../../kit/work.ts';
import { type PolicyTarget, RESTRICTION } from '../../safety/policy.ts';
import type { QueueDecision } from '../queue/model.ts';
import type { RuleCategory } from '../rules/model.ts';
import type { Outcome } from '../takedown/model.ts';
import { startTakedown, strikeOwner, type TakedownParameters, takedownCategory } from '../takedown/start.ts';
import type { Thing } from './thing.ts';

interface Order {
  readonly target: PolicyTarget;
  readonly outcome: Outcome;
  readonly parameters: TakedownParameters;
}

/** Lets follow what was decided about a thing; returns the takedown that carries it out, or null. */
export async function carryOut(
  work: Pick<Work, 'em' | 'now'>,
  thing: Thing,
  decision: QueueDecision,
  category: RuleCategory,
): Promise<string | null> {
  const at = work.now();
  const start = (order: Order) =>
    startTakedown(work.em, { caseId: null, category: takedownCategory(category), ...order }, at);
  if (decision.hasStrike && decision.choice !== 'strike' && thing.isOwnerLocal) {
    strikeOwner(work.em, thing.ownerId, category, at);
  }
  if (decision.choice === 'withhold' && !thing.target) {
    await withholdWords(work, thing, decision.decidedById);
    return null;
  }
  const order = orderOf(thing, decision);
  return order ? start(order) : null;
}

function orderOf(thing: Thing, { choice, level }: QueueDecision): Order | null {
  if (choice === 'strike' || choice === 'suspend') return onAccount(thing, choice);
  const { target } = thing;
  if (!target) return null;
  if (choice === 'withhold') return { target, outcome: 'quarantine', parameters: {} };
  if (choice === 'remove') return { target, outcome: 'remove', parameters: { vault: true } };
  if (choice === 're_rate') return { target, outcome: 're_rate', parameters: { level } };
  if (choice === 'age_lock') return { target, outcome: 'age_lock', parameters: {} };
  if (choice === 'delist') return { target, outcome: 'limit', parameters: { bits: RESTRICTION.list } };
  return null;
}

const onAccount = ({ ownerId }: Thing, action: 'strike' | 'suspend'): Order => ({
  target: { kind: 'account', id: ownerId },
  outcome: 'account_action',
  parameters: { action },
});

/** Comments and reviews are withheld as they always were: kept, shown to nobody, counted nowhere. */
async function withholdWords(work: Pick<Work, 'em' | 'now'>, { kind, id }: Thing, moderatorId: number): Promise<void> {
  const speaker = { id: moderatorId, permissions: PERMISSION.moderateContent };
  if (await isThere(work.em, kind, id)) {
    if (kind === 'comment') await deleteComment(work, speaker, id);
    else await deleteReview(work, speaker, id);
  }
}

async function isThere(em: EntityManager, kind: string, id: string): Promise<boolean> {
  const where = { id, deletedAt: null, withheldAt: null };
  return (kind === 'comment' ? await em.count(Comment, where) : await em.count(Review, where)) > 0;
}

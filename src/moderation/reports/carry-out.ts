import type { Work } from '../../kit/work.ts';
import { type PolicyTarget, RESTRICTION } from '../../safety/policy.ts';
import type { QueueDecision } from '../queue/model.ts';
import type { RuleCategory } from '../rules/model.ts';
import type { Outcome } from '../takedown/model.ts';
import { startTakedown, strikeOwner, type TakedownParameters, takedownCategory } from '../takedown/start.ts';
import type { Thing } from './thing.ts';
import { withholdWords } from './words.ts';

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
    await withholdWords(work, thing);
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

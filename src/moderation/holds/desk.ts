import { handle } from '../../accounts/model.ts';
import { holdReason, refuseHold, releaseHold } from '../../safety/holds/hold.ts';
import { type HoldKind, SafetyHold } from '../../safety/holds/model.ts';
import type { Choice, Desk } from '../queue/desk.ts';
import { strikeOwner } from '../takedown/start.ts';
import { fact, HELD } from './evidence.ts';
import { HOLD_PREFIX, HOLD_ROWS, holdCategory, readHoldSubject } from './rows.ts';

const CHOICES: readonly Choice[] = [{ name: 'release' }, { name: 'refuse', isHarsh: true }];

/** Nobody but its owner ever saw it. */
const PRIVATE: readonly HoldKind[] = ['generation', 'training', 'account', 'bounty', 'entry'];

/** The desk of what the safety rules hold until a person looked (spec/guardrails.md sections 2 and 3). */
export const holdDesk: Desk = {
  kinds: [...new Set(Object.values(HOLD_ROWS))],
  prefix: HOLD_PREFIX,

  async load(em, { subjectId, state }) {
    const name = readHoldSubject(subjectId);
    if (!name) return null;
    const where = { kind: name.kind, targetId: name.id, ...(state === 'done' ? {} : { state: 'held' as const }) };
    const held = await em.find(SafetyHold, where, { orderBy: { id: -1 }, populate: ['account'], limit: 10 });
    const [first] = held;
    if (!first) return null;
    const shown = await HELD[name.kind](em, name.id);
    const owner = handle(first.account.$);
    return {
      ...{ what: name.kind, url: '', imageIds: [], ...shown },
      ...{ owner, ownerUrl: `/${owner}`, ownerId: first.account.id },
      ...{ isHarmful: true, isPrivate: PRIVATE.includes(name.kind), isBurst: false, voices: [], askerIds: [] },
      facts: [...held.map(({ reason }) => fact('held-for', holdReason(reason))), ...shown.facts],
      categories: [holdCategory(first.reason)],
      ...{ choices: CHOICES, jointChoices: [] },
    };
  },

  async carryOut({ em, now }, { subjectId }, decision, evidence) {
    const name = readHoldSubject(subjectId);
    if (!name) return { takedownId: null, entries: [] };
    const by = { byId: decision.decidedById, now: now() };
    if (decision.choice === 'release') await releaseHold(em, name.kind, name.id, by);
    else await refuseHold(em, name.kind, name.id, by);
    if (decision.hasStrike && evidence?.ownerId) {
      strikeOwner(em, evidence.ownerId, evidence.categories[0] ?? 'other', now());
    }
    return { takedownId: null, entries: [] };
  },
};

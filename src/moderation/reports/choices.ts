import type { Choice } from '../queue/desk.ts';
import type { Thing } from './thing.ts';

const DISMISS: Choice = { name: 'dismiss' };
const WITHHOLD: Choice = { name: 'withhold', isHarsh: true };
const REMOVE: Choice = { name: 'remove', isHarsh: true };
const RE_RATE: Choice = { name: 're_rate', hasLevel: true };
const AGE_LOCK: Choice = { name: 'age_lock', isHarsh: true };
const DELIST: Choice = { name: 'delist', isHarsh: true };
const STRIKE: Choice = { name: 'strike', isHarsh: true };
const SUSPEND: Choice = { name: 'suspend', isHarsh: true };

/** What may be decided about a thing; the order is that of the number keys, so it is the same for all kinds. */
export function choicesOf({ kind, target, isOwnerLocal }: Pick<Thing, 'kind' | 'target' | 'isOwnerLocal'>): Choice[] {
  const choices = [DISMISS, WITHHOLD];
  if (target && kind !== 'account') choices.push(REMOVE);
  if (kind === 'image' || kind === 'model') choices.push(RE_RATE);
  if (kind === 'image' || kind === 'model' || kind === 'version' || kind === 'post') choices.push(AGE_LOCK);
  if (target) choices.push(DELIST);
  if (isOwnerLocal) choices.push(STRIKE, SUSPEND);
  return choices;
}

import type { EntityManager } from '@mikro-orm/core';
import { AppError } from '../../kit/errors.ts';
import { day } from '../../kit/web/filters.ts';
import { t } from '../../kit/web/messages.ts';
import type { Viewer } from '../../kit/work.ts';
import { ratingLabel } from '../../safety/ratings.ts';
import { isRestriction } from '../queue/events.ts';
import { QueueDecision, QueueRow } from '../queue/model.ts';
import { findThing, readThingName } from '../reports/thing.ts';
import { areWithheld, isWords } from '../reports/words.ts';
import { Rule, ruleLabel } from '../rules/model.ts';

/** As of a case (spec/takedowns.md 2.6). */
const APPEAL_DAYS = 180;
export const APPEAL_MS = APPEAL_DAYS * 86_400_000;

/** Why something was taken from somebody, for them (spec/takedowns.md 2.6). */
export interface Statement {
  readonly id: string;
  /** What was done. */
  readonly what: string;
  readonly about: string;
  readonly url: string;
  /** '' where none was named. */
  readonly rule: string;
  readonly ruleText: string;
  readonly facts: string;
  readonly decidedOn: string;
  readonly appealUntil: string;
  /** `open`: it can be appealed; `filed`: somebody will look; then what they found. */
  readonly appeal: 'open' | 'filed' | 'uphold' | 'overturn' | 'over';
  readonly appealText: string;
}

export async function statementOf(em: EntityManager, decision: QueueDecision, now: Date): Promise<Statement> {
  const { id, choice, level, hasStrike, facts, decidedAt } = decision;
  const row = await em.findOneOrFail(QueueRow, decision.rowId);
  const name = readThingName(`${row.aboutKind}:${row.aboutId}`);
  const thing = name && (await findThing(em, name));
  const rule = decision.ruleId ? await em.findOne(Rule, decision.ruleId) : null;
  const until = new Date(decidedAt.getTime() + APPEAL_MS);
  const isHidden = await areWithheld(em, { kind: row.aboutKind, id: row.aboutId });
  const title = thing?.title || row.title || (isWords({ kind: row.aboutKind }) ? beginningOf(thing?.text ?? '') : '');
  return {
    // the page of withheld words says that there are none
    ...{ id, facts, url: isHidden ? '' : (thing?.url ?? ''), about: aboutOf(row.aboutKind, title) },
    what: whatOf({ choice, level, hasStrike }),
    rule: rule ? `${ruleLabel(rule)} · ${rule.title}` : '',
    ruleText: rule?.text ?? '',
    ...{ decidedOn: day(decidedAt), appealUntil: day(until) },
    appeal: await appealState(em, decision, until < now),
    appealText: decision.appeal ?? '',
  };
}

const MOST_WORDS = 140;
const beginningOf = (text: string): string =>
  text.length > MOST_WORDS ? `${text.slice(0, MOST_WORDS).trimEnd()}…` : text;

export const aboutOf = (kind: string, title: string): string => {
  const name = t(`statement.about-${kind}`);
  return title === '' ? name : `${name}: ${title}`;
};

/** What was done, in words. */
export function whatOf({ choice, level, hasStrike }: Pick<QueueDecision, 'choice' | 'level' | 'hasStrike'>): string {
  const strike = hasStrike && choice !== 'strike' ? ` ${t('statement.strike')}` : '';
  return `${t(`statement.${choice}`, level > 0 ? { level: ratingLabel(level) } : {})}${strike}`;
}

async function appealState(
  em: EntityManager,
  { id, appealedAt }: QueueDecision,
  isOver: boolean,
): Promise<Statement['appeal']> {
  const row = appealedAt == null ? null : await em.findOne(QueueRow, { kind: 'appeal', subjectId: appealSubject(id) });
  return appealOf(appealedAt != null, row?.outcome ?? '', isOver);
}

/** `outcome` is that of the appeal's row. */
export function appealOf(isFiled: boolean, outcome: string, isOver: boolean): Statement['appeal'] {
  if (!isFiled) return isOver ? 'over' : 'open';
  return outcome === 'uphold' || outcome === 'overturn' ? outcome : 'filed';
}

/** In the queue; cases have other ids. */
export const APPEAL_PREFIX = 'decision:';
export const appealSubject = (decisionId: string): string => `${APPEAL_PREFIX}${decisionId}`;

/** Carried out, about something of the viewer's. Throws `not_found` for anybody else's. */
export async function loadOwnDecision(em: EntityManager, viewer: Viewer, id: string): Promise<QueueDecision> {
  const decision = await em.findOne(QueueDecision, { id, ownerId: viewer.id, state: 'done' });
  if (!decision || !isRestriction(decision)) throw new AppError('not_found', 'There is no such decision.');
  return decision;
}

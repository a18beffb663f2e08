import type { EntityManager } from '@mikro-orm/core';
import { AppError } from '../../kit/errors.ts';
import { t } from '../../kit/web/messages.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { ratingLabel } from '../../safety/ratings.ts';
import { isRestriction } from '../queue/events.ts';
import { QueueDecision, QueueRow } from '../queue/model.ts';
import { findThing, readThingName } from '../reports/thing.ts';
import { areWithheld, isWords } from '../reports/words.ts';
import { Rule, ruleLabel } from '../rules/model.ts';

/** As of a case (spec/takedowns.md 2.6). */
export const APPEAL_DAYS = 180;
const DAY_MS = 86_400_000;

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
  const until = new Date(decidedAt.getTime() + APPEAL_DAYS * DAY_MS);
  const kind = t(`statement.about-${row.aboutKind}`);
  const isHidden = await areWithheld(em, { kind: row.aboutKind, id: row.aboutId });
  const title = thing?.title || (isWords({ kind: row.aboutKind }) ? beginningOf(thing?.text ?? '') : '');
  const strike = hasStrike && choice !== 'strike' ? ` ${t('statement.strike')}` : '';
  return {
    // the page of withheld words says that there are none
    ...{ id, facts, url: isHidden ? '' : (thing?.url ?? ''), about: title ? `${kind}: ${title}` : kind },
    what: `${t(`statement.${choice}`, level > 0 ? { level: ratingLabel(level) } : {})}${strike}`,
    rule: rule ? `${ruleLabel(rule)} · ${rule.title}` : '',
    ruleText: rule?.text ?? '',
    ...{ decidedOn: dayOf(decidedAt), appealUntil: dayOf(until) },
    appeal: await appealState(em, decision, until < now),
    appealText: decision.appeal ?? '',
  };
}

const MOST_WORDS = 140;
const beginningOf = (text: string): string =>
  text.length > MOST_WORDS ? `${text.slice(0, MOST_WORDS).trimEnd()}…` : text;

const dayOf = (at: Date): string => at.toISOString().slice(0, 10);

async function appealState(
  em: EntityManager,
  { id, appealedAt }: QueueDecision,
  isOver: boolean,
): Promise<Statement['appeal']> {
  if (appealedAt == null) return isOver ? 'over' : 'open';
  const row = await em.findOne(QueueRow, { kind: 'appeal', subjectId: appealSubject(id) });
  return row?.outcome === 'uphold' ? 'uphold' : row?.outcome === 'overturn' ? 'overturn' : 'filed';
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

const PAGE = 30;

/** The newest first. */
export async function listStatements(
  { em, now }: Pick<Work, 'em' | 'now'>,
  viewer: Viewer,
): Promise<readonly Statement[]> {
  const own = { ownerId: viewer.id, state: 'done' as const };
  const found = await em.find(QueueDecision, own, { orderBy: { decidedAt: 'desc' }, limit: PAGE });
  const list: Statement[] = [];
  for (const decision of found) if (isRestriction(decision)) list.push(await statementOf(em, decision, now()));
  return list;
}

import type { EntityManager } from '@mikro-orm/core';
import { Login } from '../../accounts/login.ts';
import { reportOutcomeLetter } from '../../accounts/mail/letters.ts';
import type { Mailer } from '../../accounts/mail/mailer.ts';
import { Account, handle } from '../../accounts/model.ts';
import { nodeSettings } from '../../accounts/node-settings.ts';
import type { Settings } from '../../kit/settings.ts';
import { t } from '../../kit/web/messages.ts';
import type { Work } from '../../kit/work.ts';
import { ratingLabel } from '../../safety/ratings.ts';
import type { Desk, Evidence, Voice } from '../queue/desk.ts';
import type { QueueDecision, QueueRow } from '../queue/model.ts';
import { isSevere, RULE_CATEGORIES, Rule, type RuleCategory, ruleLabel, urgencyOf } from '../rules/model.ts';
import { carryOut } from './carry-out.ts';
import { choicesOf } from './choices.ts';
import { REPORTED_KINDS, Report } from './model.ts';
import { findThing, type Snapshot, snapshotOf, type Thing } from './thing.ts';
import { FRESH_WEIGHT, isBurst } from './weight.ts';

export interface ReportDeskDeps {
  readonly mailer: Mailer;
  readonly settings: Settings;
  readonly publicUrl: URL;
}

/** Whom the page shows; all are kept and counted. */
const MOST_VOICES = 200;
/** X and XXX, and what is reported as severe. */
const HARMFUL_LEVELS = 8 | 16;

/** The desk of reports, of doubts about ratings, and of what a decision leads to look at. */
export const reportDesk = (deps: ReportDeskDeps): Desk => ({
  kinds: ['report', 'rating', 'upload'],

  async load(em, row) {
    const thing = await thingOf(em, row);
    if (!thing) return null;
    const reports = await em.find(
      Report,
      { rowId: row.id },
      { orderBy: { weight: 'desc', id: 'asc' }, limit: MOST_VOICES },
    );
    return evidenceOf(em, row, thing, reports);
  },

  async carryOut(work, row, decision) {
    const { em } = work;
    const thing = await thingOf(em, row);
    const reports = await em.find(Report, { rowId: row.id });
    const takedownId = thing
      ? await carryOut(work, thing, decision, await categoryOf(em, decision, categoriesOf(reports)))
      : null;
    for (const report of reports) Object.assign(report, { closedAt: work.now(), outcome: decision.choice });
    await tellReporters(work, deps, decision, reports);
    return { takedownId, entries: [] };
  },
});

async function thingOf(em: EntityManager, { aboutKind, aboutId }: QueueRow): Promise<Thing | null> {
  const kind = REPORTED_KINDS.find((one) => one === aboutKind);
  return kind ? findThing(em, { kind, id: aboutId }) : null;
}

async function evidenceOf(
  em: EntityManager,
  row: QueueRow,
  thing: Thing,
  reports: readonly Report[],
): Promise<Evidence> {
  const categories = categoriesOf(reports);
  const first = reports.reduce<Report | null>((old, one) => (old && old.createdAt <= one.createdAt ? old : one), null);
  return {
    ...{ what: thing.kind, title: thing.title, text: thing.text, url: thing.url },
    ...{ owner: thing.owner, ownerUrl: `/${thing.owner}`, ownerId: thing.ownerId, imageIds: thing.imageIds },
    isHarmful: row.priority === 0 || (thing.level & HARMFUL_LEVELS) !== 0,
    facts: factsOf(thing, first?.snapshot as Snapshot | undefined),
    voices: await voicesOf(em, reports),
    isBurst: isBurst(reports),
    askerIds: (await em.find(Report, { rowId: row.id }, { fields: ['reporterId'] })).map((one) => one.reporterId),
    categories,
    choices: choicesOf(thing),
    jointChoices: categories.some(isSevere) ? ['dismiss'] : [],
  };
}

/** The most urgent first. */
const categoriesOf = (reports: readonly Report[]): RuleCategory[] => {
  const named = new Set(reports.map(({ category }) => category));
  return RULE_CATEGORIES.filter((category) => named.has(category)).sort(
    (one, other) => urgencyOf(one).priority - urgencyOf(other).priority,
  );
};

/** Of the rule that was named, or of the most urgent voice. */
async function categoryOf(
  em: EntityManager,
  { ruleId }: QueueDecision,
  [first = 'other']: readonly RuleCategory[],
): Promise<RuleCategory> {
  const rule = ruleId ? await em.findOne(Rule, ruleId) : null;
  return rule?.category ?? first;
}

function factsOf(thing: Thing, snapshot: Snapshot | undefined) {
  const fact = (name: string, value: string) => ({ label: t(`evidence.${name}`), value });
  const facts = [fact('kind', t(`reported.${thing.kind}`))];
  if (thing.level > 0) facts.push(fact('rating', ratingLabel(thing.level)));
  if (thing.hashes[0]) facts.push(fact('sha256', thing.hashes[0]));
  if (thing.isGone) facts.push(fact('gone', t('evidence.gone-value')));
  if (!snapshot) return facts;
  const is = snapshotOf(thing);
  if (snapshot.title !== is.title) facts.push(fact('title-was', snapshot.title || '–'));
  if (snapshot.text !== is.text) facts.push(fact('text-was', snapshot.text || '–'));
  if (snapshot.hashes.join() !== is.hashes.join()) facts.push(fact('hashes-were', snapshot.hashes.join(', ') || '–'));
  return facts;
}

async function voicesOf(em: EntityManager, reports: readonly Report[]): Promise<Voice[]> {
  const accounts = await em.find(Account, { id: { $in: reports.map(({ reporterId }) => reporterId) } });
  const names = new Map(accounts.map((account) => [account.id, handle(account)]));
  const rules = await em.find(Rule, { id: { $in: reports.flatMap(({ ruleId }) => ruleId ?? []) } });
  const labels = new Map(rules.map((rule) => [rule.id, `${ruleLabel(rule)} · ${rule.title}`]));
  return reports.map((report) => {
    const by = names.get(report.reporterId) ?? '';
    return {
      ...{ id: report.id, by, byUrl: by && `/${by}`, text: report.text, link: report.link },
      ...{ weight: report.weight, isFresh: report.weight < FRESH_WEIGHT, createdAt: report.createdAt.toISOString() },
      rule: labels.get(report.ruleId ?? '') ?? '',
      category: t(`category.${report.category}`),
      rating: report.level > 0 ? ratingLabel(report.level) : '',
    };
  });
}

/** Without a word that anybody typed: a mail of ours carries nobody else's text. */
async function tellReporters(
  work: Pick<Work, 'em' | 'jobs' | 'now'>,
  { mailer, settings, publicUrl }: ReportDeskDeps,
  { choice }: QueueDecision,
  reports: readonly Report[],
): Promise<void> {
  const node = await settings.read(work.em, nodeSettings);
  const logins = await work.em.find(
    Login,
    { account: { $in: reports.map(({ reporterId }) => reporterId) }, emailVerifiedAt: { $ne: null } },
    { populate: ['account'] },
  );
  for (const { email, account } of logins) {
    if (account.$.state !== 'active') continue;
    mailer.post(work, email, reportOutcomeLetter(node, publicUrl, account.$.name, choice !== 'dismiss'));
  }
}

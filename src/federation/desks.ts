import type { EntityManager } from '@mikro-orm/core';
import { rows } from '../kit/database/sql.ts';
import { t } from '../kit/web/messages.ts';
import type { Desk, Evidence } from '../moderation/queue/desk.ts';
import type { QueueDecision, QueueRow } from '../moderation/queue/model.ts';
import { carryOut } from '../moderation/reports/carry-out.ts';
import { choicesOf } from '../moderation/reports/choices.ts';
import { findThing, readThingName, type Thing } from '../moderation/reports/thing.ts';
import { Rule, type RuleCategory } from '../moderation/rules/model.ts';
import { restrict } from '../safety/restrict.ts';
import { NoticePeer, ReceivedNotice, SentNotice } from './notices/model.ts';

const ACKNOWLEDGE = { name: 'acknowledge' } as const;
const SEVERE: ReadonlySet<string> = new Set(['minor', 'ncii']);
const fact = (name: string, value: string) => ({ label: t(`evidence.${name}`), value });

const EMPTY = {
  ...{ what: 'peer', title: '', text: '', url: '', owner: '', ownerUrl: '', ownerId: null, imageIds: [], facts: [] },
  ...{ isHarmful: false, voices: [], isBurst: false, askerIds: [], categories: [], jointChoices: [] },
  choices: [ACKNOWLEDGE],
} satisfies Evidence;

/** What stands here of the thing that a row is about; null where it is nothing of this node's. */
const thingOf = async (em: EntityManager, { aboutKind, aboutId }: QueueRow): Promise<Thing | null> => {
  const name = readThingName(`${aboutKind}:${aboutId}`);
  return name && findThing(em, name);
};

const shownOf = ({ title, text, url, owner, ownerId, imageIds }: Thing) => ({
  ...{ title, text, url, owner, ownerUrl: `/${owner}`, ownerId, imageIds },
});

const noticeFacts = ({ host, category, objectUri }: ReceivedNotice) => [
  ...[fact('host', host), fact('category', t(`category.${category}`)), fact('address', objectUri)],
];

const idOf = ({ subjectId }: QueueRow): string => subjectId.slice(subjectId.indexOf(':') + 1);
const isUuid = (id: string): boolean => /^[0-9a-f-]{36}$/.test(id);

/** A notice of ours that an instance did not answer: staff may write to its people, and then nothing more waits. */
const overdueDesk: Desk = {
  ...{ kinds: ['peer'], prefix: 'notice:' },
  async load(em, row) {
    const peer = isUuid(idOf(row)) ? await em.findOne(NoticePeer, idOf(row)) : null;
    const notice = peer && (await em.findOne(SentNotice, peer.noticeId));
    if (!notice) return null;
    const at = (one: Date | null | undefined) => one?.toISOString().slice(0, 10) ?? '–';
    return {
      ...EMPTY,
      ...{ title: peer.host, text: peer.note, url: `/moderation/takedowns/${notice.takedownId}/peers` },
      facts: [
        ...[fact('host', peer.host), fact('state', t(`notices.state-${peer.state}`))],
        ...[fact('category', t(`category.${notice.category}`)), fact('address', notice.objectUri)],
        ...[fact('delivered', at(peer.deliveredAt)), fact('overdue', at(peer.overdueAt))],
      ],
    };
  },
  carryOut: async () => ({ takedownId: null, entries: [] }),
};

/** A host asks to take down what is not its own: it may be right, and our people decide (spec/takedowns.md 2.9). */
const adviceDesk: Desk = {
  ...{ kinds: ['peer'], prefix: 'advice:' },
  async load(em, row) {
    const notice = isUuid(idOf(row)) ? await em.findOne(ReceivedNotice, idOf(row)) : null;
    if (!notice) return null;
    const thing = await thingOf(em, row);
    return {
      ...{ ...EMPTY, ...(thing ? shownOf(thing) : {}) },
      isHarmful: SEVERE.has(notice.category),
      facts: [...noticeFacts(notice), fact('by', notice.actorUri)],
      categories: categoriesOf(notice),
      choices: thing ? choicesOf(thing) : [ACKNOWLEDGE],
      jointChoices: thing && SEVERE.has(notice.category) ? ['dismiss'] : [],
    };
  },
  carryOut: (work, row, decision, evidence) => act(work, row, decision, evidence),
};

/** Made here with a model that its home took down: what follows from the notice stands until somebody looked. */
const derivedDesk: Desk = {
  ...{ kinds: ['peer'], prefix: 'derived:' },
  async load(em, row) {
    const thing = await thingOf(em, row);
    if (!thing) return null;
    const isRestricted = (await noticeSources(em, thing)).length > 0;
    return {
      ...{ ...EMPTY, ...shownOf(thing), isHarmful: row.priority === 0 },
      choices: [...choicesOf(thing), ...(isRestricted ? [{ name: 'release' }] : [])],
    };
  },
  async carryOut(work, row, decision, evidence) {
    const thing = await thingOf(work.em, row);
    if (decision.choice === 'release' && thing?.target) {
      for (const source of await noticeSources(work.em, thing)) {
        await restrict(work.em, thing.target, source, 0, work.now());
      }
    }
    return act(work, row, decision, evidence);
  },
};

/** A notice named files that other people have here too, so they were not blocked. */
const digestsDesk: Desk = {
  ...{ kinds: ['peer'], prefix: 'digests:' },
  async load(em, row) {
    const notice = isUuid(idOf(row)) ? await em.findOne(ReceivedNotice, idOf(row)) : null;
    return notice && { ...EMPTY, title: notice.host, facts: noticeFacts(notice), categories: categoriesOf(notice) };
  },
  carryOut: async () => ({ takedownId: null, entries: [] }),
};

/** What peers say and do, other than reports, which have a page of their own. */
export const PEER_DESKS: readonly Desk[] = [overdueDesk, adviceDesk, derivedDesk, digestsDesk];

const CATEGORIES: ReadonlySet<string> = new Set([
  'minor',
  'ncii',
  'likeness',
  'copyright',
  'style',
  'trademark',
  'privacy',
]);
const categoriesOf = ({ category }: ReceivedNotice): RuleCategory[] =>
  CATEGORIES.has(category) ? [category as RuleCategory] : ['other'];

/** As a report of the same thing. */
async function act(
  work: Parameters<Desk['carryOut']>[0],
  row: QueueRow,
  decision: QueueDecision,
  evidence: Evidence | null,
) {
  const thing = await thingOf(work.em, row);
  const rule = decision.ruleId ? await work.em.findOne(Rule, decision.ruleId) : null;
  const category = rule?.category ?? evidence?.categories[0] ?? 'other';
  return { takedownId: thing ? await carryOut(work, thing, decision, category) : null, entries: [] };
}

/** What notices of peers forbid of a thing now, by source. */
async function noticeSources(em: EntityManager, { target }: Thing): Promise<string[]> {
  if (!target) return [];
  const sql = `select source from policy_restriction where target_kind = ? and target_id = ? and source like 'notice:%'`;
  return (await rows<{ source: string }>(em, sql, [target.kind, target.id])).map(({ source }) => source);
}

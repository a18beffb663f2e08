import type { EntityManager } from '@mikro-orm/core';
import { rows } from '../../../kit/database/sql.ts';
import { t } from '../../../kit/web/messages.ts';
import { RESTRICTION } from '../../../safety/policy.ts';
import type { Outcome } from '../../takedown/model.ts';
import type { TakedownParameters } from '../../takedown/start.ts';
import type { ClaimCase } from '../model/case.ts';
import { CaseClock, type ClockKind } from '../model/clock.ts';
import { CaseAppeal } from '../model/redress.ts';
import { CaseAttachment, CaseMessage, CaseOffer, type Party } from '../model/talk.ts';
import { threadsOf } from '../threads/lanes.ts';
import { CLAIMS } from '../types/types.ts';

// What the three pages of a case have in common, in words.

/** `Fri, 2 Jan 2026, 03:04 UTC`: an instant by the operator's clock, with its zone. */
export function whenText(instant: Date, timeZone: string): string {
  return new Intl.DateTimeFormat('en-GB', {
    ...({ weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' } as const),
    ...({ hour: '2-digit', minute: '2-digit', timeZoneName: 'short', timeZone } as const),
  }).format(instant);
}

export interface Line {
  readonly label: string;
  readonly value: string;
}

/** For claimants in their own words, for everybody else by its name. */
export const typeLabel = ({ type }: Pick<ClaimCase, 'type'>, party: Party): string =>
  t(party === 'claimant' ? `claim.type-${type}` : `case.type-${type}`);

/** The state in which somebody sees a case: what lacks of a counter-notice is asked of the uploader, and the claimant's case stands. */
export const shownState = ({ state, executedAt }: Pick<ClaimCase, 'state' | 'executedAt'>, party: Party): string =>
  state !== 'needs_info' || executedAt == null ? state : party === 'claimant' ? 'executed' : 'counter_lacks';

/** What the claimant answered, question by question; `only` picks. */
export const answerLines = (kase: ClaimCase, only: 'all' | 'shared'): Line[] =>
  CLAIMS[kase.type].fields
    .filter((field) => !field.personal && (only === 'all' || field.shared) && kase.answers[field.name])
    .map(({ name, kind }) => ({
      label: fieldLabel(kase.type, name),
      value: kind === 'tick' ? t('claim.ticked') : (kase.answers[name] ?? ''),
    }));

export const fieldLabel = (type: ClaimCase['type'], name: string): string => {
  const own = t(`claim.${type}-${name}`);
  return own === `claim.${type}-${name}` ? t(`claim.field-${name}`) : own;
};

/** The names of the bits that something forbids. */
export const bitWords = (bits: number): string[] =>
  Object.entries(RESTRICTION)
    .filter(([, bit]) => (bits & bit) !== 0)
    .map(([name]) => t(`case.bit-${name}`));

/** What was or may be decided, in words. */
export function outcomeText(outcome: Outcome, parameters: TakedownParameters | null | undefined): string {
  const { bits = 0, names = [], text = '', level, action } = parameters ?? {};
  const more = [
    ...names,
    ...bitWords(bits),
    text,
    level ? t(`rating-level.${level}`) : '',
    action ? t(`case.action-${action}`) : '',
  ];
  const what = more.filter((one) => one !== '').join(', ');
  return what ? `${t(`case.outcome-${outcome}`)}: ${what}` : t(`case.outcome-${outcome}`);
}

const SHOWN_CLOCKS: readonly ClockKind[] = [
  ...(['expire', 'lapse', 'window', 'run_out', 'agree', 'counter_restore', 'settle'] as const),
];

// what the uploader is asked after the decision is no deadline of the claimant
const isShown = (kind: ClockKind, state: string): boolean => kind !== 'lapse' || state !== 'executed';
const labelOf = (kind: ClockKind, state: string): string =>
  kind === 'lapse' && state === 'counter_lacks' ? 'counter_lapse' : kind;

/** Deadlines that still run, in the order in which they come. */
export async function deadlinesOf(em: EntityManager, kase: ClaimCase, timeZone: string, party: Party): Promise<Line[]> {
  const state = shownState(kase, party);
  const clocks = await em.find(
    CaseClock,
    { caseId: kase.id, firedAt: null, kind: { $in: SHOWN_CLOCKS.filter((kind) => isShown(kind, state)) } },
    { orderBy: { dueAt: 'asc' } },
  );
  return clocks.map(({ kind, dueAt }) => ({
    label: t(`case.clock-${labelOf(kind, state)}`),
    value: whenText(dueAt, timeZone),
  }));
}

export interface ThreadView {
  readonly thread: string;
  readonly label: string;
  readonly messages: readonly {
    readonly who: string;
    readonly isMine: boolean;
    readonly at: string;
    readonly text: string;
    readonly pictures: readonly PictureLine[];
  }[];
}

interface PictureLine {
  readonly url: string;
  readonly width: number;
  readonly height: number;
  readonly alt: string;
}

/** The threads that a party reads, at the address of their page. In all of them people go by their role. */
export async function threadViews(
  em: EntityManager,
  kase: ClaimCase,
  party: Party,
  base: string,
): Promise<ThreadView[]> {
  const pictures = await em.find(CaseAttachment, { caseId: kase.id }, { orderBy: { id: 'asc' }, limit: 100 });
  const messages = await em.find(CaseMessage, { caseId: kase.id }, { orderBy: { id: 'asc' }, limit: 600 });
  return threadsOf(kase, party).map((thread) => ({
    thread,
    label: t(
      party === 'moderator' ? `case.thread-${thread}` : thread === 'joint' ? 'case.thread-joint' : 'case.thread-staff',
    ),
    messages: messages
      .filter((message) => message.thread === thread)
      .map(({ id, author, createdAt, text }) => ({
        pictures: pictures
          .filter(({ messageId }) => messageId === id)
          .map((one, n) => ({
            ...{ url: `${base}/attachments/${one.id}`, width: one.width, height: one.height },
            alt: t('case.picture', { n: n + 1, who: t(`case.party-${author}`) }),
          })),
        who: t(author === party ? 'case.you' : `case.party-${author}`),
        isMine: author === party,
        at: createdAt.toISOString(),
        text,
      })),
  }));
}

export interface OfferView {
  readonly id: string;
  readonly by: string;
  readonly text: string;
  readonly state: string;
  readonly stateLabel: string;
  /** The viewer may accept or decline it. */
  readonly isOpenToMe: boolean;
}

export async function offerViews(em: EntityManager, kase: ClaimCase, party: Party): Promise<OfferView[]> {
  const offers = await em.find(CaseOffer, { caseId: kase.id }, { orderBy: { id: 'asc' } });
  return offers.map((offer) => {
    const { id, by, outcome, parameters, state } = offer;
    const accepted = party === 'claimant' ? offer.claimantAcceptedAt : offer.uploaderAcceptedAt;
    return {
      ...{ id, state, by: t(by === party ? 'case.you' : `case.party-${by}`), text: outcomeText(outcome, parameters) },
      stateLabel: t(`case.offer-${state}`),
      isOpenToMe: party !== 'moderator' && state === 'open' && kase.state === 'notified' && accepted == null,
    };
  });
}

export interface AppealView {
  readonly side: string;
  readonly text: string;
  readonly result: string | null;
  readonly reasons: string;
}

export async function appealViews(em: EntityManager, caseId: string, side?: CaseAppeal['side']): Promise<AppealView[]> {
  const appeals = await em.find(CaseAppeal, { caseId, ...(side ? { side } : {}) }, { orderBy: { filedAt: 'asc' } });
  return appeals.map((appeal) => ({
    side: t(`case.party-${appeal.side}`),
    text: appeal.text,
    result: appeal.result ? t(`case.appeal-${appeal.result}`) : null,
    reasons: appeal.reasons,
  }));
}

/** May this side appeal now? Once each, while there is time. */
export async function mayAppeal(
  em: EntityManager,
  kase: ClaimCase,
  side: CaseAppeal['side'],
  now: Date,
): Promise<boolean> {
  const isOpen = ['executed', 'rejected', 'closed'].includes(kase.state) && kase.appealUntil && kase.appealUntil > now;
  return Boolean(isOpen) && (await em.count(CaseAppeal, { caseId: kase.id, side })) === 0;
}

export interface Turn {
  readonly at: string;
  readonly text: string;
  readonly reason: string;
}

/** What happened to a case, from the audit log. */
export async function historyOf(em: EntityManager, caseId: string): Promise<Turn[]> {
  const entries = await rows<{
    at: unknown;
    action: string;
    actor_role: string;
    after: string | null;
    reason: string | null;
  }>(
    em,
    `select at, action, actor_role, cast(after as text) as after, reason from audit_entry
     where subject_kind = 'case' and subject_id = ? order by seq limit 200`,
    [caseId],
  );
  return entries.map(({ at, action, actor_role, after, reason }) => {
    const to = (JSON.parse(after ?? '{}') as { state?: string }).state;
    const act = action === 'case.move' && to ? t(`case.state-${to}`) : t(`audit.${action}`);
    return {
      at: new Date(at as string | number).toISOString(),
      text: `${act} · ${t(`case.role-${actor_role}`)}`,
      reason: reason ?? '',
    };
  });
}

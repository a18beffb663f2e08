import { claimSettings } from '../../../accounts/claim-settings.ts';
import type { FormState } from '../../../kit/web/forms.ts';
import { t } from '../../../kit/web/messages.ts';
import type { PageHead } from '../../../kit/web/views.ts';
import type { Work } from '../../../kit/work.ts';
import { type Desk, unsealPerson } from '../desk.ts';
import { ClaimCase, ENDED } from '../model/case.ts';
import { CounterNotice } from '../model/redress.ts';
import { loadProof, type ProofView } from '../proof/prove.ts';
import { CLAIMS } from '../types/types.ts';
import { type Reasons, reasonsOf } from './reasons.ts';
import {
  type AppealView,
  answerLines,
  appealViews,
  bitWords,
  deadlinesOf,
  fieldLabel,
  type Line,
  mayAppeal,
  type OfferView,
  offerViews,
  type ThreadView,
  threadViews,
  typeLabel,
  whenText,
} from './show.ts';

/** What the pages of both parties show of a case. */
export interface PartyPage extends FormState {
  readonly number: string;
  /** Where its forms go. */
  readonly base: string;
  readonly party: 'claimant' | 'uploader';
  readonly type: string;
  readonly typeLabel: string;
  readonly state: string;
  readonly stateLabel: string;
  readonly stateText: string;
  readonly isEnded: boolean;
  readonly said: string | null;
  readonly facts: readonly Line[];
  readonly claim: readonly Line[];
  readonly deadlines: readonly Line[];
  readonly restricted: readonly string[];
  readonly reasons: Reasons | null;
  readonly threads: readonly ThreadView[];
  readonly offers: readonly OfferView[];
  readonly appeals: readonly AppealView[];
  readonly missing: readonly {
    readonly name: string;
    readonly kind: string;
    readonly label: string;
    readonly maxLength: number;
  }[];
  /** What the claimant may ask of the training data; null where they may not. */
  readonly proof: ProofView | null;
  readonly counter: null | { readonly lines: readonly Line[]; readonly text: string };
  readonly may: Readonly<
    Record<'say' | 'answer' | 'withdraw' | 'appeal' | 'court' | 'counter' | 'offer' | 'refuse' | 'joint', boolean>
  >;
  readonly page: PageHead;
}

type Reader = Pick<Work, 'em' | 'now'>;

/** What both sides see. Neither sees more of the other than the role. */
export async function loadPartyPage(
  { em, now }: Reader,
  desk: Desk,
  kase: ClaimCase,
  party: PartyPage['party'],
  form: FormState,
  said: string | null,
): Promise<PartyPage> {
  const { timeZone } = await desk.settings.read(em, claimSettings);
  const { type, state, number } = kase;
  const isNegotiable = state === 'notified';
  return {
    ...form,
    ...{ number, party, type, state, said, typeLabel: typeLabel(kase, party), stateLabel: t(`case.state-${state}`) },
    base: party === 'claimant' ? `/claims/${number}` : `/cases/${number}`,
    stateText: t(`case.${party}-${state}`),
    isEnded: ENDED.includes(state),
    facts: [
      { label: t('case.number'), value: number },
      { label: t('case.filed'), value: whenText(kase.submittedAt, timeZone) },
    ],
    claim: [],
    deadlines: await deadlinesOf(em, kase, timeZone),
    restricted: bitWords(kase.interim),
    reasons: await reasonsOf(em, kase, timeZone),
    threads: await threadViews(em, kase, party),
    offers: await offerViews(em, kase, party),
    appeals: await appealViews(em, kase.id, party),
    missing: [],
    proof: null,
    counter: null,
    may: {
      say: (!ENDED.includes(state) || state === 'closed') && state !== 'received',
      ...{ answer: false, withdraw: false, court: false, counter: false, refuse: false },
      appeal: await mayAppeal(em, kase, party, now()),
      offer: isNegotiable,
      joint:
        CLAIMS[type].hasJointLane &&
        !ENDED.includes(state) &&
        (party === 'claimant' ? kase.jointClaimantAt : kase.jointUploaderAt) == null,
    },
    page: { title: `${number} · ${typeLabel(kase, party)}`, noindex: true },
  };
}

/** The claimant's own page: state, deadlines, their own words, the outcome. A merged case shows how its main one goes. */
export async function loadClaimantPage(
  work: Reader,
  desk: Desk,
  own: ClaimCase,
  form: FormState,
  said: string | null,
): Promise<PartyPage> {
  const { em } = work;
  const page = await loadPartyPage(work, desk, own, 'claimant', form, said);
  const main = own.mergedIntoId ? await em.findOne(ClaimCase, own.mergedIntoId) : null;
  const { timeZone } = await desk.settings.read(em, claimSettings);
  const counter =
    own.state === 'counter_wait' || own.state === 'court_hold' ? await em.findOne(CounterNotice, own.id) : null;
  return {
    ...page,
    facts: [...page.facts, { label: t('case.about'), value: own.url }],
    claim: answerLines(own, 'all'),
    ...(main
      ? {
          stateText: `${t('case.claimant-merged')} ${t(`case.claimant-${main.state}`)}`,
          deadlines: await deadlinesOf(em, main, timeZone),
          reasons: await reasonsOf(em, main, timeZone),
        }
      : {}),
    missing: CLAIMS[own.type].fields
      .filter(({ name }) => own.state === 'needs_info' && own.missing.includes(name))
      .map(({ name, kind, maxLength }) => ({ name, kind, maxLength, label: fieldLabel(own.type, name) })),
    proof: await loadProof(em, own),
    counter: counter && {
      text: counter.text,
      // the law gives the claimant a copy (17 U.S.C. 512(g)(2)(B))
      lines: Object.entries(counter.sealed ? unsealPerson<Record<string, string>>(desk, counter.sealed) : {})
        .map(([name, value]) => ({ label: t(`case.counter-${name}`), value }))
        .concat({ label: t('case.counter-back'), value: whenText(counter.notBefore, timeZone) }),
    },
    may: {
      ...page.may,
      answer: own.state === 'needs_info',
      withdraw: own.type !== 'minor' && !ENDED.includes(own.state),
      court: own.state === 'counter_wait',
    },
  };
}

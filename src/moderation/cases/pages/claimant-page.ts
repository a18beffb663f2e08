import { claimSettings } from '../../../accounts/claim-settings.ts';
import type { FormState } from '../../../kit/web/forms.ts';
import { t } from '../../../kit/web/messages.ts';
import type { PageHead } from '../../../kit/web/views.ts';
import type { Work } from '../../../kit/work.ts';
import { type Desk, unsealPerson } from '../desk.ts';
import { takesPictures } from '../files/attachments.ts';
import { ClaimCase, ENDED } from '../model/case.ts';
import { CounterNotice } from '../model/redress.ts';
import { type ArtistView, loadArtist } from '../proof/artist.ts';
import { loadOwnIdentity, type OwnIdentity } from '../proof/identity.ts';
import { loadProof, type ProofView } from '../proof/prove.ts';
import { CLAIMS } from '../types/types.ts';
import { type Reasons, reasonsOf } from './reasons.ts';
import { claimantRights, type RightsPanel } from './rights-panel.ts';
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
  shownState,
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
  readonly takesPictures: boolean;
  /** Their proof of who they are; null where none is taken. */
  readonly identity: OwnIdentity | null;
  /** How the claimant shows that a page is theirs; null where nobody asks. */
  readonly artist: ArtistView | null;
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
  /** What the counter-notice that the uploader began still lacks, in words; for them alone. */
  readonly counterLacks: readonly string[];
  /** Licences between the two: offered, cited. Null where the claim is of a kind that has none. */
  readonly rights: RightsPanel | null;
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
  const shown = shownState(kase, party);
  const base = party === 'claimant' ? `/claims/${number}` : `/cases/${number}`;
  const isNegotiable = state === 'notified';
  return {
    ...form,
    ...{ number, party, type, state: shown, said, typeLabel: typeLabel(kase, party) },
    stateLabel: t(`case.state-${shown}`),
    base,
    stateText: t(`case.${party}-${shown}`),
    isEnded: ENDED.includes(state),
    facts: [
      { label: t('case.number'), value: number },
      { label: t('case.filed'), value: whenText(kase.submittedAt, timeZone) },
    ],
    claim: [],
    deadlines: await deadlinesOf(em, kase, timeZone, party),
    restricted: bitWords(kase.interim),
    reasons: await reasonsOf(em, kase, timeZone),
    threads: await threadViews(em, kase, party, base),
    takesPictures: takesPictures(kase),
    identity: await loadOwnIdentity(em, kase, party),
    artist: null,
    offers: await offerViews(em, kase, party),
    appeals: await appealViews(em, kase.id, party),
    missing: [],
    proof: null,
    counterLacks: [],
    rights: null,
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
  work: Reader & Pick<Work, 'viewer'>,
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
          stateText: `${t('case.claimant-merged')} ${t(`case.claimant-${shownState(main, 'claimant')}`)}`,
          deadlines: await deadlinesOf(em, main, timeZone, 'claimant'),
          reasons: await reasonsOf(em, main, timeZone),
        }
      : {}),
    missing: CLAIMS[own.type].fields
      .filter(({ name }) => own.state === 'needs_info' && own.missing.includes(name))
      .map(({ name, kind, maxLength }) => ({ name, kind, maxLength, label: fieldLabel(own.type, name) })),
    proof: await loadProof(em, own),
    artist: await loadArtist(em, desk, own),
    rights: await claimantRights(work, own, main ?? own),
    counter: counter && {
      text: counter.text,
      // the law gives the claimant a copy (17 U.S.C. 512(g)(2)(B))
      lines: Object.entries(counter.sealed ? unsealPerson<Record<string, string>>(desk, counter.sealed) : {})
        .map(([name, value]) => ({ label: t(`case.counter-${name}`), value }))
        .concat({ label: t('case.counter-back'), value: whenText(counter.notBefore, timeZone) }),
    },
    may: {
      ...page.may,
      answer: page.state === 'needs_info',
      withdraw: own.type !== 'minor' && !ENDED.includes(own.state),
      court: own.state === 'counter_wait',
    },
  };
}

import type { EntityManager } from '@mikro-orm/core';
import { claimSettings } from '../../../accounts/claim-settings.ts';
import { can } from '../../../accounts/permissions.ts';
import { Image } from '../../../gallery/model.ts';
import type { PictureView } from '../../../gallery/views.ts';
import type { FormState } from '../../../kit/web/forms.ts';
import { t } from '../../../kit/web/messages.ts';
import type { PageHead } from '../../../kit/web/views.ts';
import type { Work } from '../../../kit/work.ts';
import { listRules } from '../../rules/list.ts';
import { type Rule, ruleLabel } from '../../rules/model.ts';
import { findFirstApprover } from '../../staff/two-people.ts';
import { requireDecider } from '../decide/bars.ts';
import { REJECTIONS } from '../decide/decide.ts';
import { countSource } from '../decide/undo-source.ts';
import type { Claimant, Desk } from '../desk.ts';
import { takesPictures } from '../files/attachments.ts';
import { pathOf } from '../intake/target.ts';
import { targetOf } from '../model/case.ts';
import { CaseClaimant } from '../model/claimant.ts';
import { AuthorityOrder } from '../model/order.ts';
import { CounterDraft, CounterNotice } from '../model/redress.ts';
import { findArtist } from '../proof/artist.ts';
import { type IdentityView, loadIdentities } from '../proof/identity.ts';
import { pointsOf } from '../strikes/strikes.ts';
import { stepOf, TRIGGERS, type Trigger } from '../transitions/table.ts';
import type { ClaimType } from '../types/types.ts';
import { type EarlierCase, earlierOf, type Reasons, reasonsOf } from './reasons.ts';
import { type CitedView, findCitedView } from './rights-panel.ts';
import {
  type AppealView,
  answerLines,
  appealViews,
  bitWords,
  deadlinesOf,
  fieldLabel,
  historyOf,
  type Line,
  type OfferView,
  offerViews,
  shownState,
  type ThreadView,
  type Turn,
  threadViews,
  typeLabel,
  whenText,
} from './show.ts';

export interface ModeratorPage extends FormState {
  readonly id: string;
  readonly number: string;
  readonly type: string;
  readonly typeLabel: string;
  readonly state: string;
  readonly stateLabel: string;
  readonly isBehindBreaker: boolean;
  readonly said: string | null;
  readonly targetUrl: string | null;
  /** The picture in question, behind a button. Never one of a child: the page of the item is for those who must look. */
  readonly evidence: null | Pick<PictureView, 'id' | 'blur' | 'width' | 'height' | 'alt'>;
  readonly facts: readonly Line[];
  readonly claim: readonly Line[];
  readonly missing: readonly string[];
  readonly restricted: readonly string[];
  readonly deadlines: readonly Line[];
  readonly reasons: Reasons | null;
  readonly threads: readonly ThreadView[];
  readonly takesPictures: boolean;
  readonly identities: readonly IdentityView[];
  /** The picture, as a data URI: only in the answer to the act that opens it, once. */
  readonly identity: string | null;
  readonly offers: readonly OfferView[];
  readonly appeals: readonly AppealView[];
  /** What a counter-notice that nobody else reads yet still lacks. */
  readonly counterLacks: readonly string[];
  /** The licence of the claimant that is cited. */
  readonly licence: CitedView | null;
  readonly counter: null | { readonly text: string; readonly lines: readonly Line[] };
  /** What was decided before about the same thing, the newest first. */
  readonly earlier: readonly EarlierCase[];
  readonly history: readonly Turn[];
  readonly hasClaimant: boolean;
  readonly maySeeClaimant: boolean;
  /** Only in the answer to the act that asks for it, which is logged. */
  readonly claimant: readonly Line[] | null;
  /** The second of two people is waited for. */
  readonly waitsForSecond: boolean;
  readonly sourceCount: number;
  /** Those of the node, by label; the one that the claim is about comes first. */
  readonly rules: readonly { readonly value: string; readonly label: string }[];
  readonly rejections: readonly { readonly value: string; readonly label: string }[];
  /** What the table lets happen now. */
  readonly can: Readonly<Record<Trigger, boolean>>;
  readonly page: PageHead;
}

async function rulesFor(em: EntityManager, type: ClaimType): Promise<ModeratorPage['rules']> {
  const rules = await listRules(em);
  const isOurs = ({ category }: Rule) => category === type;
  return [...rules.filter(isOurs), ...rules.filter((rule) => !isOurs(rule))].map((rule) => ({
    value: ruleLabel(rule),
    label: `${ruleLabel(rule)} · ${rule.title}`,
  }));
}

async function artistLines(em: EntityManager, caseId: string, timeZone: string): Promise<Line[]> {
  const found = await findArtist(em, caseId);
  if (!found) return [];
  const when = found.checkedAt ? ` (${whenText(found.checkedAt, timeZone)})` : '';
  return [{ label: t('case.artist-page'), value: `${found.url} – ${found.text}${when}` }];
}

async function orderLines(em: EntityManager, caseId: string): Promise<Line[]> {
  const order = await em.findOne(AuthorityOrder, caseId);
  return order ? [{ label: t('case.order'), value: `${order.authority} · ${order.reference}` }] : [];
}

async function findPicture(em: EntityManager, id: number): Promise<ModeratorPage['evidence']> {
  const image = await em.findOne(Image, { id, renderedAt: { $ne: null } });
  return image && { id, blur: image.placeholder, width: image.width, height: image.height, alt: image.altText };
}

/** What somebody asked to see, each time on record. */
export interface Opened {
  readonly claimant?: Claimant | null;
  readonly identity?: string;
}

/** The page of a case for who may decide it. Throws as `requireDecider`. */
export async function loadModeratorPage(
  work: Pick<Work, 'em' | 'viewer' | 'now'>,
  desk: Desk,
  caseId: string,
  form: FormState,
  said: string | null,
  { claimant = null, identity }: Opened = {},
): Promise<ModeratorPage> {
  const { em, viewer, now } = work;
  const kase = await requireDecider(work, caseId, 'case.open');
  const { timeZone } = await desk.settings.read(em, claimSettings);
  const { type, state, number } = kase;
  const target = targetOf(kase);
  const counter = await em.findOne(CounterNotice, caseId);
  const row = await em.count(CaseClaimant, { caseId });
  const licence = await findCitedView(em, kase, now());
  const points = await pointsOf(
    em,
    { accountId: kase.uploaderId ?? null, emailHash: kase.uploaderEmailHash ?? null },
    now(),
  );
  const { title = '', ownerName = '', hashes = [] } = kase.snapshot ?? {};
  const facts = {
    ...{ state, type, hasTarget: target !== null, isComplete: kase.missing.length === 0 },
    ...{ isBehindBreaker: kase.isBehindBreaker, isExecuted: kase.executedAt != null },
    isLicensed: licence !== null && licence.stance !== 'refused',
    appealUntil: kase.appealUntil ?? null,
    notBefore: counter?.notBefore ?? null,
  };
  const waits = ['dismiss', 'undo', 'reject'].map((act) => ({ act: `case.${act}`, subjectId: caseId }));
  const first = await Promise.all(waits.map((act) => findFirstApprover(em, act)));
  return {
    ...form,
    ...{
      id: caseId,
      number,
      type,
      state,
      said,
      typeLabel: typeLabel(kase, 'moderator'),
      stateLabel: t(`case.state-${shownState(kase, 'moderator')}`),
    },
    isBehindBreaker: kase.isBehindBreaker,
    targetUrl: target ? pathOf(target) : null,
    evidence: target?.kind === 'image' && type !== 'minor' ? await findPicture(em, target.id) : null,
    facts: [
      { label: t('case.about'), value: title || (target ? t(`case.kind-${target.kind}`) : t('case.nothing-there')) },
      { label: t('case.address'), value: kase.url },
      {
        label: t('case.uploader'),
        value: ownerName ? `@${ownerName}${kase.uploaderHost ? `@${kase.uploaderHost}` : ''}` : '–',
      },
      { label: t('case.points'), value: String(points) },
      { label: t('case.filed'), value: whenText(kase.submittedAt, timeZone) },
      { label: t('case.verified'), value: t(`case.verified-${kase.verifiedBy ?? 'no'}`) },
      { label: t('case.hashes'), value: String(hashes.length) },
      ...(await artistLines(em, caseId, timeZone)),
      ...(await orderLines(em, caseId)),
      ...(kase.dueAt ? [{ label: t('case.due'), value: whenText(kase.dueAt, timeZone) }] : []),
    ],
    claim: answerLines(kase, 'all'),
    missing: kase.missing.map((name) => fieldLabel(type, name)),
    restricted: bitWords(kase.interim),
    deadlines: await deadlinesOf(em, kase, timeZone, 'moderator'),
    reasons: await reasonsOf(em, kase, timeZone),
    threads: await threadViews(em, kase, 'moderator', `/moderation/cases/${caseId}`),
    takesPictures: takesPictures(kase),
    identities: await loadIdentities(em, caseId, viewer?.id ?? 0),
    identity: identity ?? null,
    offers: await offerViews(em, kase, 'moderator'),
    appeals: await appealViews(em, caseId),
    counterLacks: ((await em.findOne(CounterDraft, caseId))?.missing ?? []).map((name) =>
      t(`case.counter-lack-${name}`),
    ),
    licence,
    counter: counter && {
      text: counter.text,
      lines: [
        { label: t('case.counter-filed'), value: whenText(counter.filedAt, timeZone) },
        { label: t('case.counter-from'), value: whenText(counter.notBefore, timeZone) },
        { label: t('case.counter-until'), value: whenText(counter.notAfter, timeZone) },
        ...(counter.action ? [{ label: t('case.counter-action'), value: counter.action }] : []),
        ...(counter.holdReason ? [{ label: t('case.counter-hold'), value: counter.holdReason }] : []),
      ],
    },
    earlier: await earlierOf(em, kase, timeZone),
    history: await historyOf(em, caseId),
    hasClaimant: row > 0,
    maySeeClaimant: can(viewer, 'seeClaimants'),
    claimant: claimant && [
      ...(claimant.email ? [{ label: t('claim.email'), value: claimant.email }] : []),
      ...Object.entries(claimant.personal).map(([name, value]) => ({ label: fieldLabel(type, name), value })),
    ],
    waitsForSecond: first.some((id) => id !== null),
    sourceCount: await countSource(work, kase),
    rules: await rulesFor(em, type),
    rejections: REJECTIONS.map((value) => ({ value, label: t(`case.reject-${value}`) })),
    can: Object.fromEntries(
      TRIGGERS.map((trigger) => [trigger, 'transition' in stepOf(facts, trigger, now())]),
    ) as Record<Trigger, boolean>,
    page: { title: `${number} · ${typeLabel(kase, 'moderator')}`, noindex: true },
  };
}

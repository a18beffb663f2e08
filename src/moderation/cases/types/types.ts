import type { Permission } from '../../../accounts/permissions.ts';
import { QUARANTINE, RESTRICTION } from '../../../safety/policy.ts';
import type { Outcome } from '../../takedown/model.ts';
import type { TakedownParameters } from '../../takedown/start.ts';

export const CLAIM_TYPES = [
  ...(['minor', 'ncii', 'likeness', 'copyright', 'style', 'trademark', 'privacy', 'other'] as const),
] as const;
export type ClaimType = (typeof CLAIM_TYPES)[number];

type FieldKind = 'line' | 'text' | 'link' | 'tick' | 'hashes';

/** One question of the form. Its words are `claim.<type>.<name>`, or `claim.field.<name>` where types share them. */
export interface ClaimField {
  readonly name: string;
  readonly kind: FieldKind;
  /** Without it the form is refused. */
  readonly required: boolean;
  readonly maxLength: number;
  /** An element that the law names: a notice without it is asked for it (17 U.S.C. 512(c)(3)). */
  readonly element?: boolean;
  /** Who somebody is: goes into `CaseClaimant`, encrypted. */
  readonly personal?: boolean;
  /** The uploader reads it: the redacted claim. */
  readonly shared?: boolean;
}

export interface ClaimTypeDefinition {
  readonly permission: Permission;
  readonly isSevere: boolean;
  /** What is forbidden from the moment that the case is filed, or once it is open. */
  readonly interim: { readonly filed: number; readonly open: number };
  readonly fields: readonly ClaimField[];
  /** By when a person should have decided, from opening. */
  readonly targetMs: number;
  /** When that is over for good, from opening: staff are told, and `runOut` happens. */
  readonly hardMs: number;
  readonly runOut: { readonly outcome: Outcome; readonly parameters: TakedownParameters } | null;
  /** The node itself tells the uploader when the case opens; null where a moderator does, or nobody before the decision. */
  readonly isToldAtOnce: boolean;
  /** How long the uploader has to answer; 0 where there is no window. */
  readonly windowMs: number;
  readonly hasJointLane: boolean;
  readonly strikePoints: number;
  /** The e-mail address may be left out. */
  readonly mayBeAnonymous: boolean;
}

const HOUR = 3_600_000;
export const DAY = 24 * HOUR;
/** For how long a decision can be appealed (spec/takedowns.md 2.3, row 16). */
export const APPEAL_MS = 180 * DAY;

const line = (name: string, rest: Partial<ClaimField> = {}): ClaimField => ({
  ...{ name, kind: 'line', required: true, maxLength: 200 },
  ...rest,
});
const text = (name: string, rest: Partial<ClaimField> = {}): ClaimField =>
  line(name, { kind: 'text', maxLength: 4_000, ...rest });
const link = (name: string, rest: Partial<ClaimField> = {}): ClaimField =>
  line(name, { kind: 'link', maxLength: 2_000, ...rest });
const tick = (name: string, rest: Partial<ClaimField> = {}): ClaimField =>
  line(name, { kind: 'tick', maxLength: 1, ...rest });
/** Added where a law counts it among the elements and the host must help to complete it. */
const element = { required: false, element: true } as const;
const optional = { required: false } as const;
const shared = { shared: true } as const;

const name = line('name', { personal: true });
const signature = line('signature', { personal: true });
const details = text('details');

const noUse = RESTRICTION.download | RESTRICTION.generate;

/** The claim types of spec/takedowns.md 2.1, as data. */
export const CLAIMS: Readonly<Record<ClaimType, ClaimTypeDefinition>> = {
  minor: {
    ...{ permission: 'decideSevere', isSevere: true, mayBeAnonymous: true },
    interim: { filed: QUARANTINE, open: QUARANTINE },
    // nothing to upload, and nobody is asked to describe more than they wish
    fields: [tick('belief'), text('details', optional)],
    ...{ targetMs: 4 * HOUR, hardMs: 24 * HOUR, runOut: null },
    ...{ isToldAtOnce: false, windowMs: 0, hasJointLane: false, strikePoints: 10 },
  },
  ncii: {
    ...{ permission: 'decideSevere', isSevere: true, mayBeAnonymous: false },
    interim: { filed: QUARANTINE, open: QUARANTINE },
    fields: [
      name,
      tick('person'),
      tick('goodFaith'),
      signature,
      text('details', optional),
      text('hashes', { kind: 'hashes', required: false, maxLength: 2_000 }),
    ],
    // 48 hours from the first submission, an hour of them kept back
    ...{
      targetMs: 24 * HOUR,
      hardMs: 47 * HOUR,
      runOut: { outcome: 'remove', parameters: { vault: true, block: true } },
    },
    ...{ isToldAtOnce: false, windowMs: 0, hasJointLane: false, strikePoints: 6 },
  },
  likeness: {
    ...{ permission: 'decideSevere', isSevere: false, mayBeAnonymous: false },
    interim: { filed: 0, open: noUse },
    fields: [name, tick('person'), tick('noConsent'), signature, details, link('proof', optional)],
    ...{ targetMs: 3 * DAY, hardMs: 7 * DAY, runOut: { outcome: 'remove', parameters: { block: true } } },
    ...{ isToldAtOnce: true, windowMs: 4 * DAY, hasJointLane: false, strikePoints: 3 },
  },
  copyright: {
    ...{ permission: 'decideRights', isSevere: false, mayBeAnonymous: false },
    // only a complete notice obliges: see `interimOf`
    interim: { filed: 0, open: noUse },
    fields: [
      ...[name, text('work', shared), link('workUrl', { ...optional, shared: true })],
      ...[line('address', { ...element, personal: true, maxLength: 500 }), tick('goodFaith', element)],
      ...[tick('accuracy', element), line('signature', { ...element, personal: true }), tick('nameShown')],
    ],
    ...{ targetMs: DAY, hardMs: 3 * DAY, runOut: { outcome: 'limit', parameters: { bits: noUse } } },
    ...{ isToldAtOnce: false, windowMs: 14 * DAY, hasJointLane: true, strikePoints: 1 },
  },
  style: {
    ...{ permission: 'decideRights', isSevere: false, mayBeAnonymous: false },
    // with a match among the datasets alone: see `interimOf`
    interim: { filed: 0, open: RESTRICTION.generate },
    fields: [
      ...[
        name,
        tick('artist'),
        text('works', shared),
        line('artistName', shared),
        text('wish', shared),
        link('proof', optional),
      ],
      ...[
        text('hashes', { kind: 'hashes', required: false, maxLength: 2_000 }),
        tick('officialModel', { ...optional, shared: true }),
        signature,
      ],
    ],
    ...{
      targetMs: 2 * DAY,
      hardMs: 14 * DAY,
      runOut: { outcome: 'de_attribute', parameters: { bits: RESTRICTION.generate } },
    },
    ...{ isToldAtOnce: true, windowMs: 14 * DAY, hasJointLane: true, strikePoints: 1 },
  },
  trademark: {
    ...{ permission: 'decideRights', isSevere: false, mayBeAnonymous: false },
    interim: { filed: 0, open: 0 },
    fields: [
      name,
      line('mark', shared),
      line('class', shared),
      line('territory', shared),
      text('confusion', shared),
      link('registry', shared),
      tick('accuracy'),
      signature,
    ],
    ...{ targetMs: 5 * DAY, hardMs: 10 * DAY, runOut: null },
    ...{ isToldAtOnce: true, windowMs: 5 * DAY, hasJointLane: true, strikePoints: 1 },
  },
  privacy: {
    ...{ permission: 'moderateContent', isSevere: false, mayBeAnonymous: false },
    interim: { filed: 0, open: 0 },
    fields: [name, details, tick('accuracy'), tick('goodFaith')],
    ...{ targetMs: 3 * DAY, hardMs: 7 * DAY, runOut: null },
    ...{ isToldAtOnce: false, windowMs: 3 * DAY, hasJointLane: false, strikePoints: 1 },
  },
  other: {
    ...{ permission: 'moderateContent', isSevere: false, mayBeAnonymous: false },
    interim: { filed: 0, open: 0 },
    fields: [name, text('details', shared), tick('accuracy'), tick('goodFaith')],
    ...{ targetMs: 3 * DAY, hardMs: 7 * DAY, runOut: null },
    ...{ isToldAtOnce: true, windowMs: 3 * DAY, hasJointLane: false, strikePoints: 1 },
  },
};

export const isSevere = (type: ClaimType): boolean => CLAIMS[type].isSevere;

/** The elements of a notice that are missing, by name. */
export const missingOf = (type: ClaimType, given: Readonly<Record<string, unknown>>): string[] =>
  CLAIMS[type].fields.filter((field) => field.element && !given[field.name]).map((field) => field.name);

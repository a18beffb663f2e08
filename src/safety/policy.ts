import { defineEntity, type InferEntity, p } from '@mikro-orm/core';

/** What moderation may forbid, as bits. */
export const RESTRICTION = {
  view: 1,
  download: 2,
  generate: 4,
  train: 8,
  federate: 16,
  removed: 32,
  /** It keeps its page and stands in no list, feed, search or suggestion. */
  list: 64,
  /** Peers may not keep a copy of its files. */
  mirror: 128,
  /** Shown and used at PG alone, whatever its author rated. */
  explicit: 256,
  /** Its author may not change what the decision settled. */
  edit: 512,
  commercial: 1024,
  derive: 2048,
  /** Forbids nothing: its page says that what it was made with was taken down. */
  label: 4096,
} as const;
export type Act = Exclude<keyof typeof RESTRICTION, 'removed' | 'label'>;

/** The interim sets and the outcome `limit` (spec/takedowns.md 2.3 and 2.4) are sums of these. */
export const QUARANTINE = RESTRICTION.view | RESTRICTION.list;

export const POLICY_TARGETS = ['model', 'version', 'image', 'post', 'account', 'collection'] as const;
export type PolicyTargetKind = (typeof POLICY_TARGETS)[number];
export interface PolicyTarget {
  readonly kind: PolicyTargetKind;
  readonly id: number;
}

/**
 * The policy epoch of one thing (DESIGN.md section 3). `restrict()` alone writes it, every path asks `decide()`;
 * a thing without a row has epoch 0 and no restriction.
 */
export const PolicyState = defineEntity({
  name: 'PolicyState',
  properties: {
    targetKind: p.enum([...POLICY_TARGETS]).primary(),
    targetId: p.integer().primary(),
    epoch: p.integer().default(0),
    /** OR of the rows of `PolicyRestriction`. */
    restrictions: p.integer().default(0),
    changedAt: p.datetime(),
  },
});
export interface PolicyState extends InferEntity<typeof PolicyState> {}

/** Who forbids what: each source takes back its own bits and no other's. */
export const PolicyRestriction = defineEntity({
  name: 'PolicyRestriction',
  properties: {
    targetKind: p.enum([...POLICY_TARGETS]).primary(),
    targetId: p.integer().primary(),
    /** `case:<id>`, `domain:<host>`, `hash:<id>`, `decision:<id>` and the like. */
    source: p.string().length(120).primary(),
    bits: p.integer(),
    createdAt: p.datetime(),
  },
});
export interface PolicyRestriction extends InferEntity<typeof PolicyRestriction> {}

/** What the owner of the content supplies: the facts that a judgement needs. */
export interface Subject {
  readonly ownerId: number;
  readonly state: 'draft' | 'scheduled' | 'published' | 'unpublished' | 'deleted';
  /** It is for everybody, or for followers or named people and the viewer is one of them (audience.ts). */
  readonly isForViewer: boolean;
  /** OR of the restrictions of the thing and of all that it belongs to (version, model, account). */
  readonly restrictions: number;
}

export type Verdict =
  | { readonly allowed: true }
  | {
      readonly allowed: false;
      readonly reason: 'not_found' | 'gone' | 'withheld';
    };

/**
 * May this viewer do this with that? The owner sees drafts; nobody passes a restriction but those who moderate. Whom it
 * is not for gets the answer of what does not exist, also when it was withheld or deleted.
 */
export function decide(
  act: Act,
  viewer: { readonly id: number; readonly permissions: number } | null,
  subject: Subject,
  canModerate = false,
): Verdict {
  const mine = viewer !== null && viewer.id === subject.ownerId;
  if (!subject.isForViewer && !mine && !canModerate) return { allowed: false, reason: 'not_found' };
  if (subject.state === 'deleted') return { allowed: false, reason: 'gone' };
  if ((subject.restrictions & RESTRICTION.removed) !== 0) return { allowed: false, reason: 'gone' };
  if ((subject.restrictions & (RESTRICTION.view | RESTRICTION[act])) !== 0 && !(act === 'view' && canModerate)) {
    return { allowed: false, reason: 'withheld' };
  }
  if (subject.state === 'published' || ((mine || canModerate) && act !== 'federate')) return { allowed: true };
  return { allowed: false, reason: 'not_found' };
}

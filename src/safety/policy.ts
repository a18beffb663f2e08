import { defineEntity, type InferEntity, p } from '@mikro-orm/core';

/** What moderation may forbid, as bits. */
export const RESTRICTION = {
  view: 1,
  download: 2,
  generate: 4,
  train: 8,
  federate: 16,
  removed: 32,
} as const;
export type Act = 'view' | 'download' | 'generate' | 'train' | 'federate';

const POLICY_TARGETS = ['model', 'version', 'image', 'post', 'account', 'collection'] as const;

/**
 * The policy epoch of one thing (DESIGN.md section 3). `moderation/` alone writes it, every path asks `decide()`;
 * a thing without a row has epoch 0 and no restriction.
 */
export const PolicyState = defineEntity({
  name: 'PolicyState',
  properties: {
    targetKind: p.enum([...POLICY_TARGETS]).primary(),
    targetId: p.integer().primary(),
    epoch: p.integer().default(0),
    restrictions: p.integer().default(0),
    changedAt: p.datetime(),
  },
});
export interface PolicyState extends InferEntity<typeof PolicyState> {}

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

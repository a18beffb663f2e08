import { defineEntity, type InferEntity, p } from '@mikro-orm/core';

export const QUEUE_KINDS = [
  ...(['report', 'case', 'appeal', 'rating', 'upload', 'generation', 'training', 'bounty', 'hash', 'peer'] as const),
] as const;
export type QueueKind = (typeof QUEUE_KINDS)[number];

/** One thing that waits for a person, whatever it is: reports, cases, appeals, held uploads and the rest share a queue. */
export const QueueRow = defineEntity({
  name: 'QueueRow',
  indexes: [
    { properties: ['state', 'priority', 'dueAt', 'id'] },
    { properties: ['kind', 'state', 'id'] },
    { properties: ['aboutKind', 'aboutId'] },
  ],
  uniques: [{ properties: ['kind', 'subjectId', 'openKey'] }],
  properties: {
    id: p.uuid().primary(),
    kind: p.enum([...QUEUE_KINDS]),
    /** Of the thing that waits: a case, an appeal, a held generation. For reports, what they are about: `image:12`. */
    subjectId: p.string().length(120),
    /** `open` while it waits, its own id afterwards, so that one thing waits once. */
    openKey: p.string().length(40),
    /** What people would look at: a kind of thing and its id. */
    aboutKind: p.string().length(40),
    aboutId: p.string().length(120),
    title: p.string().length(200),
    /** `decided`: a decision waits for the time to undo it, and then carries it out. */
    state: p.enum(['open', 'decided', 'done']),
    /** The lower the sooner: 0 severe, 1 urgent, 2 usual, 3 slow lane. */
    priority: p.integer().default(2),
    /** By when it must be decided; UTC, computed once. */
    dueAt: p.datetime().nullable(),
    /** The permission bits of which a reviewer needs one; 0 is any staff. */
    permission: p.integer().default(0),
    assigneeId: p.integer().nullable(),
    /** Who looks at it now: two people do not decide at once. */
    lockedById: p.integer().nullable(),
    lockedUntil: p.datetime().nullable(),
    voiceCount: p.integer().default(1),
    openedAt: p.datetime(),
    closedAt: p.datetime().nullable(),
    outcome: p.string().length(80).default(''),
  },
});
export interface QueueRow extends InferEntity<typeof QueueRow> {}

/** What somebody decided about one row. Its id comes with the form, so that a retried one is the same decision. */
export const QueueDecision = defineEntity({
  name: 'QueueDecision',
  indexes: [{ properties: ['rowId'] }, { properties: ['takedownId'] }, { properties: ['ownerId', 'id'] }],
  properties: {
    id: p.uuid().primary(),
    rowId: p.uuid(),
    decidedById: p.integer(),
    /** Whose the thing was; null where it is nobody's here. */
    ownerId: p.integer().nullable(),
    /** One of the choices of the row's desk. */
    choice: p.string().length(40),
    /** A rating, where the choice asks for one; 0 else. */
    level: p.smallint().default(0),
    /** A strike for the author beside it. */
    hasStrike: p.boolean().default(false),
    ruleId: p.uuid().nullable(),
    /** What was found, in the words of who decided. */
    facts: p.text(),
    state: p.enum(['pending', 'done', 'undone']),
    decidedAt: p.datetime(),
    /** Until then it can be undone. */
    executesAt: p.datetime(),
    jobId: p.uuid(),
    /** What carries it out, where it is more than to leave the thing as it is. */
    takedownId: p.uuid().nullable(),
    doneAt: p.datetime().nullable(),
    /** Why its owner thinks that it is wrong, and when they said so. */
    appeal: p.text().nullable(),
    appealedAt: p.datetime().nullable(),
  },
});
export interface QueueDecision extends InferEntity<typeof QueueDecision> {}

/** How often a moderator looked at severe pictures unveiled, by day (UTC). */
export const StaffExposure = defineEntity({
  name: 'StaffExposure',
  properties: {
    accountId: p.integer().primary(),
    /** ISO day. */
    day: p.string().length(10).primary(),
    count: p.integer(),
  },
});
export interface StaffExposure extends InferEntity<typeof StaffExposure> {}

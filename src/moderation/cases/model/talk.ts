import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { OUTCOMES } from '../../takedown/model.ts';
import type { TakedownParameters } from '../../takedown/start.ts';

export const THREADS = ['claimant', 'uploader', 'joint'] as const;
export type Thread = (typeof THREADS)[number];
const PARTIES = ['claimant', 'uploader', 'moderator'] as const;
export type Party = (typeof PARTIES)[number];

/** Plain text in one of the three threads of a case. */
export const CaseMessage = defineEntity({
  name: 'CaseMessage',
  indexes: [{ properties: ['caseId', 'thread', 'id'] }],
  properties: {
    id: p.uuid().primary(),
    caseId: p.uuid(),
    thread: p.enum([...THREADS]),
    /** In this role people appear, never by name. */
    author: p.enum([...PARTIES]),
    authorId: p.integer().nullable(),
    text: p.text(),
    createdAt: p.datetime(),
  },
});
export interface CaseMessage extends InferEntity<typeof CaseMessage> {}

/** A picture that goes with a message, drawn anew by the node. Kept and shown as its message is. */
export const CaseAttachment = defineEntity({
  name: 'CaseAttachment',
  indexes: [{ properties: ['caseId', 'id'] }],
  properties: {
    id: p.uuid().primary(),
    caseId: p.uuid(),
    messageId: p.uuid(),
    thread: p.enum([...THREADS]),
    /** Of the WebP that is kept. */
    sha256: p.string().length(64),
    totalBytes: p.integer(),
    width: p.integer(),
    height: p.integer(),
    createdAt: p.datetime(),
  },
});
export interface CaseAttachment extends InferEntity<typeof CaseAttachment> {}

/** An outcome that somebody proposes: it is carried out as it stands when both parties accept it. */
export const CaseOffer = defineEntity({
  name: 'CaseOffer',
  indexes: [{ properties: ['caseId', 'id'] }],
  properties: {
    id: p.uuid().primary(),
    caseId: p.uuid(),
    by: p.enum([...PARTIES]),
    outcome: p.enum([...OUTCOMES]),
    parameters: p.json<TakedownParameters>(),
    state: p.enum(['open', 'agreed', 'declined', 'countered', 'vetoed', 'carried_out']),
    claimantAcceptedAt: p.datetime().nullable(),
    uploaderAcceptedAt: p.datetime().nullable(),
    createdAt: p.datetime(),
  },
});
export interface CaseOffer extends InferEntity<typeof CaseOffer> {}

import { defineEntity, type InferEntity, p } from '@mikro-orm/core';

/** A mail until it is sent. Without SMTP it stays, and the owner passes it on by hand. */
export const OutboxMail = defineEntity({
  name: 'OutboxMail',
  indexes: [{ properties: ['sentAt', 'createdAt'] }],
  properties: {
    id: p.uuid().primary(),
    toAddress: p.string().length(254),
    subject: p.string().length(200),
    /** Emptied when sent: it may hold a link that signs in. */
    text: p.text(),
    html: p.text(),
    /** Stops mail of this kind (RFC 8058); null for what nobody gets unasked. */
    unsubscribeUrl: p.string().length(500).nullable(),
    createdAt: p.datetime(),
    sentAt: p.datetime().nullable(),
  },
});
export interface OutboxMail extends InferEntity<typeof OutboxMail> {}

import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { Account } from '../model.ts';

/** A link that lets people join. The code stands in clear: staff see it again, and it opens nothing but the sign-up form. */
export const Invite = defineEntity({
  name: 'Invite',
  properties: {
    id: p.uuid().primary(),
    code: p.string().length(32).unique(),
    inviter: () => p.manyToOne(Account).ref(),
    note: p.string().length(200).default(''),
    maxUses: p.integer().default(1),
    useCount: p.integer().default(0),
    createdAt: p.datetime(),
    expiresAt: p.datetime(),
  },
});
export interface Invite extends InferEntity<typeof Invite> {}

export const isInviteOpen = (invite: Pick<Invite, 'maxUses' | 'useCount' | 'expiresAt'>, now: Date): boolean =>
  invite.useCount < invite.maxUses && invite.expiresAt > now;

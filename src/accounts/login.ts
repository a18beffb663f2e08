import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { Account } from './model.ts';

/** What only its person and the staff know of an account of this node. Erased when the account is. */
export const Login = defineEntity({
  name: 'Login',
  properties: {
    account: () => p.oneToOne(Account).ref().primary(),
    /** As `normaliseEmail` writes it. */
    email: p.string().length(254).unique(),
    emailVerifiedAt: p.datetime().nullable(),
    /** The version of the terms that was agreed to; 0 when an operator made the account. */
    termsVersion: p.integer().default(0),
    termsAgreedAt: p.datetime().nullable(),
    adultStatedAt: p.datetime().nullable(),
    /** What somebody who asks to join says to those who decide. */
    signUpNote: p.text().default(''),
    /** Whose invitation it came with. */
    inviter: () => p.manyToOne(Account).ref().nullable(),
    /** Null is the node's own quota, `ACCOUNT_QUOTA_MB`. */
    quotaBytes: p.bigint('number').nullable(),
    deleteRequestedAt: p.datetime().nullable(),
    /** Written every few minutes at most. */
    lastSeenAt: p.datetime().nullable(),
  },
});
export interface Login extends InferEntity<typeof Login> {}

/** Mail hosts do not tell upper from lower case, and almost none does so before the `@`. */
export const normaliseEmail = (text: string): string => text.trim().toLowerCase();

/** What two spellings of one mailbox have in common: no `+tag`, and no dots where the host does not tell them apart. */
export function canonicalEmail(text: string): string {
  const [local = '', host = ''] = normaliseEmail(text).split('@');
  const plain = local.split('+')[0] ?? '';
  return /^(gmail|googlemail)\.com$/.test(host) ? `${plain.replaceAll('.', '')}@gmail.com` : `${plain}@${host}`;
}

import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { Account } from '../model.ts';

const CREDENTIAL_KINDS = ['password', 'totp', 'passkey', 'recovery'] as const;

/** One way to prove to be an account. An account has one password, one authenticator app, several passkeys and codes. */
export const Credential = defineEntity({
  name: 'Credential',
  indexes: [{ properties: ['account', 'kind'] }],
  properties: {
    id: p.uuid().primary(),
    account: () => p.manyToOne(Account).ref(),
    kind: p.enum([...CREDENTIAL_KINDS]),
    /** argon2id hash, sealed TOTP secret, public key in base64url, or SHA-256 of a recovery code. */
    secret: p.text(),
    label: p.string().length(60).default(''),
    /** The authenticator's own id of a passkey. */
    externalId: p.string().length(1400).nullable().unique(),
    transports: p.json<string[]>().onCreate(() => []),
    /** Signature counter of a passkey; last 30 s step of an authenticator app, so that a code works once. */
    counter: p.bigint('number').default(0),
    /** Null while an authenticator app has not shown its first code. */
    confirmedAt: p.datetime().nullable(),
    usedAt: p.datetime().nullable(),
    createdAt: p.datetime(),
  },
});
export interface Credential extends InferEntity<typeof Credential> {}

/** A signed-in browser. The cookie holds the token; here is its SHA-256 alone. */
export const Session = defineEntity({
  name: 'Session',
  properties: {
    id: p.uuid().primary(),
    tokenHash: p.string().length(64).unique(),
    account: () => p.manyToOne(Account).ref().index(),
    userAgent: p.string().length(300).default(''),
    /** The network, not the address: enough to recognise a place. */
    addressPrefix: p.string().length(64).default(''),
    createdAt: p.datetime(),
    lastSeenAt: p.datetime(),
    expiresAt: p.datetime().index(),
  },
});
export interface Session extends InferEntity<typeof Session> {}

/** A personal key for programs. */
export const ApiToken = defineEntity({
  name: 'ApiToken',
  properties: {
    id: p.uuid().primary(),
    tokenHash: p.string().length(64).unique(),
    account: () => p.manyToOne(Account).ref().index(),
    /** An app's stands under the apps of its person, and ends and begins anew by the app's own asking (api/oauth). */
    kind: p.enum(['personal', 'app']).default('personal'),
    label: p.string().length(60),
    scopes: p.json<string[]>(),
    /** The last characters, by which its person knows it. */
    hint: p.string().length(8),
    createdAt: p.datetime(),
    lastUsedAt: p.datetime().nullable(),
    expiresAt: p.datetime().nullable(),
  },
});
export interface ApiToken extends InferEntity<typeof ApiToken> {}

const ONE_TIME_KINDS = ['set_up', 'verify_email', 'reset_password', 'second_factor', 'passkey'] as const;
export type OneTimeKind = (typeof ONE_TIME_KINDS)[number];

/** A secret that works once and not for long: links in mail, the step between password and code, passkey challenges. */
export const OneTimeToken = defineEntity({
  name: 'OneTimeToken',
  indexes: [{ properties: ['account', 'kind'] }],
  properties: {
    id: p.uuid().primary(),
    kind: p.enum([...ONE_TIME_KINDS]),
    tokenHash: p.string().length(64).unique(),
    account: () => p.manyToOne(Account).ref().nullable(),
    /** The address that a `verify_email` link confirms. */
    email: p.string().length(254).nullable(),
    failureCount: p.smallint().default(0),
    createdAt: p.datetime(),
    expiresAt: p.datetime().index(),
  },
});
export interface OneTimeToken extends InferEntity<typeof OneTimeToken> {}

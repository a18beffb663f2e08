import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { ApiToken } from '../../accounts/access/model.ts';

export const AUTH_METHODS = ['none', 'client_secret_basic', 'client_secret_post'] as const;

/** A program that registered itself (RFC 7591). Nobody of the node looked at it: what it says of itself is its word. */
export const OAuthClient = defineEntity({
  name: 'OAuthClient',
  tableName: 'oauth_client',
  indexes: [{ properties: ['createdAt'] }],
  properties: {
    id: p.uuid().primary(),
    name: p.string().length(80),
    redirectUris: p.json<string[]>(),
    authMethod: p.enum([...AUTH_METHODS]),
    /** SHA-256; null of a program that can keep no secret. */
    secretHash: p.string().length(64).nullable(),
    createdAt: p.datetime(),
  },
});
export interface OAuthClient extends InferEntity<typeof OAuthClient> {}

/**
 * What a person allowed a program: a token of theirs, and whose program holds it. The token goes and all of it goes:
 * with the account, with a new password, when the person takes it back, and when a secret of it is used twice.
 */
export const OAuthGrant = defineEntity({
  name: 'OAuthGrant',
  tableName: 'oauth_grant',
  properties: {
    id: p.uuid().primary(),
    token: () => p.manyToOne(ApiToken).ref().deleteRule('cascade').unique(),
    client: () => p.manyToOne(OAuthClient).ref().deleteRule('cascade').index(),
    /** Null until the program fetched its first token. */
    redeemedAt: p.datetime().nullable(),
    createdAt: p.datetime(),
  },
});
export interface OAuthGrant extends InferEntity<typeof OAuthGrant> {}

/** A code or a refresh token: each is good once, and its mark stays so that a second use is noticed. */
export const OAuthSecret = defineEntity({
  name: 'OAuthSecret',
  tableName: 'oauth_secret',
  properties: {
    id: p.uuid().primary(),
    grant: () => p.manyToOne(OAuthGrant).ref().deleteRule('cascade').index(),
    kind: p.enum(['code', 'refresh']),
    hash: p.string().length(64).unique(),
    /** Of a code: where it was sent, and the challenge of PKCE. */
    redirectUri: p.string().length(500).nullable(),
    challenge: p.string().length(43).nullable(),
    usedAt: p.datetime().nullable(),
    createdAt: p.datetime(),
    expiresAt: p.datetime(),
  },
});
export interface OAuthSecret extends InferEntity<typeof OAuthSecret> {}

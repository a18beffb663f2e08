import { AppError } from '../kit/errors.ts';
import type { Viewer } from '../kit/work.ts';
import { PERMISSION, type Permission } from './permissions.ts';

/** What a token may be limited to, and the permissions that each lets through. */
const SCOPES = {
  read: [],
  'write:models': ['publish'],
  'write:images': ['publish'],
  'write:social': [],
  generate: ['generate'],
  train: ['train'],
  notifications: [],
  webhooks: [],
  credits: [],
  transfer: ['publish'],
  moderate: ['moderateContent', 'moderateAccounts', 'approveSignUps', 'invite'],
  admin: ['manageFederation', 'manageCatalogue', 'manageCompute', 'manageSettings', 'manageRoles', 'owner'],
} as const satisfies Record<string, readonly Permission[]>;
export type Scope = keyof typeof SCOPES;

/** In the order of the forms. `all` stands for every scope, also later ones. */
export const SCOPE_NAMES = [...Object.keys(SCOPES), 'all'] as readonly (Scope | 'all')[];

/** What an app may ask for: none that runs the node. */
export const OAUTH_SCOPES = [
  ...(['read', 'write:models', 'write:images', 'write:social', 'generate', 'train'] as const),
  ...(['notifications', 'webhooks', 'credits', 'transfer'] as const),
] as const;
export type OAuthScope = (typeof OAUTH_SCOPES)[number];

/** The part of somebody's permissions that reaches through a token, so that no service has to ask for scopes again. */
export function permissionsWithin(permissions: number, scopes: ReadonlySet<string> | null): number {
  if (scopes === null || scopes.has('all')) return permissions;
  let mask = 0;
  for (const [scope, names] of Object.entries(SCOPES)) {
    if (scopes.has(scope)) for (const name of names) mask |= PERMISSION[name];
  }
  return permissions & mask;
}

/** A browser session has no scopes and may do all that its person may. */
const hasScope = (viewer: Pick<Viewer, 'scopes'>, scope: Scope): boolean =>
  viewer.scopes === null || viewer.scopes.has('all') || viewer.scopes.has(scope);

/** Throws `unauthenticated` for a visitor and `forbidden` for a token without the scope. */
export function requireScope(viewer: Viewer | null, scope: Scope): Viewer {
  if (!viewer) throw new AppError('unauthenticated', 'Sign in, or send a token.');
  if (!hasScope(viewer, scope)) throw new AppError('forbidden', `This token lacks the scope ${scope}.`);
  return viewer;
}

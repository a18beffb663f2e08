import type { Viewer } from '../kit/work.ts';

/** What a person may do beyond their own things, as bits, so that a role is a sum and a grant is a mask. */
export const PERMISSION = {
  publish: 1 << 0,
  generate: 1 << 1,
  train: 1 << 2,
  moderateContent: 1 << 3,
  moderateAccounts: 1 << 4,
  approveSignUps: 1 << 5,
  invite: 1 << 6,
  manageFederation: 1 << 7,
  manageCatalogue: 1 << 8,
  manageCompute: 1 << 9,
  manageSettings: 1 << 10,
  manageRoles: 1 << 11,
  owner: 1 << 12,
  /** Cases about intimate pictures, children and likeness. */
  decideSevere: 1 << 13,
  /** Cases about copyright, style and trademarks. */
  decideRights: 1 << 14,
  /** Who filed a case: name, address, e-mail. Each look is logged. */
  seeClaimants: 1 << 15,
  readAudit: 1 << 16,
  /** The node's rules, the rules about prompts, and what is blocked by its hash. */
  manageRules: 1 << 17,
} as const;
export type Permission = keyof typeof PERMISSION;

export const ROLES = ['member', 'moderator', 'admin', 'owner'] as const;
export type Role = (typeof ROLES)[number];

const bits = (...names: readonly Permission[]): number => names.reduce((sum, name) => sum | PERMISSION[name], 0);

const member = bits('publish', 'generate', 'train');
const moderator =
  member |
  bits('moderateContent', 'moderateAccounts', 'approveSignUps', 'invite') |
  bits('decideSevere', 'decideRights', 'seeClaimants', 'readAudit');
const admin =
  moderator |
  bits('manageFederation', 'manageCatalogue', 'manageCompute', 'manageSettings', 'manageRoles', 'manageRules');

export const ROLE_PERMISSIONS: Readonly<Record<Role, number>> = {
  member,
  moderator,
  admin,
  owner: admin | bits('owner'),
};

export const can = (viewer: Pick<Viewer, 'permissions'> | null, permission: Permission): boolean =>
  viewer !== null && (viewer.permissions & PERMISSION[permission]) !== 0;

/** Nobody may grant what they do not have. */
export const mayGrant = (granter: Pick<Viewer, 'permissions'>, permissions: number): boolean =>
  can(granter, 'manageRoles') && (permissions & ~granter.permissions) === 0;

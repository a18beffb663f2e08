import { defineEntity, type EntityManager, type InferEntity, p } from '@mikro-orm/core';
import { type Parameter, rows, toNumber } from '../../kit/database/sql.ts';
import { PERMISSION, type Permission } from '../permissions.ts';

/** One permission beyond somebody's role, for a time. A second grant of the same one changes its end. */
export const StaffGrant = defineEntity({
  name: 'StaffGrant',
  properties: {
    accountId: p.integer().primary(),
    /** One bit of PERMISSION, so that the sum of an account's grants is the mask. */
    bit: p.integer().primary(),
    grantedById: p.integer(),
    reason: p.string().length(200),
    createdAt: p.datetime(),
    expiresAt: p.datetime(),
  },
});
export interface StaffGrant extends InferEntity<typeof StaffGrant> {}

/** What an account may do now, role and grants together, as SQL; `account` is the alias of its table. Takes the time. */
export const permissionsSql = (account: string): string =>
  `(${account}.permissions | cast(coalesce((select sum(sg.bit) from staff_grant sg
    where sg.account_id = ${account}.id and sg.expires_at > ?), 0) as integer))`;

/** May this account do that now? `account` is the alias of its table. */
export const maySql = (
  account: string,
  permission: Permission,
  now: Date,
): { sql: string; parameters: Parameter[] } => ({
  sql: `(${permissionsSql(account)} & ${PERMISSION[permission]}) <> 0`,
  parameters: [now],
});

/** Bits of role and grants. */
export async function permissionsOf(em: EntityManager, accountId: number, now: Date): Promise<number> {
  const [row] = await rows<{ permissions: unknown }>(
    em,
    `select ${permissionsSql('a')} as permissions from account a where a.id = ?`,
    [now, accountId],
  );
  return toNumber(row?.permissions);
}

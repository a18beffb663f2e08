/** `ROLE_PERMISSIONS` of the release in which moderation came. */
const PERMISSIONS = { moderator: 123_007, admin: 258_047, owner: 262_143 };

/**
 * Written by hand, for both databases: roles get the permissions that came with moderation, and what was forbidden
 * before restrictions had sources has one.
 */
export const GIVE_MODERATION_ITS_ROWS: readonly string[] = [
  ...Object.entries(PERMISSIONS).map(
    ([role, permissions]) =>
      `update account set permissions = ${permissions} where host = '' and role = '${role}' and permissions <> 0`,
  ),
  `insert into policy_restriction (target_kind, target_id, source, bits, created_at)
   select s.target_kind, s.target_id, case when s.target_kind = 'account'
     then coalesce((select substr('domain:' || a.host, 1, 120) from account a where a.id = s.target_id and a.host <> ''), 'before')
     else 'before' end, s.restrictions, s.changed_at
   from policy_state s where s.restrictions <> 0`,
];

/*
 * Written by hand, for 0017: what the ledger promises holds against every statement, also one that is typed at the
 * database. Postings and entries stay as they were written (a note may be emptied, for it is somebody's words), and only
 * the node may stand below zero. A table that a later migration makes anew on SQLite needs its triggers again.
 */
const REFUSED = 'the ledger is only added to';
const SAME = ['id', 'key', 'kind', 'subject_kind', 'subject_id', 'at'];

export const SQLITE_LEDGER_TRIGGERS: readonly string[] = [
  ...['credit_posting', 'credit_entry', 'credit_account'].map(
    (table) =>
      `create trigger ${table}_no_delete before delete on ${table} begin select raise(abort, '${REFUSED}'); end`,
  ),
  `create trigger credit_entry_no_update before update on credit_entry begin select raise(abort, '${REFUSED}'); end`,
  `create trigger credit_posting_no_update before update on credit_posting
   when new.note <> '' or ${SAME.map((column) => `new.${column} is not old.${column}`).join(' or ')}
   begin select raise(abort, '${REFUSED}'); end`,
  `create trigger credit_account_not_below_zero before update of balance on credit_account
   when new.balance < 0 and new.kind <> 'node' begin select raise(abort, 'nobody owes credits'); end`,
];

export const POSTGRESQL_LEDGER_TRIGGERS: readonly string[] = [
  `create function credit_refuse() returns trigger language plpgsql as $$
   begin raise exception '%', tg_argv[0]; end $$`,
  ...['credit_posting', 'credit_entry', 'credit_account'].flatMap((table) => [
    `create trigger ${table}_no_delete before delete on ${table} for each row execute function credit_refuse('${REFUSED}')`,
    `create trigger ${table}_no_truncate before truncate on ${table} execute function credit_refuse('${REFUSED}')`,
  ]),
  `create trigger credit_entry_no_update before update on credit_entry for each row execute function credit_refuse('${REFUSED}')`,
  `create trigger credit_posting_no_update before update on credit_posting for each row
   when (new.note <> '' or ${SAME.map((column) => `new.${column} is distinct from old.${column}`).join(' or ')})
   execute function credit_refuse('${REFUSED}')`,
  `create trigger credit_account_not_below_zero before update of balance on credit_account for each row
   when (new.balance < 0 and new.kind <> 'node') execute function credit_refuse('nobody owes credits')`,
];

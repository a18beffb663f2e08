import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ROLE_PERMISSIONS } from '../../src/accounts/permissions.ts';
import { audited } from '../../src/kit/audit/append.ts';
import { eraseAudit, keepAuditRoot, verifyAudit } from '../../src/kit/audit/verify.ts';
import { rows } from '../../src/kit/database/sql.ts';
import { givenAccount } from '../factories/content.ts';
import { testNode } from '../node.ts';

async function withThreeRows(t: Parameters<typeof testNode>[0]) {
  const node = await testNode(t);
  const staff = givenAccount(node.em, { role: 'moderator', permissions: ROLE_PERMISSIONS.moderator });
  await node.em.flush();
  for (const after of [{ state: 'open', z: 1, a: [1, { b: 2, a: 1 }] }, { state: 'decided' }, { state: 'executed' }]) {
    const entry = {
      action: 'case.move',
      subject: { kind: 'case', id: 7 },
      after,
      rule: '3',
      reason: 'Because of „this“.',
    };
    await audited(node.workAs(staff), async () => ({ result: null, entries: [entry] }));
  }
  return { ...node, staff };
}

test('a chain of rows holds, and its keys may come back in another order', async (t) => {
  const { em } = await withThreeRows(t);
  assert.deepEqual(await verifyAudit(em), { isWhole: true, entryCount: 3, erasedCount: 0, faults: [] });
});

test('an act that fails leaves no row, and a row that cannot be written undoes its act', async (t) => {
  const { em, workAs, staff } = await withThreeRows(t);
  await assert.rejects(
    audited(workAs(staff), async (inner) => {
      await rows(inner, 'delete from account where id = ? returning id', [staff.id]);
      throw new Error('no');
    }),
  );
  assert.equal((await verifyAudit(em)).entryCount, 3);
  assert.equal((await rows(em, 'select id from account where id = ?', [staff.id])).length, 1);
});

test('acts at the same time stand one after the other in the chain', async (t) => {
  const { em, workAs, staff } = await withThreeRows(t);
  const entry = { action: 'case.look', subject: { kind: 'case', id: 8 } };
  await Promise.all(
    Array.from({ length: 12 }, () => audited(workAs(staff), async () => ({ result: null, entries: [entry, entry] }))),
  );
  assert.deepEqual(await verifyAudit(em), { isWhole: true, entryCount: 27, erasedCount: 0, faults: [] });
});

const TAMPERING: readonly (readonly [string, string, RegExp])[] = [
  [
    'edits what stands after',
    `update audit_entry set after = '{"state":"rejected"}' where seq = 2`,
    /row 2 was changed/,
  ],
  ['edits who acted', 'update audit_entry set actor_id = 999 where seq = 2', /row 2: who acted/],
  ['edits the reason', `update audit_entry set reason = 'Other.' where seq = 1`, /row 1: who acted, or why/],
  ['takes a row out', 'delete from audit_entry where seq = 2', /row 2 is missing/],
  ['cuts the end off', 'delete from audit_entry where seq = 3', /should end at row 3 and ends at row 2/],
  [
    'puts a row in',
    `insert into audit_entry (seq, at, action, subject_kind, subject_id, actor_role, rule, seal, request_id, previous_hash, hash)
      select 4, at, action, subject_kind, subject_id, actor_role, rule, seal, request_id, hash, hash from audit_entry where seq = 3`,
    /row 4 was changed/,
  ],
];

for (const [deed, sql, expected] of TAMPERING) {
  test(`scenario 23: who ${deed} in SQL is found out`, async (t) => {
    const { em } = await withThreeRows(t);
    await rows(em, `${sql} returning seq`);
    const report = await verifyAudit(em);
    assert.equal(report.isWhole, false);
    assert.match(report.faults.join('\n'), expected);
  });
}

test('scenario 23: a chain that is written anew differs from the root of its day', async (t) => {
  const { em, clock } = await withThreeRows(t);
  const tomorrow = new Date(clock.now().getTime() + 86_400_000);
  const root = await keepAuditRoot(em, tomorrow);
  assert.equal(root?.seq, 3);
  await rows(em, 'delete from audit_entry where seq > 0 returning seq');
  await rows(em, 'delete from audit_head where id = 1 returning id');
  const report = await verifyAudit(em);
  assert.match(report.faults.join('\n'), /the root of 2026-01-02 names row 3/);
});

test('erased rows lose actor and reason, and the chain holds and counts them', async (t) => {
  const { em, clock } = await withThreeRows(t);
  assert.equal(await eraseAudit(em, new Date(clock.now().getTime() + 1)), 3);
  assert.deepEqual(await verifyAudit(em), { isWhole: true, entryCount: 3, erasedCount: 3, faults: [] });
  const [row] = await rows(em, 'select actor_id, reason, salt from audit_entry where seq = 1');
  assert.deepEqual({ ...row }, { actor_id: null, reason: null, salt: null });
});

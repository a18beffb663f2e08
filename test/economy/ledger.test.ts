import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { EntityManager, MikroORM } from '@mikro-orm/core';
import fc from 'fast-check';
import { closePurse } from '../../src/economy/close.ts';
import { addUse, endHold, holdCredits } from '../../src/economy/holds.ts';
import { creditAccountId, findPurse, NODE, person } from '../../src/economy/ledger/accounts.ts';
import { InsufficientCredit, post } from '../../src/economy/ledger/post.ts';
import { verifyLedger } from '../../src/economy/ledger/verify.ts';
import { listHeld, payPledges, pledge, refundPledge } from '../../src/economy/pledges/pledge.ts';
import { ENTITIES } from '../../src/entities.ts';
import { migrate } from '../../src/kit/database/migrate.ts';
import { openDatabase } from '../../src/kit/database/open.ts';
import { rows, toNumber } from '../../src/kit/database/sql.ts';
import { AppError } from '../../src/kit/errors.ts';
import { newId } from '../../src/kit/ids.ts';
import { makeLog } from '../../src/kit/log.ts';
import { freshDatabase } from '../kit/queue-setup.ts';

const PEOPLE = [1, 2, 3];
const NOW = new Date('2026-01-02T03:04:05Z');

/** Two connections or more on one database, so that acts meet each other as those of two processes do. */
async function ledgers(t: TestContext, dialect: string): Promise<() => EntityManager> {
  const endings: (() => Promise<unknown>)[] = [];
  t.after(async () => {
    for (const end of endings.reverse()) await end();
  });
  const { url, folder } = await freshDatabase(endings, dialect === 'postgresql');
  const orms: MikroORM[] = [];
  for (let n = 0; n < 2; n += 1) {
    const orm = await openDatabase({ url, dataDir: folder, entities: ENTITIES, log: makeLog('silent'), pool: 4 });
    endings.push(() => orm.close(true));
    if (n === 0) await migrate(orm);
    orms.push(orm);
  }
  let turn = 0;
  return () => {
    turn += 1;
    return (orms[turn % orms.length] as MikroORM).em.fork();
  };
}

const give = (em: EntityManager, to: number, amount: number, key: string) =>
  post(em, {
    ...{ key, kind: 'grant', at: NOW },
    moves: [
      { account: NODE, amount: -amount },
      { account: person(to), amount },
    ],
  });

const tip = (em: EntityManager, from: number, to: number, amount: number, key: string) =>
  post(em, {
    ...{ key, kind: 'tip', at: NOW, note: 'Thank you' },
    moves: [
      { account: person(from), amount: -amount },
      { account: person(to), amount },
    ],
  });

const holding = (em: EntityManager, id: string, by: number, amount: number) =>
  em.transactional((tx) =>
    holdCredits(
      tx,
      { subject: { kind: 'generation', id }, jobId: id, accountId: by, amount, creditsPerMinute: 60 },
      NOW,
    ),
  );

const balanceOf = async (em: EntityManager, id: number) => (await findPurse(em, id))?.balance ?? 0;

class Crash extends Error {}

const who = fc.integer({ min: 0, max: PEOPLE.length - 1 }).map((at) => PEOPLE[at] ?? 1);
const credits = fc.integer({ min: 1, max: 40 });
/** Few keys, so that many acts are said again. */
const slot = fc.integer({ min: 0, max: 5 });
const act = fc.oneof(
  fc.record({ act: fc.constant('give' as const), to: who, amount: credits, slot }),
  fc.record({ act: fc.constant('tip' as const), from: who, to: who, amount: credits, slot }),
  fc.record({ act: fc.constant('hold' as const), by: who, amount: credits, slot }),
  fc.record({ act: fc.constant('use' as const), seconds: fc.integer({ min: 0, max: 60 }), slot }),
  // one pot for each slot: many put in, one gets it, or each gets theirs back
  fc.record({ act: fc.constant('pledge' as const), by: who, amount: credits, slot }),
  fc.record({ act: fc.constant('award' as const), to: who, slot }),
  fc.record({ act: fc.constant('give-back' as const), slot }),
  fc.record({ act: fc.constant('end' as const), how: fc.constantFrom('capture' as const, 'refund' as const), slot }),
);
/** How often it is said, and whether the process dies before the commit the first time. */
const step = fc.record({ act, times: fc.integer({ min: 1, max: 3 }), dies: fc.boolean() });

for (const dialect of ['sqlite', 'postgresql']) {
  const skip = dialect === 'postgresql' && !process.env.TEST_DATABASE_URL && 'TEST_DATABASE_URL names no PostgreSQL';

  test(`whatever happens at once, the sum is zero and nobody owes, on ${dialect}`, { skip }, async (t) => {
    const fork = await ledgers(t, dialect);
    let round = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 50 }), async (steps) => {
        round += 1;
        const holds = new Map<number, string>();
        for (let n = 0; n <= 5; n += 1) holds.set(n, newId());
        const before = await Promise.all(PEOPLE.map((id) => balanceOf(fork(), id)));
        const escrowBefore = toNumber((await inEscrow(fork()))?.total);
        /** What each key did when it did something: it may do it once. */
        const done = new Map<string, { effect: Map<number, number>; count: number }>();
        const paid: number[] = [];
        /** What came out of pots: to whom, and how much. */
        const given: (readonly [number, number])[] = [];
        const wrote = (key: string, moves: readonly (readonly [number, number])[]) => {
          const known = done.get(key) ?? { effect: new Map(), count: 0 };
          known.count += 1;
          for (const [id, amount] of moves) known.effect.set(id, (known.effect.get(id) ?? 0) + amount);
          done.set(key, known);
        };
        const say = async (em: EntityManager, one: (typeof steps)[number]['act']): Promise<() => void> => {
          const at = one.slot;
          const id = holds.get(at) ?? '';
          if (one.act === 'give') {
            const key = `give:${round}:${at}:${one.to}:${one.amount}`;
            return (await give(em, one.to, one.amount, key)) ? () => wrote(key, [[one.to, one.amount]]) : () => {};
          }
          if (one.act === 'tip') {
            if (one.from === one.to) return () => {};
            const key = `tip:${round}:${at}:${one.from}:${one.to}:${one.amount}`;
            const moves = [[one.from, -one.amount] as const, [one.to, one.amount] as const];
            return (await tip(em, one.from, one.to, one.amount, key)) ? () => wrote(key, moves) : () => {};
          }
          if (one.act === 'hold') {
            await holding(em, id, one.by, one.amount);
            return () => {};
          }
          if (one.act === 'use') {
            await addUse(em, id, one.seconds);
            return () => {};
          }
          const pot = { kind: 'bounty' as const, id };
          if (one.act === 'pledge') {
            const key = `pot:${round}:${at}:${one.by}:${one.amount}`;
            const { isNew } = await pledge(em, { key, subject: pot, accountId: one.by, amount: one.amount }, NOW);
            return isNew ? () => wrote(key, [[one.by, -one.amount]]) : () => {};
          }
          if (one.act === 'award') {
            const held = await listHeld(em, pot);
            const ids = held.map((part) => part.id);
            const got = await payPledges(em, ids, one.to, `award:${round}:${at}:${ids[0] ?? ''}`, NOW);
            return () => given.push([one.to, got]);
          }
          if (one.act === 'give-back') {
            const [part] = await listHeld(em, pot);
            if (!part) return () => {};
            const isBack = await refundPledge(em, part.id, NOW);
            return () => given.push([part.accountId ?? 0, isBack ? part.amount : 0]);
          }
          const { paid: cost } = await endHold(em, { kind: 'generation', id }, one.how, NOW);
          return () => paid.push(cost);
        };
        const tryOnce = async (one: (typeof steps)[number]['act'], dies: boolean): Promise<void> => {
          let note = () => {};
          try {
            await fork().transactional(async (tx) => {
              note = await say(tx, one);
              if (dies) throw new Crash();
            });
            note();
          } catch (error) {
            // another amount under a key that is taken is refused, and so is what somebody does not have
            const isMeant = error instanceof Crash || error instanceof InsufficientCredit || isConflict(error);
            if (!isMeant) throw error;
          }
        };
        await Promise.all(
          steps.map(async ({ act: one, times, dies }) => {
            await Promise.all(Array.from({ length: times }, (_, n) => tryOnce(one, dies && n === 0)));
          }),
        );

        const report = await verifyLedger(fork());
        assert.deepEqual(report.faults, []);
        assert.ok(
          [...done.values()].every(({ count }) => count === 1),
          'a key did something twice',
        );
        const fromPots = given.reduce((sum, [, amount]) => sum + amount, 0);
        const intoPots = [...done].reduce(
          (sum, [key, { effect }]) =>
            key.startsWith('pot:') ? sum - [...effect.values()].reduce((all, one) => all + one, 0) : sum,
          0,
        );
        const inPots = toNumber((await inPotsNow(fork(), [...holds.values()]))?.total);
        assert.equal(intoPots, fromPots + inPots, 'what is put in is paid once, comes back once, or lies there');
        const expected = PEOPLE.map((id, n) =>
          [...done.values()].reduce(
            (sum, { effect }) => sum + (effect.get(id) ?? 0),
            (before[n] ?? 0) + given.reduce((sum, [to, amount]) => (to === id ? sum + amount : sum), 0),
          ),
        );
        const after = await Promise.all(PEOPLE.map((id) => balanceOf(fork(), id)));
        const total = (list: readonly number[]) => list.reduce((sum, one) => sum + one, 0);
        const escrowAfter = toNumber((await inEscrow(fork()))?.total);
        // what is not with people any more is in escrow, or was paid to the node by a hold that ended
        assert.equal(total(expected) + escrowBefore, total(after) + escrowAfter - inPots + total(paid));
        assert.ok(after.every((balance) => balance >= 0));
      }),
      { numRuns: 12 },
    );
  });

  test(`postings and entries are only added to, on ${dialect}`, { skip }, async (t) => {
    const fork = await ledgers(t, dialect);
    await give(fork(), 1, 10, 'one');
    await tip(fork(), 1, 2, 4, 'two');
    const refused = /the ledger is only added to/;
    for (const sql of [
      'update credit_entry set amount = amount + 1',
      'delete from credit_entry',
      `update credit_posting set key = 'three'`,
      `update credit_posting set note = 'Other words'`,
      'delete from credit_posting',
      'delete from credit_account',
    ]) {
      await assert.rejects(rows(fork(), sql), refused, sql);
    }
    await assert.rejects(
      rows(fork(), `update credit_account set balance = -1 where key = 'account:1'`),
      /nobody owes credits/,
    );
    await rows(fork(), `update credit_posting set note = '' where key = 'two' returning id`);
    assert.ok((await verifyLedger(fork())).isWhole);
  });

  test(`a hold pays what was used, at most what it holds, once, on ${dialect}`, { skip }, async (t) => {
    const fork = await ledgers(t, dialect);
    await give(fork(), 1, 100, 'start');
    const [used, over, failed] = [newId(), newId(), newId()] as const;
    for (const [id, amount] of [
      [used, 30],
      [over, 10],
      [failed, 60],
    ] as const) {
      await holding(fork(), id, 1, amount);
      await holding(fork(), id, 1, amount); // again is the same
    }
    assert.deepEqual(await purse(fork(), 1), { balance: 0, held: 100 });
    await assert.rejects(holding(fork(), newId(), 1, 1), InsufficientCredit);
    await addUse(fork(), used, 12);
    await addUse(fork(), over, 45);
    await addUse(fork(), failed, 45);
    const ends = [
      ...[1, 2, 3].map(() => endHold(fork(), { kind: 'generation', id: used }, 'capture', NOW)),
      endHold(fork(), { kind: 'generation', id: over }, 'capture', NOW),
      endHold(fork(), { kind: 'generation', id: failed }, 'refund', NOW),
    ];
    const paid = (await Promise.all(ends)).reduce((sum, one) => sum + one.paid, 0);
    assert.equal(paid, 12 + 10);
    assert.deepEqual(await purse(fork(), 1), { balance: 78, held: 0 });
    assert.deepEqual((await verifyLedger(fork())).faults, []);
  });

  test(`who leaves is forgotten, and what they had goes to the node, on ${dialect}`, { skip }, async (t) => {
    const fork = await ledgers(t, dialect);
    await give(fork(), 1, 100, 'start');
    await tip(fork(), 1, 2, 7, 'tip');
    const open = newId();
    await holding(fork(), open, 1, 30);
    for (let n = 0; n < 2; n += 1) await closePurse({ em: fork(), now: () => NOW }, 1);
    // what ends afterwards comes back to nobody
    await endHold(fork(), { kind: 'generation', id: open }, 'refund', NOW);
    const named = await rows(fork(), `select id from credit_account where owner_id = 1 or key = 'account:1'`);
    assert.deepEqual(named, []);
    assert.deepEqual(await rows(fork(), `select note from credit_posting where note <> ''`), []);
    const report = await verifyLedger(fork());
    assert.deepEqual([report.faults, report.inCirculation], [[], 7]);
    assert.equal(await balanceOf(fork(), 2), 7);
  });

  test(`verification finds what does not add up, on ${dialect}`, { skip }, async (t) => {
    const fork = await ledgers(t, dialect);
    await give(fork(), 1, 10, 'one');
    await rows(fork(), `update credit_account set balance = 11 where key = 'account:1' returning id`);
    const id = await fork().transactional((tx) => creditAccountId(tx, person(1)));
    await rows(
      fork(),
      `insert into credit_posting (id, key, kind, subject_kind, subject_id, note, at) values (?, 'x', 'grant', '', '', '', ?) returning id`,
      [newId(), NOW],
    );
    const { isWhole, faults } = await verifyLedger(fork());
    assert.equal(isWhole, false);
    assert.match(faults.join('\n'), /act \S+ has 0 sides/);
    assert.match(faults.join('\n'), new RegExp(`account ${id} \\(person\\) says 11 and has entries of 10`));
    assert.match(faults.join('\n'), /everything together makes 1/);
  });
}

test('what is no act is refused before anything is written', async (t) => {
  const fork = await ledgers(t, 'sqlite');
  const [one, two] = [person(1), person(2)];
  for (const amounts of [[1], [1, 1], [0.5, -0.5], [0, 0], [2_000_000_000, -2_000_000_000]]) {
    const moves = amounts.map((amount, n) => ({ account: n === 0 ? one : two, amount }));
    await assert.rejects(post(fork(), { key: 'k', kind: 'grant', at: NOW, moves }), TypeError);
  }
  await give(fork(), 1, 5, 'k');
  await assert.rejects(give(fork(), 1, 6, 'k'), { kind: 'conflict' });
  assert.equal(await give(fork(), 1, 5, 'k'), false);
  assert.equal(await balanceOf(fork(), 1), 5);
});

async function purse(em: EntityManager, id: number) {
  const found = await findPurse(em, id);
  return { balance: found?.balance, held: found?.held };
}

async function inEscrow(em: EntityManager): Promise<{ total: unknown } | undefined> {
  const [found] = await rows<{ total: unknown }>(
    em,
    `select coalesce(sum(balance), 0) as total from credit_account where kind = 'escrow'`,
  );
  return found;
}

async function inPotsNow(em: EntityManager, ids: readonly string[]): Promise<{ total: unknown } | undefined> {
  const [found] = await rows<{ total: unknown }>(
    em,
    `select coalesce(sum(amount), 0) as total from credit_pledge where state = 'held'
       and subject_id in (${ids.map(() => '?').join(', ')})`,
    ids,
  );
  return found;
}

const isConflict = (error: unknown): boolean => error instanceof AppError && error.kind === 'conflict';

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rows } from '../../src/kit/database/sql.ts';
import { PolicyState, RESTRICTION } from '../../src/safety/policy.ts';
import { restrict, restrictedBy } from '../../src/safety/restrict.ts';
import { testNode } from '../node.ts';

const image = { kind: 'image', id: 5 } as const;

test('each source takes back what it forbade and no more, and every decision counts the epoch up', async (t) => {
  const { em, clock } = await testNode(t);
  const say = (source: string, bits: number) =>
    em.transactional((inner) => restrict(inner, image, source, bits, clock.now()));

  assert.equal(await say('case:a', RESTRICTION.download | RESTRICTION.view), 1);
  assert.equal(await say('domain:b', RESTRICTION.view), 2);
  assert.equal(await say('case:a', 0), 3);
  const state = await em.fork().findOneOrFail(PolicyState, { targetKind: 'image', targetId: 5 });
  assert.equal(state.restrictions, RESTRICTION.view);
  assert.equal(await restrictedBy(em, image, 'case:a'), 0);
  assert.equal(await restrictedBy(em, image, 'domain:b'), RESTRICTION.view);
  const events = await rows(em, `select name from recorded_event where name = 'policy.changed'`);
  assert.equal(events.length, 3);
});

test('two decisions at once about one thing both hold', async (t) => {
  const { em, clock } = await testNode(t);
  await Promise.all(
    Array.from({ length: 8 }, (_, index) =>
      em.fork().transactional((inner) => restrict(inner, image, `case:${index}`, 1 << index, clock.now())),
    ),
  );
  const state = await em.fork().findOneOrFail(PolicyState, { targetKind: 'image', targetId: 5 });
  assert.equal(state.restrictions, 255);
  assert.equal(state.epoch, 8);
});

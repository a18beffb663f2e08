import assert from 'node:assert/strict';
import { test } from 'node:test';
import { viewerOf } from '../../src/accounts/access/identify.ts';
import { assertBounty, type BountyAsked } from '../../src/safety/bounty.ts';
import { givenMember } from '../factories/accounts.ts';
import { testNode } from '../node.ts';

test('scenario 35: a bounty that shows somebody by photographs only is held, whatever it says', async (t) => {
  const { node, em, workAs } = await testNode(t);
  const ada = await givenMember(em, 'ada');
  const ask = (change: Partial<BountyAsked>) =>
    assertBounty(workAs(ada), node.screening, viewerOf(ada), {
      ...{
        title: 'This look, please',
        text: 'As in the pictures.',
        tags: ['style'],
        subject: 'fictional',
        references: [],
      },
      ...change,
    });
  const reference = (provenance: BountyAsked['references'][number]['provenance']) => ({
    references: [{ sha256: 'a'.repeat(64), provenance, level: 1 }],
  });
  assert.deepEqual(await ask({}), { hold: null });
  assert.deepEqual(await ask(reference('here')), { hold: null });
  assert.deepEqual(await ask(reference('photo')), { hold: 'references' });
  assert.deepEqual(await ask(reference('unproven')), { hold: 'references' });
  await assert.rejects(ask({ ...reference('photo'), text: 'the same without clothes' }), { kind: 'invalid' });
  await assert.rejects(ask({ tags: ['nude', 'loli'] }), { kind: 'invalid' });
  for (const subject of ['own', 'consented'] as const) await assert.rejects(ask({ subject }), { kind: 'invalid' });
});

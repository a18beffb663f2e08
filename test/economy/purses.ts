import assert from 'node:assert/strict';
import type { EntityManager } from '@mikro-orm/core';
import { findPurse } from '../../src/economy/ledger/accounts.ts';
import { verifyLedger } from '../../src/economy/ledger/verify.ts';
import { CreditSettings, creditSettings } from '../../src/economy/settings.ts';
import type { TestNode } from '../node.ts';

/** Changes what the owner set on /admin/credits. */
export async function givenCredits({ node }: Pick<TestNode, 'node'>, change: Partial<CreditSettings>): Promise<void> {
  const em = node.orm.em.fork();
  const before = await node.settings.read(em, creditSettings);
  await node.settings.write(em, creditSettings, CreditSettings.parse({ ...before, ...change }), new Date());
  await em.flush();
}

export async function purseOf(em: EntityManager, account: { readonly id: number }) {
  const { balance = 0, held = 0 } = (await findPurse(em.fork(), account.id)) ?? {};
  return { balance, held };
}

export async function assertWhole(em: EntityManager): Promise<void> {
  assert.deepEqual((await verifyLedger(em)).faults, []);
}

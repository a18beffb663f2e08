import type { EntityManager } from '@mikro-orm/core';
import type { z } from 'zod';
import { createAccount, NewAccount } from '../../src/accounts/joining/create.ts';
import type { Account } from '../../src/accounts/model.ts';
import { nodeSettings } from '../../src/accounts/node-settings.ts';
import type { Role } from '../../src/accounts/permissions.ts';
import type { TestNode } from '../node.ts';
import { NOW } from './content.ts';

/** An account with a login and a password, as the operator's command makes it. */
export async function givenMember(
  em: EntityManager,
  name: string,
  { role = 'member', password = 'correct horse battery' }: { role?: Role; password?: string } = {},
): Promise<Account> {
  const form = NewAccount.parse({ name, email: `${name}@example.org`, password });
  return createAccount({ em, now: () => NOW }, form, role);
}

/** Changes what the owner set in the admin pages; strangers may join, for there is a contact. */
export async function givenSettings(
  { node, em }: Pick<TestNode, 'node' | 'em'>,
  change: Partial<z.output<typeof nodeSettings.schema>>,
): Promise<void> {
  const before = await node.settings.read(em, nodeSettings);
  await node.settings.write(em, nodeSettings, { ...before, contact: 'owner@example.org', ...change }, NOW);
  await em.flush();
}

import { z } from 'zod';
import { AppError } from '../../kit/errors.ts';
import type { Settings } from '../../kit/settings.ts';
import type { Work } from '../../kit/work.ts';
import { consumeOneTime, findOneTime, issueOneTime } from '../access/one-time.ts';
import { hashPassword } from '../access/passwords.ts';
import { Account } from '../model.ts';
import { nodeSettings, SIGN_UP_MODES } from '../node-settings.ts';
import { insertAccount, NewAccount } from './create.ts';

export const SetUpForm = NewAccount.extend({
  // not `nodeName`: a field of that name would hide the form's own property from scripts that walk the page
  siteName: z.string().trim().min(1, 'Give the node a name.').max(60),
  description: z.string().trim().max(200).default(''),
  rules: z.string().trim().max(20_000).default(''),
  contact: z.string().trim().max(200).default(''),
  signUpMode: z.enum(SIGN_UP_MODES, 'Choose who may join.'),
  ceiling: z.enum(['1', '2', '4', '8', '16'], 'Choose a rating.').transform(Number),
});

async function hasOwner({ em }: Pick<Work, 'em'>): Promise<boolean> {
  return (await em.count(Account, { host: '', role: 'owner' })) > 0;
}

/** The secret of the link that makes the owner, or null when there is one. Called at start, which prints it. Flushes. */
export async function issueSetUpToken(work: Pick<Work, 'em' | 'now'>): Promise<string | null> {
  if (await hasOwner(work)) return null;
  const secret = issueOneTime(work, 'set_up', {});
  await work.em.flush();
  return secret;
}

/** Throws `not_found`, so that nobody learns whether a node still waits for its owner. */
export async function loadSetUp(work: Pick<Work, 'em' | 'now'>, secret: string) {
  const token = (await hasOwner(work)) ? null : await findOneTime(work, 'set_up', secret);
  if (!token)
    throw new AppError('not_found', 'This link is not good any more. The node prints a new one when it starts.');
  return token;
}

/** Makes the owner and writes down what the node is. Works once. */
export async function setUp(
  work: Pick<Work, 'em' | 'now'>,
  settings: Settings,
  secret: string,
  form: z.output<typeof SetUpForm>,
): Promise<Account> {
  const token = await loadSetUp(work, secret);
  const passwordHash = await hashPassword(form.password);
  return work.em.transactional(async (em) => {
    const within = { ...work, em };
    if (!(await consumeOneTime(within, token))) throw new AppError('conflict', 'The node was set up a moment ago.');
    const before = await settings.read(em, nodeSettings);
    const value = {
      ...before,
      name: form.siteName,
      description: form.description,
      rules: form.rules,
      contact: form.contact,
      signUpMode: form.signUpMode,
      // every rating up to the highest
      allowedLevels: form.ceiling * 2 - 1,
    };
    await settings.write(em, nodeSettings, value, work.now());
    return insertAccount(within, form, passwordHash, {
      role: 'owner',
      termsVersion: before.termsVersion,
      isAdult: true,
      // whoever reads the machine's log needs no mail to prove who they are
      isEmailVerified: true,
    });
  });
}

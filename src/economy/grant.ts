import { z } from 'zod';
import { Account } from '../accounts/model.ts';
import { audited } from '../kit/audit/append.ts';
import { AppError } from '../kit/errors.ts';
import { newId } from '../kit/ids.ts';
import { t } from '../kit/web/messages.ts';
import type { Work } from '../kit/work.ts';
import { findPurse, NODE, person } from './ledger/accounts.ts';
import { post } from './ledger/post.ts';

export const GrantForm = z.object({
  name: z
    .string()
    .trim()
    .toLowerCase()
    .transform((name) => name.replace(/^@/, ''))
    .pipe(z.string().min(1, 'Say who gets them.').max(64, 'There is nobody of that name here.')),
  amount: z.coerce
    .number('Give a whole number.')
    .int('Give a whole number.')
    .min(1, 'At least 1.')
    .max(1_000_000, 'At most 1,000,000.'),
  reason: z.string().trim().min(1, 'Say why.').max(300, 'At most 300 characters.'),
});

/**
 * Gives credits of the node to a member, who sees why; in the audit log too. Who may is for the caller to say. Throws
 * `invalid` where nobody of that name is here.
 */
export async function grantCredits(
  work: Pick<Work, 'em' | 'viewer' | 'now'>,
  { name, amount, reason }: z.output<typeof GrantForm>,
): Promise<{ readonly name: string; readonly balance: number }> {
  const account = await work.em.findOne(Account, { host: '', name, state: 'active' });
  const nobody = t('credits.nobody');
  if (!account) throw new AppError('invalid', nobody, { fields: { name: nobody } });
  const id = newId();
  await audited(work, async (em) => {
    await post(em, {
      ...{ key: `grant:${id}`, kind: 'grant', note: reason, at: work.now() },
      moves: [
        { account: NODE, amount: -amount },
        { account: person(account.id), amount },
      ],
    });
    const subject = { kind: 'account', id: account.id };
    const role = work.viewer ? 'staff' : 'operator';
    return { result: null, entries: [{ action: 'credits.grant', subject, after: { amount }, reason, role }] };
  });
  return { name, balance: (await findPurse(work.em, account.id))?.balance ?? 0 };
}

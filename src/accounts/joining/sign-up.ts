import { z } from 'zod';
import { AppError } from '../../kit/errors.ts';
import type { Work } from '../../kit/work.ts';
import { issueOneTime } from '../access/one-time.ts';
import { hashPassword } from '../access/passwords.ts';
import type { Door } from '../deps.ts';
import { Login } from '../login.ts';
import { alreadyMemberLetter, verifyEmailLetter } from '../mail/letters.ts';
import { Account } from '../model.ts';
import type { NodeSettings } from '../node-settings.ts';
import { insertAccount, NewAccount } from './create.ts';
import { findOpenInvite, spendInvite } from './invites.ts';

/** Names that would speak for the node. The operator may still give them, with `account create`. */
const RESERVED = new Set(
  'admin administrator moderator mod root system node owner support help official staff tessera security abuse postmaster webmaster null undefined everyone all here'.split(
    ' ',
  ),
);

const ticked = (message: string) => z.literal('1', message).transform(() => true);

export const SignUpForm = NewAccount.extend({
  name: NewAccount.shape.name.refine((name) => !RESERVED.has(name), 'This name is kept for the node itself.'),
  note: z.string().trim().max(1_000, 'At most 1,000 characters, please.').default(''),
  terms: ticked('Please read the terms and the rules, and agree to them.'),
  adult: ticked('You need to be an adult to join.'),
  invite: z.string().trim().max(40).default(''),
});

export type Admission = 'active' | 'unverified' | 'awaiting_approval';

/** How somebody may join now; the page says it in words. */
export async function findSignUpMode(
  { em }: Pick<Work, 'em'>,
  { signUpMode }: Pick<NodeSettings, 'signUpMode'>,
  hasContact: boolean,
): Promise<NodeSettings['signUpMode'] | 'not_set_up'> {
  // before there is somebody to answer for the node no stranger comes in, and before there is a way to reach them none
  // whom nobody of the node knows
  if (!(await isStaffed({ em }))) return 'not_set_up';
  return hasContact || signUpMode === 'closed' ? signUpMode : 'invite';
}

async function isStaffed({ em }: Pick<Work, 'em'>): Promise<boolean> {
  return (await em.count(Account, { host: '', role: { $in: ['admin', 'owner'] } })) > 0;
}

/**
 * Lets somebody in, as far as the node's mode goes. Throws `forbidden` when it is closed or the invite is not good,
 * `conflict` when the name is taken.
 */
export async function signUp(
  work: Pick<Work, 'em' | 'now' | 'jobs'>,
  { settings, hasContact, mailer, publicUrl }: Door,
  form: z.output<typeof SignUpForm>,
): Promise<{ account: Account | null; admission: Admission }> {
  const { em } = work;
  const mode = await findSignUpMode(work, settings, hasContact);
  // an invite also opens a node that asks others to wait
  const invite = mode === 'closed' || mode === 'not_set_up' ? null : await findOpenInvite(work, form.invite);
  if (mode === 'closed' || mode === 'not_set_up') throw new AppError('forbidden', 'Nobody can join at the moment.');
  if (mode === 'invite' && !invite) throw new AppError('forbidden', 'You need an invitation that is still good.');

  const mustWait = mode === 'approval' && !invite;
  const mustVerify = mailer.isConnected;
  const admission: Admission = mustVerify ? 'unverified' : mustWait ? 'awaiting_approval' : 'active';

  // with mail, a stranger learns nothing about who is a member: the answer is the same, and the member is told
  const member = mustVerify ? await em.findOne(Login, { email: form.email }) : null;
  if (member) {
    if ((await em.count(Account, { host: '', name: form.name })) === 0) {
      mailer.post(work, form.email, alreadyMemberLetter(settings, publicUrl));
      await em.flush();
      return { account: null, admission };
    }
  }
  const passwordHash = await hashPassword(form.password);
  const account = await em.transactional(async (inner) => {
    const within = { ...work, em: inner };
    if (invite && !(await spendInvite(within, invite))) {
      throw new AppError('conflict', 'Somebody else used this invitation just now. Please try again.');
    }
    const made = await insertAccount(within, form, passwordHash, {
      state: admission,
      termsVersion: settings.termsVersion,
      isAdult: form.adult,
      signUpNote: mustWait ? form.note : '',
      inviter: invite ? inner.getReference(Account, invite.inviter.id) : null,
    });
    const secret = issueOneTime(within, 'verify_email', { account: made, email: form.email });
    mailer.post(within, form.email, verifyEmailLetter(settings, publicUrl, made.name, secret));
    return made;
  });
  return { account, admission };
}

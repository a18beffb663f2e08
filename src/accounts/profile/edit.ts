import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { AppError } from '../../kit/errors.ts';
import { record } from '../../kit/events/events.ts';
import { t } from '../../kit/web/messages.ts';
import type { Work } from '../../kit/work.ts';
import { accountProfileChanged } from '../events.ts';
import { Account, type ProfileLink } from '../model.ts';

export const MAX_LINKS = 6;

const listOf = z.union([z.string().transform((one) => [one]), z.array(z.string())]).default([]);

const WebAddress = z.url({ protocol: /^https?$/, hostname: z.regexes.domain });

/** Two lists of the same length, as the form sends them: rows where both are empty are left out. */
const Links = z.object({ linkLabel: listOf, linkUrl: listOf });

export const ProfileForm = Links.extend({
  displayName: z.string().trim().max(80, 'At most 80 characters, please.').default(''),
  bio: z.string().trim().max(2_000, 'At most 2,000 characters, please.').default(''),
  isLocked: z.literal('1').optional(),
  isNetworkShown: z.literal('1').optional(),
}).transform((form, ctx) => {
  const links: ProfileLink[] = [];
  for (const [index, text] of form.linkUrl.entries()) {
    const url = text.trim();
    if (url === '') continue;
    if (!WebAddress.safeParse(url).success || url.length > 500) {
      ctx.addIssue({
        code: 'custom',
        path: ['linkUrl'],
        message: `“${url.slice(0, 60)}” is not a web address (https://…).`,
      });
      return z.NEVER;
    }
    const label = (form.linkLabel[index] ?? '').trim().slice(0, 40);
    links.push({ label: label || new URL(url).hostname, url });
  }
  if (links.length > MAX_LINKS) {
    ctx.addIssue({ code: 'custom', path: ['linkUrl'], message: `At most ${MAX_LINKS} links, please.` });
    return z.NEVER;
  }
  const { displayName, bio } = form;
  return { displayName, bio, isLocked: form.isLocked === '1', isNetworkShown: form.isNetworkShown === '1', links };
});

export async function loadOwnAccount({ em, viewer }: Pick<Work, 'em' | 'viewer'>): Promise<Account> {
  const account = viewer && (await em.findOne(Account, viewer.id));
  if (!account) throw new AppError('unauthenticated', 'Please sign in.');
  return account;
}

/** No page stands empty while somebody looks: what is doubtful is said in other words. */
async function readProfile(
  { words }: Pick<Work, 'words'>,
  author: Account,
  { displayName, bio, links }: z.output<typeof ProfileForm>,
): Promise<void> {
  const texts = [
    { scope: 'prose', text: displayName, field: 'displayName' },
    { scope: 'prose', text: bio, field: 'bio' },
    { scope: 'prose', text: links.map(({ label }) => label).join(' . '), field: 'linkUrl' },
  ];
  for (const one of texts) {
    if ((await words.read({ author, level: 1, texts: [one] })) === null) continue;
    const message = t('safety.words-other');
    throw new AppError('invalid', message, { fields: { [one.field]: message } });
  }
}

/** The viewer's own profile. Throws `invalid` at the field for words that may not stand there. */
export async function editProfile(
  work: Pick<Work, 'em' | 'viewer' | 'words'>,
  form: z.output<typeof ProfileForm>,
): Promise<void> {
  const account = await loadOwnAccount(work);
  const isSame = account.displayName === form.displayName && account.bio === form.bio;
  if (!isSame || !isDeepStrictEqual(account.links, form.links)) await readProfile(work, account, form);
  Object.assign(account, form);
  record(work.em, accountProfileChanged, { accountId: account.id });
  await work.em.flush();
}

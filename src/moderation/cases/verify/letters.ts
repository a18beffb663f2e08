import { sign } from '../../../accounts/access/secrets.ts';
import { Login } from '../../../accounts/login.ts';
import { letter, withToken } from '../../../accounts/mail/letters.ts';
import { nodeSettings } from '../../../accounts/node-settings.ts';
import type { Permission } from '../../../accounts/permissions.ts';
import { maySql } from '../../../accounts/staff/grants.ts';
import { rows } from '../../../kit/database/sql.ts';
import { newId } from '../../../kit/ids.ts';
import type { Work } from '../../../kit/work.ts';
import { type Claimant, type Desk, unsealPerson } from '../desk.ts';
import type { ClaimCase } from '../model/case.ts';
import { CaseClaimant, CaseMail } from '../model/claimant.ts';
import { APPEAL_MS, DAY } from '../types/types.ts';

/*
 * Letters carry the number of the case and a link, in our own words: whatever a submitter typed stays here, for else
 * the form would send anybody's text to anybody (spec/takedowns.md 2.2).
 */

const MOST_A_DAY = 3;
type Sender = Pick<Work, 'em' | 'jobs' | 'now'>;

/** `mail.claim-<key>`: to whoever filed it, at most three letters a day and address. With a token, the link spends it. */
export async function tellClaimant(
  work: Sender,
  desk: Desk,
  kase: ClaimCase,
  key: string,
  token: string | null = null,
): Promise<void> {
  const { em, now } = work;
  const row = await em.findOne(CaseClaimant, kase.id);
  if (!row?.emailHash || (!kase.verifiedAt && !token)) return;
  const since = new Date(now().getTime() - DAY);
  if ((await em.count(CaseMail, { emailHash: row.emailHash, createdAt: { $gt: since } })) >= MOST_A_DAY) return;
  const { email } = unsealPerson<Claimant>(desk, row.sealed);
  const { id: caseId, number } = kase;
  em.create(CaseMail, { id: newId(), caseId, emailHash: row.emailHash, createdAt: now() }, { persist: true });
  const url = token
    ? withToken(`/claims/${number}/confirmation`, desk.publicUrl, token)
    : new URL(`/claims/${number}`, desk.publicUrl);
  const node = await desk.settings.read(em, nodeSettings);
  desk.mailer.post(work, email, letter(node, `claim-${key}`, null, { number }, url, token !== null));
}

/** What the link in a letter to the uploader is signed for. */
export const OWN_KEY = 'own case link';
const HAVE_KEY: ReadonlySet<string> = new Set(['decided', 'appeal-decided']);

/** `mail.case-<key>`: to the uploader, while they have an account here. From here on they see the case. */
export async function tellUploader(work: Sender, desk: Desk, kase: ClaimCase, key: string): Promise<void> {
  const { em, now } = work;
  kase.uploaderToldAt ??= now();
  const login = kase.uploaderId == null ? null : await em.findOne(Login, kase.uploaderId, { populate: ['account'] });
  if (!login) return;
  const node = await desk.settings.read(em, nodeSettings);
  const path = `/cases/${kase.number}`;
  // who is suspended by it cannot sign in to read why
  const url = HAVE_KEY.has(key)
    ? withToken(path, desk.publicUrl, sign(desk.secretKey, OWN_KEY, `${kase.id}_${now().getTime() + APPEAL_MS}`))
    : new URL(path, desk.publicUrl);
  desk.mailer.post(
    work,
    login.email,
    letter(node, `case-${key}`, login.account.$.name, { number: kase.number }, url, false),
  );
}

const MOST_STAFF = 50;

/** `mail.staff-<key>`: to everybody who may decide it. */
export async function pageStaff(
  work: Sender,
  desk: Desk,
  { permission, key, path, number }: { permission: Permission; key: string; path: string; number: string },
): Promise<void> {
  const { em, now } = work;
  const { sql, parameters } = maySql('a', permission, now());
  const people = await rows<{ id: number }>(
    em,
    `select a.id from account a where a.host = '' and a.state = 'active' and ${sql} order by a.id limit ${MOST_STAFF}`,
    parameters,
  );
  const logins = await em.find(Login, { account: { $in: people.map(({ id }) => id) } }, { populate: ['account'] });
  const node = await desk.settings.read(em, nodeSettings);
  for (const { email, account } of logins) {
    const { name } = account.$;
    desk.mailer.post(work, email, letter(node, `staff-${key}`, name, { number }, new URL(path, desk.publicUrl), false));
  }
}

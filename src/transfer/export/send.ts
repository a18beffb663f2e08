import type { ParsedUrlQuery } from 'node:querystring';
import { sign, unsign } from '../../accounts/access/secrets.ts';
import { Account } from '../../accounts/model.ts';
import { rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { sendBytes } from '../../kit/web/bytes.ts';
import { t } from '../../kit/web/messages.ts';
import type { Ctx } from '../../kit/web/state.ts';
import type { Work } from '../../kit/work.ts';
import { RESTRICTION } from '../../safety/policy.ts';
import { SHUT } from '../../safety/standing.ts';
import { type Archive, openArchive } from './layout.ts';
import { AccountExport } from './model.ts';

const PURPOSE = 'account-export';

/** Where another node reads an archive: the address is the key, for as long as the archive is kept. */
export const archiveAddress = (publicUrl: URL, secretKey: string, { id }: Pick<AccountExport, 'id'>): string =>
  new URL(`/exports/archive?key=${encodeURIComponent(sign(secretKey, PURPOSE, id))}`, publicUrl).href;

/** Throws `not_found` for a key that is none, `gone` when its time is over or the account is. */
export async function loadByKey(work: Pick<Work, 'em' | 'now'>, secretKey: string, query: ParsedUrlQuery) {
  const id = typeof query.key === 'string' ? unsign(secretKey, PURPOSE, query.key) : null;
  if (id === null) throw new AppError('not_found', 'There is nothing at this address.');
  const found = await work.em.findOne(AccountExport, { id, state: 'ready', expiresAt: { $gt: work.now() } });
  const isThere = found && (await work.em.count(Account, { id: found.account.id, state: 'active' })) === 1;
  if (!isThere) throw new AppError('gone', t('export.gone'));
  return found;
}

/** Throws `withheld` when something in it was restricted since: a new archive leaves it out. */
async function assertStands({ em }: Pick<Work, 'em'>, { account, createdAt }: AccountExport): Promise<void> {
  const own = `(s.target_kind = 'model' and s.target_id in (select id from model where owner_id = ?))
    or (s.target_kind = 'version' and s.target_id in (select v.id from model_version v join model m on m.id = v.model_id where m.owner_id = ?))
    or (s.target_kind = 'post' and s.target_id in (select id from post where owner_id = ?))
    or (s.target_kind = 'image' and s.target_id in (select id from image where owner_id = ?))
    or (s.target_kind = 'account' and s.target_id = ?)`;
  const decided = await rows(
    em,
    `select 1 as one from policy_state s where s.changed_at >= ? and (s.restrictions & ${SHUT | RESTRICTION.download}) <> 0
       and (${own}) limit 1`,
    [createdAt, account.id, account.id, account.id, account.id, account.id],
  );
  if (decided.length > 0) throw new AppError('withheld', t('export.outdated'));
}

/** The archive, or with `entry` one file of it; both with ranges, so that a download goes on after a break. */
export async function sendArchive(ctx: Ctx, row: AccountExport, name: string, entryName?: string): Promise<void> {
  const { work } = ctx.state;
  await assertStands(work, row);
  const archive = await openArchive(work.files, row);
  await assertWhole(work, archive, entryName);
  const entry = entryName === undefined ? null : archive.entries.find((one) => one.name === entryName);
  if (entry === undefined) throw new AppError('not_found', 'There is nothing at this address.');
  const open = entry ? (span = {}) => archive.open(entry, span) : (span = {}) => archive.read(span);
  await sendBytes(ctx, {
    files: { has: async () => true, open: (_sha256, span) => open(span) },
    // no bytes of an archive have this name in the store: it is the validator alone
    sha256: entry?.sha256 ?? row.layoutSha256 ?? '',
    totalBytes: entry?.totalBytes ?? archive.totalBytes,
    contentType: entry ? 'application/octet-stream' : 'application/zip',
    fileName: entry ? (entry.name.split('/').at(-1) ?? 'file') : `${name}.zip`,
    disposition: 'attachment',
    cacheControl: 'private, no-store',
  });
}

/** Bytes that left the store meanwhile make the whole one false: better a sentence than a file that breaks off. */
async function assertWhole({ files }: Pick<Work, 'files'>, { entries }: Archive, entryName?: string): Promise<void> {
  for (const { name, sha256, atBytes } of entries) {
    if (atBytes !== null || (entryName !== undefined && name !== entryName)) continue;
    if (!(await files.has(sha256))) throw new AppError('gone', t('export.lost'));
  }
}

import { can } from '../../accounts/permissions.ts';
import { type DownloadFile, loadDownload } from '../../catalogue/downloads/download.ts';
import { assertSees } from '../../gallery/access.ts';
import { rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { t } from '../../kit/web/messages.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { BountyEntry } from './model.ts';

/**
 * The file that an entry brought: until it is awarded for who asked, who put in, who made it and moderators; then for
 * everybody. What a decision keeps back nobody gets. Throws `not_found`, `forbidden`, `gone` and `withheld`.
 */
export async function loadEntryFile(
  { em, viewer, now }: Pick<Work, 'em' | 'viewer' | 'now'>,
  bountyId: string,
  entryId: string,
): Promise<DownloadFile> {
  const { ownerId } = await assertSees(em, viewer, { kind: 'bounty', id: bountyId });
  const entry = await em.findOne(BountyEntry, { id: entryId, bounty: bountyId }, { populate: ['version'] });
  const isStaff = viewer !== null && can(viewer, 'moderateContent');
  const isMine = entry !== null && viewer?.id === entry.account.id;
  if (!entry?.version || entry.withdrawnAt != null) throw new AppError('not_found', t('bounty.no-entry'));
  if (entry.withheldAt != null && !isStaff) throw new AppError('withheld', t('bounty.withheld'));
  if (entry.heldAt != null && !isStaff && !isMine) throw new AppError('not_found', t('bounty.no-entry'));
  const mayHave = entry.awardedAt != null || isStaff || isMine || viewer?.id === ownerId;
  if (!mayHave && !(viewer && (await isGiver({ em }, viewer, bountyId)))) {
    throw new AppError('forbidden', t('bounty.files-later'));
  }
  // as its maker, who has it while it is a draft too
  const maker: Viewer = { id: entry.account.id, permissions: 0, name: '', levels: 0, scopes: null };
  return loadDownload({ em, viewer: maker, now }, entry.version.id, {});
}

async function isGiver({ em }: Pick<Work, 'em'>, viewer: Viewer, bountyId: string): Promise<boolean> {
  const found = await rows(
    em,
    `select id from credit_pledge where subject_kind = 'bounty' and subject_id = ? and account_id = ?
       and state <> 'refunded' limit 1`,
    [bountyId, viewer.id],
  );
  return found.length > 0;
}

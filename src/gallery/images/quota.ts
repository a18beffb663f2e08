import type { EntityManager } from '@mikro-orm/core';
import { rows, toNumber } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';

/** What an account stores here: its model files and its pictures. Bytes that two accounts brought count for both. */
async function usedBytesOf(em: EntityManager, accountId: number): Promise<number> {
  const [row] = await rows<{ images: unknown; files: unknown }>(
    em,
    `select (select sum(i.total_bytes) from image i where i.owner_id = ?) as images,
       (select sum(f.total_bytes) from model m join model_version v on v.model_id = m.id
          join model_file f on f.version_id = v.id where m.owner_id = ? and f.is_stored = ?) as files`,
    [accountId, accountId, true],
  );
  return toNumber(row?.images) + toNumber(row?.files);
}

/** Throws `too_large` when these bytes would go past what the account may store. */
export async function assertQuota(
  em: EntityManager,
  accountId: number,
  incomingBytes: number,
  defaultQuotaBytes: number,
): Promise<void> {
  const [row] = await rows<{ quota_bytes: unknown }>(em, 'select quota_bytes from login where account_id = ?', [
    accountId,
  ]);
  const quotaBytes = row?.quota_bytes == null ? defaultQuotaBytes : toNumber(row.quota_bytes);
  if ((await usedBytesOf(em, accountId)) + incomingBytes > quotaBytes) {
    throw new AppError(
      'too_large',
      `Your storage here is full: ${Math.floor(quotaBytes / 1_000_000)} MB. Delete something, or ask the owner of the node for more.`,
    );
  }
}

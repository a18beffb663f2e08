import type { EntityManager } from '@mikro-orm/core';
import { Login } from '../../accounts/login.ts';
import { rows, toNumber } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { assertFreeSpace, type Files, freeBytesAt } from '../../kit/storage/files.ts';

export interface Room {
  readonly usedBytes: number;
  readonly quotaBytes: number;
}

/** What an account's files take, those on their way in included. A deleted model's files count until they are purged. */
export async function loadRoom(em: EntityManager, accountId: number, defaultQuotaBytes: number): Promise<Room> {
  const [sum] = await rows<{ used: unknown }>(
    em,
    `select (select coalesce(sum(f.total_bytes), 0) from model_file f join model_version v on v.id = f.version_id
       join model m on m.id = v.model_id where m.owner_id = ? and f.is_stored = ?)
     + (select coalesce(sum(u.total_bytes), 0) from upload u where u.owner_id = ? and u.state <> 'refused') as used`,
    [accountId, true, accountId],
  );
  const login = await em.findOne(Login, { account: accountId }, { fields: ['quotaBytes'] });
  return { usedBytes: toNumber(sum?.used), quotaBytes: login?.quotaBytes ?? defaultQuotaBytes };
}

const megabytes = (bytes: number): string => `${Math.max(0, Math.floor(bytes / 1_000_000))} MB`;

/** Throws `too_large` (the person's quota) or `unavailable` (the node's disk) before any byte is taken. */
export async function assertRoom(
  em: EntityManager,
  files: Pick<Files, 'freeBytes'>,
  accountId: number,
  incomingBytes: number,
  limits: { readonly defaultQuotaBytes: number; readonly minFreeBytes: number; readonly folder: string },
): Promise<void> {
  const { usedBytes, quotaBytes } = await loadRoom(em, accountId, limits.defaultQuotaBytes);
  if (usedBytes + incomingBytes > quotaBytes) {
    throw new AppError(
      'too_large',
      `This file has ${megabytes(incomingBytes)}, and you have ${megabytes(quotaBytes - usedBytes)} left of your ${megabytes(quotaBytes)}.`,
    );
  }
  await assertFreeSpace(files, incomingBytes, limits.minFreeBytes);
  await assertFreeSpace({ freeBytes: () => freeBytesAt(limits.folder) }, incomingBytes, limits.minFreeBytes);
}

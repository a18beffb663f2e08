import { domainToASCII } from 'node:url';
import { z } from 'zod';
import { can } from '../../accounts/permissions.ts';
import { inList, rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import type { Work } from '../../kit/work.ts';
import type { Federation } from '../deps.ts';
import { HostRule } from '../model.ts';

/** `Evil.Example`, `https://evil.example/@x` and `münchen.example` as they stand in addresses; '' for what is no host. */
function readHost(text: string): string {
  const bare = text
    .trim()
    .replace(/^https?:\/\//i, '')
    .replace(/^@?[^@/]*@/, '')
    .split('/')[0];
  const [, name = '', port = ''] = /^(.*?)(:\d{1,5})?$/.exec(bare ?? '') ?? [];
  const ascii = domainToASCII(name.replace(/\.$/, '')).toLowerCase();
  const isName = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$/.test(ascii);
  return isName ? `${ascii}${port}` : '';
}

export const HostRuleForm = z.object({
  host: z
    .string()
    .max(500)
    .transform(readHost)
    .refine((host) => host !== '', 'Write the name of a host, such as peer.example.')
    .refine((host) => host.length <= 253, 'That name is too long.'),
  kind: z.enum(['block', 'allow', 'none'], 'Choose what holds for it.'),
  note: z.string().trim().max(500, 'At most 500 characters.').default(''),
});

export function assertManages(viewer: Work['viewer']): void {
  if (!can(viewer, 'manageFederation')) throw new AppError('forbidden', 'You may not decide about other nodes.');
}

/**
 * Writes down what holds for a host, in place of what held before. A block cuts the follows in both directions and drops
 * what waits to be sent; what is here of it stays. Throws `forbidden`, and `invalid` for this node itself.
 */
export async function setHostRule(
  { em, viewer, now }: Pick<Work, 'em' | 'viewer' | 'now'>,
  { publicUrl }: Pick<Federation, 'publicUrl'>,
  { host, kind, note }: z.output<typeof HostRuleForm>,
): Promise<void> {
  assertManages(viewer);
  if (host === publicUrl.host || publicUrl.hostname === host || publicUrl.hostname.endsWith(`.${host}`)) {
    throw new AppError('invalid', 'That is this node.', { fields: { host: 'That is this node.' } });
  }
  await em.transactional(async (inner) => {
    if (kind === 'none') {
      await inner.nativeDelete(HostRule, { host });
      return;
    }
    await inner.upsert(HostRule, { host, kind, note, createdAt: now() });
    if (kind === 'block') await cutTies(inner, host, now());
  });
}

async function cutTies(em: Work['em'], host: string, at: Date): Promise<void> {
  const below = `%.${host.replace(/[%_\\]/g, '')}`;
  const hosts = await rows<{ host: string }>(
    em,
    'select distinct host from account where host = ? or host like ? union select host from peer_host where host = ? or host like ?',
    [host, below, host, below],
  );
  const names = hosts.map((row) => row.host);
  const theirs = `select id from account where host in (${inList(names)})`;
  await rows(em, `delete from follow where follower_id in (${theirs}) or target_id in (${theirs}) returning id`, [
    ...names,
    ...names,
  ]);
  await rows(
    em,
    `update job set state = 'cancelled', finished_at = ?, revision = revision + 1
     where lane = 'delivery' and partition in (${inList(names)}) and state = 'queued' returning id`,
    [at, ...names],
  );
}

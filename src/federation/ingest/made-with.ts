import { unblockedSql } from '../../accounts/block.ts';
import type { Account } from '../../accounts/model.ts';
import { inList, rows } from '../../kit/database/sql.ts';
import type { Work } from '../../kit/work.ts';
import { isOpen } from '../../safety/audience.ts';
import { readOwnUri } from '../addresses.ts';
import { InboxItem } from '../model.ts';
import type { RemoteNote } from '../vocabulary/note.ts';

/** Of one person whom nobody here follows, in a day. */
const MOST_A_DAY = 20;
const DAY_MS = 86_400_000;

/**
 * Does a post for everybody show pictures that name a model of ours as what they were made with? They stand on its page,
 * whoever made them, as they would from here; but for those across a block from its owner, and a flood of one person.
 */
export async function isMadeWithOurs(
  { em, now }: Pick<Work, 'em' | 'now'>,
  origin: string,
  author: Account,
  told: RemoteNote,
): Promise<boolean> {
  if (told.kind !== 'Image' || !isOpen(told.visibility)) return false;
  const named = told.pictures.flatMap(({ resources }) => resources.map(({ versionUri }) => versionUri));
  const ids = [...new Set([told.contextUri, ...named])].flatMap((uri) => {
    const own = uri === null ? null : readOwnUri(origin, uri);
    return own?.kind === 'version' ? [Number(own.id)] : [];
  });
  if (ids.length === 0) return false;
  const since = new Date(now().getTime() - DAY_MS);
  const today = { actorUri: author.uri ?? '', type: 'Create', outcome: 'done', processedAt: { $gte: since } };
  if ((await em.count(InboxItem, today)) >= MOST_A_DAY) return false;
  const found = await rows(
    em,
    `select 1 as found from model_version v join model m on m.id = v.model_id join account a on a.id = m.owner_id
     where v.id in (${inList(ids)}) and v.state = 'published' and m.is_local and m.listed_at is not null
       and a.state = 'active' and ${unblockedSql('a.id')} limit 1`,
    [...ids, author.id, author.id],
  );
  return found.length > 0;
}

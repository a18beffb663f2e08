import { z } from 'zod';
import type { OwnerView } from '../../gallery/views.ts';
import { inList, rows } from '../../kit/database/sql.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { searchIndexOf } from '../index/search-index.ts';
import { searchWords } from '../index/terms.ts';
import { listPeople } from '../search.ts';

/** What stands after an @ that somebody is typing: a name, or a name and the beginning of its host. */
export const PeopleQuery = z.object({ q: z.string().trim().max(320).catch('') });

export interface SuggestedPeople {
  readonly people: readonly { readonly label: string; readonly handle: string; readonly url: string }[];
}

/** So many of the newest that fit, and of those whom the viewer follows, are looked at. */
const LOOKED_AT = 60;
const MOST_PEOPLE = 8;

/**
 * Whom a mention that is being typed may mean, of this node and of others as far as they are known here: whom the viewer
 * follows first, then people of this node. Nobody with whom there is a block, and none whom the viewer mutes or hides.
 * Nobody elsewhere is asked.
 */
export async function suggestForMention(
  { em, viewer }: Pick<Work, 'em' | 'viewer'>,
  { q }: z.output<typeof PeopleQuery>,
): Promise<SuggestedPeople> {
  const [name = '', host = ''] = q.toLowerCase().replace(/^@/, '').split('@');
  if (!viewer || name === '') return { people: [] };
  const words = searchWords(name);
  const ids = words.length > 0 ? await searchIndexOf(em).suggest(em, 'account', words, LOOKED_AT) : [];
  const found = await listNameable({ em, viewer }, ids, name, host);
  const people = await listPeople({ em, viewer }, found);
  return { people: people.slice(0, MOST_PEOPLE).map(suggestion) };
}

/** Ids in the order in which they are offered. What an actor tells of that is no person is not called. */
async function listNameable(
  { em, viewer }: { readonly em: Work['em']; readonly viewer: Viewer },
  ids: readonly number[],
  name: string,
  host: string,
): Promise<number[]> {
  const found = await rows<{ id: number }>(
    em,
    `select a.id, case when f.id is null then 1 else 0 end as is_strange, case when a.host = '' then 0 else 1 end as is_far,
       case when a.name = ? then 0 else 1 end as is_part
     from (select i.id from account i where i.id in (${inList(ids)})
         union select n.id from account n where n.host = '' and n.name = ?
         union select z.id from (select fa.id from follow ff join account fa on fa.id = ff.target_id
           where ff.follower_id = ? and ff.state = 'accepted' and substr(fa.name, 1, ?) = ? limit ${LOOKED_AT}) z) c
       join account a on a.id = c.id
       left join follow f on f.follower_id = ? and f.target_id = a.id and f.state = 'accepted'
     where a.id <> ? and a.topic is null and a.state = 'active' and substr(a.host, 1, ?) = ?
       and not exists (select 1 from block b where b.kind = 'block' and b.account_id = a.id and b.target_id = ?)
     order by is_part, is_strange, is_far, a.name, a.host limit ${MOST_PEOPLE * 2}`,
    [...[name, ...ids, name, viewer.id, name.length, name, viewer.id, viewer.id], ...[host.length, host, viewer.id]],
  );
  return found.map(({ id }) => id);
}

const suggestion = ({ name, displayName, host, url }: OwnerView): SuggestedPeople['people'][number] => ({
  label: displayName || name,
  handle: host === '' ? `@${name}` : `@${name}@${host}`,
  url,
});

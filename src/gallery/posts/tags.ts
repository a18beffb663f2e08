import type { EntityManager } from '@mikro-orm/core';
import { meantTags } from '../../catalogue/tags.ts';
import { inList, rows } from '../../kit/database/sql.ts';

const MOST_TAGS = 20;
const LONGEST_TAG = 60;

/** `Ink  Wash, #robot` → `ink wash`, `robot`; each once, at most twenty. */
export function readTags(text: string): string[] {
  const names = text
    .split(/[,\n]/)
    .map((name) =>
      name
        .replace(/^[\s#]+/, '')
        .replace(/\s+/g, ' ')
        .trim()
        .toLowerCase()
        .slice(0, LONGEST_TAG),
    )
    // a slash would end the address of the tag's page
    .map((name) => name.replaceAll('/', ' ').trim())
    .filter((name) => name !== '');
  return [...new Set(names)].slice(0, MOST_TAGS);
}

/** Gives a post exactly these tags; tags that nobody used before are made. Within the caller's transaction. */
export async function setPostTags(em: EntityManager, postId: number, given: readonly string[]): Promise<void> {
  const names = await meantTags(em, given);
  for (const name of names) {
    await rows(em, 'insert into tag (name) values (?) on conflict (name) do nothing returning id', [name]);
  }
  await rows(
    em,
    `delete from post_tag where post_id = ? and tag_id not in (select id from tag where name in (${inList(names)}))
     returning post_id`,
    [postId, ...names],
  );
  await rows(
    em,
    `insert into post_tag (post_id, tag_id) select cast(? as integer), id from tag where name in (${inList(names)})
     on conflict do nothing returning post_id`,
    [postId, ...names],
  );
}

export async function listPostTags(em: EntityManager, postId: number): Promise<string[]> {
  const found = await rows<{ name: string }>(
    em,
    'select t.name from post_tag x join tag t on t.id = x.tag_id where x.post_id = ? order by t.name',
    [postId],
  );
  return found.map(({ name }) => name);
}

import type { EntityManager } from '@mikro-orm/core';
import { inList, rows } from '../kit/database/sql.ts';
import type { Model } from './model.ts';
import { ModelTag, Tag } from './model.ts';

const MAX_TAGS = 20;
const MAX_TAG_CHARS = 60;

/** `#Ink  Wash, sepia` → `ink wash`, `sepia`. */
export function parseTags(text: string): string[] {
  const names = text
    .split(/[,\n#]/)
    .map((name) => name.normalize('NFC').toLowerCase().replace(/\s+/g, ' ').trim())
    .filter((name) => name !== '' && name.length <= MAX_TAG_CHARS);
  return [...new Set(names)].slice(0, MAX_TAGS);
}

/** Each name as the tag that it means, each once: a word that moderators made a synonym stands for another tag. */
export async function meantTags(em: EntityManager, names: readonly string[]): Promise<string[]> {
  // PostgreSQL holds no text with a zero in it, and so no tag
  if (names.length === 0 || names.some((name) => name.includes('\0'))) return [...names];
  const found = await rows<{ word: string; name: string }>(
    em,
    `select t.name as word, m.name from tag_synonym s join tag t on t.id = s.tag_id join tag m on m.id = s.means_id
     where t.name in (${inList(names)})`,
    names,
  );
  return [...new Set(names.map((name) => found.find(({ word }) => word === name)?.name ?? name))];
}

/** The rows of these names, made when they are new; two who make one at once get the same row. */
export async function ensureTags(em: EntityManager, names: readonly string[]): Promise<Tag[]> {
  if (names.length === 0) return [];
  const values = names.map(() => '(?)').join(', ');
  await rows(em, `insert into tag (name) values ${values} on conflict (name) do nothing returning id`, names);
  return em.find(Tag, { name: { $in: [...names] } });
}

/** Call it inside of a transaction. */
export async function setModelTags(em: EntityManager, model: Model, given: readonly string[]): Promise<boolean> {
  const names = await meantTags(em, given);
  const before = await listModelTags(em, model.id);
  if (before.join(',') === [...names].sort().join(',')) return false;
  const tags = await ensureTags(em, names);
  const ids = tags.map(({ id }) => id);
  // `not in` an empty list matches nothing: the last tag goes by itself
  const others = ids.length === 0 ? '' : `and tag_id not in (${inList(ids)})`;
  await rows(em, `delete from model_tag where model_id = ? ${others} returning tag_id`, [model.id, ...ids]);
  const kept = new Set(before);
  for (const tag of tags) if (!kept.has(tag.name)) em.create(ModelTag, { model, tag }, { persist: true });
  return true;
}

export async function listModelTags(em: EntityManager, modelId: number): Promise<string[]> {
  const found = await rows<{ name: string }>(
    em,
    'select t.name from model_tag mt join tag t on t.id = mt.tag_id where mt.model_id = ? order by t.name',
    [modelId],
  );
  return found.map(({ name }) => name);
}

import { z } from 'zod';
import { fromJson, rows } from '../../kit/database/sql.ts';
import { defineJob } from '../../kit/queue/define.ts';
import type { Work } from '../../kit/work.ts';
import { RESTRICTION } from '../../safety/policy.ts';
import { SHUT } from '../../safety/standing.ts';
import { keepLooks } from '../similar/keep.ts';
import { searchIndexOf } from './search-index.ts';

/** Longer texts are indexed by their beginning. */
const BODY_LENGTH = 4_000;

type Parts = Pick<Work, 'em'>;

interface ModelRow {
  name: string;
  description: string;
  owner: string;
  display_name: string;
}

/** Brings one model of the index up to date; one that is not listed leaves it. */
export async function indexModel({ em }: Parts, modelId: number): Promise<void> {
  const [model] = await rows<ModelRow>(
    em,
    `select m.name, m.description, a.name as owner, a.display_name from model m join account a on a.id = m.owner_id
       where m.id = ? and m.listed_at is not null`,
    [modelId],
  );
  if (!model) return searchIndexOf(em).remove(em, 'model', modelId);
  const tags = await rows<{ name: string }>(
    em,
    'select t.name from model_tag mt join tag t on t.id = mt.tag_id where mt.model_id = ?',
    [modelId],
  );
  const versions = await rows<{ name: string; base_model: string; trained_words: unknown }>(
    em,
    `select name, base_model, trained_words from model_version v where model_id = ? and state = 'published'
       and not exists (select 1 from policy_state s where s.target_kind = 'version' and s.target_id = v.id
         and (s.restrictions & ${SHUT}) <> 0)`,
    [modelId],
  );
  const trained = versions.flatMap((version) => fromJson<string[]>(version.trained_words) ?? []);
  await searchIndexOf(em).put(em, 'model', modelId, {
    name: model.name,
    words: [
      ...tags.map(({ name }) => name),
      ...trained,
      ...versions.map((version) => version.base_model),
      model.owner,
      model.display_name,
    ].join(' '),
    body: plain(model.description),
  });
}

interface ImageRow {
  id: number;
  alt_text: string;
  recipe: unknown;
  is_recipe_hidden: unknown;
  pdq: string | null;
  title: string;
  caption: string;
  listed_at: unknown;
}

/** Brings the pictures of one post up to date. A recipe that its author keeps back is not searched. */
export async function indexPost({ em }: Parts, postId: number): Promise<void> {
  const index = searchIndexOf(em);
  const tags = await rows<{ name: string }>(
    em,
    'select t.name from post_tag pt join tag t on t.id = pt.tag_id where pt.post_id = ?',
    [postId],
  );
  const images = await rows<ImageRow>(
    em,
    `select i.id, i.alt_text, i.recipe, i.is_recipe_hidden, i.listed_at, i.pdq, p.title, p.caption
       from image i join post p on p.id = i.post_id where p.id = ?`,
    [postId],
  );
  await keepLooks({ em }, images);
  for (const image of images) {
    if (image.listed_at === null) {
      await index.remove(em, 'image', image.id);
      continue;
    }
    const isHidden = image.is_recipe_hidden === true || image.is_recipe_hidden === 1;
    const recipe = isHidden ? null : fromJson<{ prompt?: string; model?: unknown }>(image.recipe);
    await index.put(em, 'image', image.id, {
      name: `${image.title} ${image.alt_text}`,
      words: tags.map(({ name }) => name).join(' '),
      body: plain(`${recipe?.prompt ?? ''} ${image.caption}`),
    });
  }
}

/** Brings one account up to date. */
export async function indexAccount({ em }: Parts, accountId: number): Promise<void> {
  const index = searchIndexOf(em);
  const [account] = await rows<{ name: string; display_name: string; host: string; bio: string }>(
    em,
    `select name, display_name, host, bio from account where id = ? and state = 'active'
       and not exists (select 1 from policy_state s where s.target_kind = 'account' and s.target_id = account.id
         and (s.restrictions & ${SHUT | RESTRICTION.list}) <> 0)`,
    [accountId],
  );
  if (!account) return index.remove(em, 'account', accountId);
  await index.put(em, 'account', accountId, {
    name: `${account.name} ${account.display_name}`,
    words: account.host,
    body: plain(account.bio),
  });
}

/** Text without the marks of HTML and Markdown, cut. */
const plain = (text: string): string =>
  text
    .slice(0, BODY_LENGTH * 4)
    .replace(/<[^<>]*>/g, ' ')
    .slice(0, BODY_LENGTH);

export const indexModelJob = defineJob({
  name: 'discovery.index-model',
  lane: 'media',
  payload: z.object({ modelId: z.int() }),
  attempts: 5,
  run: (work, { modelId }) => indexModel(work, modelId),
});

export const indexPostJob = defineJob({
  name: 'discovery.index-post',
  lane: 'media',
  payload: z.object({ postId: z.int() }),
  attempts: 5,
  run: (work, { postId }) => indexPost(work, postId),
});

export const indexAccountJob = defineJob({
  name: 'discovery.index-account',
  lane: 'media',
  payload: z.object({ accountId: z.int() }),
  attempts: 5,
  run: (work, { accountId }) => indexAccount(work, accountId),
});

/** For a picture whose row is gone. */
export const unindexImageJob = defineJob({
  name: 'discovery.unindex-image',
  lane: 'media',
  payload: z.object({ imageId: z.int() }),
  attempts: 5,
  run: ({ em }, { imageId }) => searchIndexOf(em).remove(em, 'image', imageId),
});

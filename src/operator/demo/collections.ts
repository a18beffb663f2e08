import { Model } from '../../catalogue/model.ts';
import { createCollection } from '../../gallery/collections/edit.ts';
import { CollectionItem } from '../../gallery/collections/model.ts';
import { chooseCover } from '../../gallery/collections/order.ts';
import type { Collected } from '../../gallery/collections/thing.ts';
import { collect } from '../../gallery/collections/together/put.ts';
import { Image, Post } from '../../gallery/model.ts';
import { AppError } from '../../kit/errors.ts';
import type { Work } from '../../kit/work.ts';

/** What somebody of a town put together; the first of its things stands first, and `cover` stands for all. */
export interface DemoCollection {
  readonly owner: string;
  readonly name: string;
  readonly description: string;
  readonly things: readonly DemoThing[];
  readonly cover: number;
}

/** By its name, its title, or its place in a post. */
type DemoThing = { readonly model: string } | { readonly post: string; readonly picture?: number };

export const SUNSETS: DemoCollection = {
  owner: 'juno',
  name: 'Sunsets',
  description: 'The last light, in stone and in glass. *Send me yours.*',
  things: [
    { post: 'A week at the lake', picture: 2 },
    { post: 'Window for a harbour chapel', picture: 0 },
    { post: 'Embers' },
    { model: 'Tesserae' },
  ],
  cover: 1,
};

export const HILLS: DemoCollection = {
  owner: 'lena',
  name: 'Hills on paper',
  description: 'Ridges, layers and dots of which I want to walk in every one.',
  things: [{ post: 'Five ridges', picture: 1 }, { post: 'Counting' }, { model: 'Ridge Print' }],
  cover: 0,
};

/** As its owner, of things that are there by then. */
export async function putTogether(work: Work, { name, description, things, cover }: DemoCollection): Promise<void> {
  const made = await createCollection(work, { name, description, visibility: 'public' });
  const found: Collected[] = [];
  for (const thing of things) found.push(await find(work.em, thing));
  // what is put in last stands first
  for (const thing of found.toReversed()) await collect(work, made.id, thing);
  const chosen = found[cover];
  const item = chosen && (await work.em.findOne(CollectionItem, { collection: made.id, [chosen.kind]: chosen.id }));
  if (item) await chooseCover(work, made.id, item.id);
}

async function find(em: Work['em'], thing: DemoThing): Promise<Collected> {
  if ('model' in thing) return { kind: 'model', id: (await em.findOneOrFail(Model, { name: thing.model })).id };
  const post = await em.findOneOrFail(Post, { title: thing.post });
  if (thing.picture === undefined) return { kind: 'post', id: post.id };
  const pictures = await em.find(Image, { post }, { orderBy: { position: 'asc', id: 'asc' } });
  const picture = pictures[thing.picture];
  if (!picture) throw new AppError('not_found', `The post ${thing.post} has fewer pictures.`);
  return { kind: 'image', id: picture.id };
}

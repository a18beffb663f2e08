import type { EntityManager } from '@mikro-orm/core';
import type { Saying, Viewer, Work } from '../../kit/work.ts';
import { Image, type Post } from '../model.ts';
import { listPostTags } from './tags.ts';

interface Pictured {
  readonly id: number;
  readonly level: number;
  readonly altText: string;
  readonly caption: string;
}

type Words = Pick<Saying, 'level' | 'texts'>;

/** Each with the field of the editor that it was typed into. */
export const wordsOfPost = (
  { title, caption }: { readonly title: string; readonly caption: string },
  tags: readonly string[],
  images: readonly Pictured[],
): Words => ({
  level: images.reduce((levels, image) => levels | image.level, 0),
  texts: [
    { scope: 'title', text: title, field: 'title' },
    { scope: 'tag', text: [...tags].sort().join(', '), field: 'tags' },
    { scope: 'prose', text: caption, field: 'caption' },
    ...images.flatMap(({ id, altText, caption: words }) => [
      { scope: 'caption', text: altText, field: `alt-${id}` },
      { scope: 'caption', text: words, field: `caption-${id}` },
    ]),
  ],
});

/** As they are kept. */
export async function loadWords(em: EntityManager, post: Post): Promise<Words> {
  const images = await em.find(Image, { post, deletedAt: null }, { orderBy: { position: 'asc', id: 'asc' } });
  return wordsOfPost(post, await listPostTags(em, post.id), images);
}

/** Before a post is shown to others. Throws `invalid` at the field. Why a person looks first; null when nobody does. */
export async function readPost(
  { em, words }: Pick<Work, 'em' | 'words'>,
  author: Pick<Viewer, 'id' | 'permissions'>,
  post: Post,
): Promise<string | null> {
  return words.read({ author, ...(await loadWords(em, post)) });
}

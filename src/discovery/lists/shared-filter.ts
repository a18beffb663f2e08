import type { z } from 'zod';
import { meantTags } from '../../catalogue/tags.ts';
import type { Work } from '../../kit/work.ts';
import { searchIndexOf } from '../index/search-index.ts';
import { NEWEST, searchWords } from '../index/terms.ts';
import { tagIdsOf } from './conditions.ts';
import { type listFields, since } from './fields.ts';

type SharedQuery = z.output<z.ZodObject<typeof listFields>>;

/** What the lists of models and of images filter by alike. */
export async function sharedFilterOf(
  { em, viewer, now }: Pick<Work, 'em' | 'viewer' | 'now'>,
  query: Pick<SharedQuery, 'q' | 'tag' | 'not' | 'unseen' | 'period' | 'scope'>,
  kind: 'model' | 'image',
) {
  // a word that means a tag is looked for as that tag
  const [meant = query.q] = query.q === '' ? [] : await meantTags(em, [query.q.toLowerCase()]);
  const words = searchWords(meant);
  return {
    tagIds: await tagIdsOf(em, query.tag),
    notTagIds: query.not.length > 0 ? await tagIdsOf(em, query.not) : undefined,
    unseenBy: query.unseen ? viewer?.id : undefined,
    since: since(now(), query.period),
    onlyLocal: query.scope === 'here',
    // the newest of those that fit the words, as the search finds them
    ids: words.length > 0 ? await searchIndexOf(em).find(em, kind, words, NEWEST) : undefined,
  };
}

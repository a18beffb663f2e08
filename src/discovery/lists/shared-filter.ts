import type { z } from 'zod';
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
  const words = searchWords(query.q);
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

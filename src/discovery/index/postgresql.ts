import { rows } from '../../kit/database/sql.ts';
import { NEWEST, type SearchIndex } from './terms.ts';

/** A row's document from what it is found by. */
export const documentSql = (name: string, words: string, body: string): string =>
  `setweight(to_tsvector('simple', ${name}), 'A') || setweight(to_tsvector('simple', ${words}), 'B')
    || setweight(to_tsvector('simple', ${body}), 'D')`;

/** tsvector with the configuration `simple`: no stemming, for prompts are lists of names in many languages. */
export const postgresqlIndex: SearchIndex = {
  async put(em, kind, id, { name, words, body }) {
    await rows(
      em,
      `insert into search_${kind} (id, document) values (?, ${documentSql('?', '?', '?')})
       on conflict (id) do update set document = excluded.document`,
      [id, name, words, body],
    );
  },
  async remove(em, kind, id) {
    await rows(em, `delete from search_${kind} where id = ?`, [id]);
  },
  async find(em, kind, words, limit) {
    const query = words.map((word, index) => `${word}${index === words.length - 1 ? ':*' : ''}`).join(' & ');
    const found = await rows<{ id: number }>(
      em,
      `select id from (select id, ts_rank(document, to_tsquery('simple', ?)) as score from search_${kind}
         where document @@ to_tsquery('simple', ?) order by id desc limit ${NEWEST}) newest
       order by score desc, id desc limit ?`,
      [query, query, limit],
    );
    return found.map(({ id }) => id);
  },
  async suggest(em, kind, words, limit) {
    const query = words.map((word, index) => `${word}:${index === words.length - 1 ? '*' : ''}A`).join(' & ');
    const found = await rows<{ id: number }>(
      em,
      // what a beginning matches cannot be guessed: without the fence the table is walked from its end, in vain for a rare one
      `select id from (select id from search_${kind} where document @@ to_tsquery('simple', ?) offset 0) found
       order by id desc limit ?`,
      [query, limit],
    );
    return found.map(({ id }) => id);
  },
  async suggestTags(em, prefix, limit) {
    // the index on names is in the order of a language, which knows no beginnings: the table of tags is read whole
    const found = await rows<{ name: string }>(
      em,
      'select name from tag where starts_with(name, ?) order by length(name), name limit ?',
      [prefix, limit],
    );
    return found.map(({ name }) => name);
  },
};

import { rows } from '../../kit/database/sql.ts';
import { NEWEST, type SearchIndex } from './terms.ts';

/** FTS5: the row's number is the id. Names weigh 10, words 4, body 1 (sqlite.org/fts5.html, 5.1). */
export const sqliteIndex: SearchIndex = {
  async put(em, kind, id, { name, words, body }) {
    await em.transactional(async (inner) => {
      await rows(inner, `delete from search_${kind} where rowid = ?`, [id]);
      await rows(inner, `insert into search_${kind} (rowid, name, words, body) values (?, ?, ?, ?)`, [
        id,
        name,
        words,
        body,
      ]);
    });
  },
  async remove(em, kind, id) {
    await rows(em, `delete from search_${kind} where rowid = ?`, [id]);
  },
  async find(em, kind, words, limit) {
    const best = (match: string) =>
      rows<{ id: number }>(
        em,
        `select id from (select rowid as id, bm25(search_${kind}, 10.0, 4.0, 1.0) as score from search_${kind}
           where search_${kind} match ? order by rowid desc limit ${NEWEST})
         order by score, id desc limit ?`,
        [match, limit],
      );
    // all that begins with a word is gathered before the first row comes; whole words come one after the other
    const whole = await best(wholeOf(words));
    const found = whole.length < limit ? await best(matchOf(words)) : whole;
    return found.map(({ id }) => id);
  },
  async suggest(em, kind, words, limit) {
    const found = await rows<{ id: number }>(
      em,
      `select rowid as id from search_${kind} where search_${kind} match ? order by rowid desc limit ?`,
      [`name : (${matchOf(words)})`, limit],
    );
    return found.map(({ id }) => id);
  },
  async suggestTags(em, prefix, limit) {
    const found = await rows<{ name: string }>(
      em,
      'select name from tag where name >= ? and name < ? order by length(name), name limit ?',
      [prefix, `${prefix}\u{10ffff}`, limit],
    );
    return found.map(({ name }) => name);
  },
};

/** A word in quotes is text and nothing else. */
const wholeOf = (words: readonly string[]): string => words.map((word) => `"${word}"`).join(' ');

/** The last one may still be being typed. */
const matchOf = (words: readonly string[]): string => `${wholeOf(words)} *`;

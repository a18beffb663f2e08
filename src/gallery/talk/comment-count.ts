const countOf = (kind: 'model' | 'post' | 'image' | 'review' | 'bounty'): string =>
  `comment_count = (select count(*) from comment c where c.${kind}_id = ${kind}.id and c.audience = 'page'
    and c.deleted_at is null and c.withheld_at is null)`;

/** What sets the number of comments of a page from its rows: a number for everybody, so what few see is not in it. */
export const COMMENT_COUNT = {
  model: countOf('model'),
  post: countOf('post'),
  image: countOf('image'),
  review: countOf('review'),
  bounty: countOf('bounty'),
} as const;

import { inList, rows } from '../kit/database/sql.ts';
import { defineTakedownStep, done } from '../moderation/takedown/step.ts';
import { thingsOf } from '../moderation/takedown/things.ts';
import { indexAccount, indexModel, indexPost } from './index/keep.ts';

/** Search and suggestions read the index alone: what is not listed leaves it, what is listed again comes back. */
export const reindexStep = defineTakedownStep({
  name: 'reindex',
  outcomes: [
    ...(['remove', 'hash_only', 'quarantine', 'limit', 'age_lock', 're_rate', 'dismiss', 'undo'] as const),
    ...(['account_action', 'de_attribute'] as const),
  ],
  async run(work, { target }) {
    const things = await thingsOf(work.em, target);
    const models = await rows<{ id: number }>(
      work.em,
      `select distinct model_id as id from model_version where id in (${inList(things.versionIds)})`,
      [...things.versionIds],
    );
    const posts = await rows<{ id: number }>(work.em, `select post_id as id from image where id = ?`, [
      target.kind === 'image' ? target.id : 0,
    ]);
    const modelIds = new Set([...things.modelIds, ...models.map(({ id }) => id)]);
    const postIds = new Set([...things.postIds, ...posts.map(({ id }) => id)]);
    for (const id of modelIds) await indexModel(work, id);
    for (const id of postIds) await indexPost(work, id);
    if (target.kind === 'account') await indexAccount(work, target.id);
    return done(`${modelIds.size} models, ${postIds.size} posts`);
  },
});

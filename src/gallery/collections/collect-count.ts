import type { z } from 'zod';
import { rows } from '../../kit/database/sql.ts';
import { defineJob } from '../../kit/queue/define.ts';
import type { Work } from '../../kit/work.ts';
import { collectionItemChanged } from '../events.ts';

/** For `update model` and `update image`: what people keep for themselves is nobody's business, so it does not count. */
export const COLLECT_COUNT = {
  model: collectCount('model'),
  image: collectCount('image'),
} as const;

function collectCount(kind: 'model' | 'image'): string {
  return `collect_count = (select count(*) from collection_item c join collection k on k.id = c.collection_id
    where c.${kind}_id = ${kind}.id and k.visibility = 'public' and k.deleted_at is null)`;
}

async function countCollections(
  { em }: Pick<Work, 'em'>,
  { kind, targetId }: z.output<typeof collectionItemChanged.payload>,
): Promise<void> {
  if (kind === 'post') return;
  await rows(em, `update ${kind} set ${COLLECT_COUNT[kind]} where id = ? returning id`, [targetId]);
}

export const countCollectionsJob = defineJob({
  name: 'gallery.count-collections',
  lane: 'media',
  payload: collectionItemChanged.payload,
  attempts: 5,
  run: (work, payload) => countCollections(work, payload),
});

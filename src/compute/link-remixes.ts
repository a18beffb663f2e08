import { z } from 'zod';
import { viewerOf } from '../accounts/access/identify.ts';
import { Account } from '../accounts/model.ts';
import { mayRemix } from '../gallery/images/remix.ts';
import { Image } from '../gallery/model.ts';
import { rows } from '../kit/database/sql.ts';
import { defineJob } from '../kit/queue/define.ts';
import type { Work } from '../kit/work.ts';

/** After `post.published` and `post.updated`: results that their maker downloaded and uploaded are remixes too. */
export const linkRemixesJob = defineJob({
  name: 'compute.link-remixes',
  lane: 'clock',
  payload: z.object({ postId: z.int() }),
  attempts: 5,
  run: (work, { postId }) => linkRemixes(work, postId),
});

/** A picture is a result by its bytes, as they came from here. Again is the same. */
async function linkRemixes({ em }: Pick<Work, 'em'>, postId: number): Promise<void> {
  const found = await rows<{ id: number; owner_id: number; original: number }>(
    em,
    `select i.id, i.owner_id, max(cast(g.request ->> 'remixOfId' as integer)) as original
     from image i join generation_image r on r.sha256 = i.sha256
       join generation g on g.id = r.generation_id and g.account_id = i.owner_id
     where i.post_id = ? and i.remix_of_id is null and i.deleted_at is null and i.generation_id is null
       and g.request ->> 'remixOfId' is not null group by i.id, i.owner_id order by i.id`,
    [postId],
  );
  const [first] = found;
  const owner = first && (await em.findOne(Account, first.owner_id));
  if (!owner) return;
  const viewer = viewerOf(owner);
  for (const { id, original } of found) {
    if (await mayRemix(em, viewer, original)) await em.nativeUpdate(Image, { id }, { remixOf: original });
  }
}

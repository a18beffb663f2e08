import type { EntityManager } from '@mikro-orm/core';
import { accountProfileChanged } from '../../accounts/events.ts';
import { Account } from '../../accounts/model.ts';
import { PICTURES, type PictureKind } from '../../accounts/profile/pictures.ts';
import { DatasetItem } from '../../compute/datasets/model.ts';
import { Image, Post } from '../../gallery/model.ts';
import { relistPost } from '../../gallery/posts/relist.ts';
import { record } from '../../kit/events/events.ts';
import type { Work } from '../../kit/work.ts';
import { HELD_RESTRICTIONS, type Hit, recordHit } from '../../safety/hashes/hits.ts';
import { HashHit } from '../../safety/hashes/model.ts';
import { restrict } from '../../safety/restrict.ts';

type Acting = Pick<Work, 'em' | 'jobs' | 'now'>;

export interface FoundThing {
  readonly kind: 'version' | 'image' | 'dataset-item' | PictureKind;
  /** Of an avatar or banner that of its account. */
  readonly id: number | string;
  readonly ownerId: number;
}

/**
 * Puts on record that a block knows a thing that is here, and withholds what would be refused at the door. What only
 * looks like something that is not severe stays as it is until a person looked: pictures of one prompt look alike. Once
 * for each block and thing.
 */
export async function keepFound(work: Acting, { kind, id, ownerId }: FoundThing, hit: Hit): Promise<void> {
  await work.em.fork().transactional(async (em) => {
    const target = { targetKind: kind, targetId: String(id) };
    if ((await em.count(HashHit, { block: hit.block.id, ...target })) > 0) return;
    const verdict = hit.verdict === 'hold' && kind !== 'dataset-item' ? 'review' : hit.verdict;
    recordHit(em, { door: 'rescan', accountId: ownerId }, { ...hit, verdict }, { kind, id }, work.now());
    await em.flush();
    if (verdict !== 'review') await withhold({ ...work, em }, kind, id, hit.block.id);
    await em.flush();
  });
}

async function withhold(
  { em, jobs, now }: Acting,
  kind: FoundThing['kind'],
  id: number | string,
  blockId: string,
): Promise<void> {
  if (kind === 'image' || kind === 'version') {
    await restrict(em, { kind, id: Number(id) }, `hash:${blockId}`, HELD_RESTRICTIONS, now());
    // at once, and not when `policy.changed` comes round
    const post = kind === 'image' ? (await em.findOne(Image, Number(id)))?.post.id : undefined;
    if (post !== undefined) await relistPost({ em, jobs }, await em.findOneOrFail(Post, post));
  } else if (kind === 'dataset-item') {
    await em.nativeUpdate(DatasetItem, { id: String(id) }, { heldAt: now() });
  } else await takeOff(em, kind, Number(id));
}

/** A face that is blocked is taken off; its bytes go when nothing names them any more. */
async function takeOff(em: EntityManager, kind: PictureKind, accountId: number): Promise<void> {
  await em.nativeUpdate(Account, { id: accountId }, { [PICTURES[kind].column]: null });
  record(em, accountProfileChanged, { accountId });
}

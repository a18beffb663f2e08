import { Account } from '../../../accounts/model.ts';
import { Collection } from '../../../gallery/collections/model.ts';
import { pinChanged } from '../../../gallery/events.ts';
import { Pin } from '../../../gallery/pins.ts';
import { inList, rows } from '../../../kit/database/sql.ts';
import { record } from '../../../kit/events/events.ts';
import { newId } from '../../../kit/ids.ts';
import type { Work } from '../../../kit/work.ts';
import { defineTakedownStep, done, type TakedownOrder } from '../step.ts';
import { batches, type Things, thingsOf } from '../things.ts';
import { keepTrace, listTraces, TakedownTrace } from '../trace.ts';

interface PinFacts {
  readonly accountId: number;
  readonly modelId: number | null;
  readonly postId: number | null;
}
interface FaceFacts {
  readonly avatarSha256: string | null;
  readonly bannerSha256: string | null;
}

/** It stands for nothing else any more: no cover of a collection, nothing at the top of a profile, no face of an account. */
export const unsetStep = defineTakedownStep({
  name: 'unset',
  outcomes: ['remove', 'hash_only', 'quarantine', 'undo'],
  async run(work, order) {
    if (order.outcome === 'undo') return done(`${await setAgain(work, order.parameters.undoes ?? '')} set again`);
    const things = await thingsOf(work.em, order.target);
    const covers = await dropCovers(work, order, things);
    const pins = await dropPins(work, order, things);
    if (order.target.kind === 'account' && order.outcome !== 'quarantine') await dropFace(work, order);
    return done(`${covers} covers, ${pins} pins`);
  },
});

const FIELDS = [
  ['model', 'modelIds'],
  ['post', 'postIds'],
  ['image', 'imageIds'],
] as const;

async function dropCovers({ em, now }: Work, order: TakedownOrder, things: Things): Promise<number> {
  let dropped = 0;
  for (const [kind, name] of FIELDS) {
    for (const ids of batches(things[name])) {
      const found = await rows<{ id: number; item: string }>(
        em,
        `select k.id, k.cover_item_id as item from collection k join collection_item c on c.id = k.cover_item_id
         where c.${kind}_id in (${inList(ids)})`,
        ids,
      );
      for (const { id, item } of found) {
        await em.fork().transactional(async (tx) => {
          const facts = { collectionId: id };
          await keepTrace(tx, order.takedownId, { kind: 'collection_item', subjectId: item, facts }, now());
          await tx.nativeUpdate(Collection, { id, coverItemId: item }, { coverItemId: null });
        });
        dropped += 1;
      }
    }
  }
  return dropped;
}

async function dropPins({ em, now }: Work, order: TakedownOrder, things: Things): Promise<number> {
  const pins = await em.fork().find(Pin, {
    $or: [{ model: { $in: [...things.modelIds] } }, { post: { $in: [...things.postIds] } }],
  });
  for (const pin of pins) {
    await em.fork().transactional(async (tx) => {
      const { id, account, model, post } = pin;
      const facts: PinFacts = { accountId: account.id, modelId: model?.id ?? null, postId: post?.id ?? null };
      await keepTrace(tx, order.takedownId, { kind: 'pin', subjectId: id, facts }, now());
      await tx.nativeDelete(Pin, { id });
      const target = model
        ? { kind: 'model' as const, targetId: model.id }
        : { kind: 'post' as const, targetId: post?.id ?? 0 };
      record(tx, pinChanged, { pinId: id, accountId: account.id, ...target, isPinned: false });
      await tx.flush();
    });
  }
  return pins.length;
}

async function dropFace({ em, now }: Work, { takedownId, target }: TakedownOrder): Promise<void> {
  await em.fork().transactional(async (tx) => {
    const account = await tx.findOne(Account, target.id);
    if (!account || (!account.avatarSha256 && !account.bannerSha256)) return;
    const facts: FaceFacts = { avatarSha256: account.avatarSha256 ?? null, bannerSha256: account.bannerSha256 ?? null };
    await keepTrace(tx, takedownId, { kind: 'account', subjectId: account.id, facts }, now());
    Object.assign(account, { avatarSha256: null, bannerSha256: null });
    await tx.flush();
  });
}

/** The face of an account is for its owner to choose anew. */
async function setAgain({ em, now }: Work, undoes: string): Promise<number> {
  const traces = [
    ...(await listTraces(em.fork(), undoes, 'collection_item')),
    ...(await listTraces(em.fork(), undoes, 'pin')),
  ];
  for (const { id, kind, subjectId, facts } of traces) {
    await em.fork().transactional(async (tx) => {
      if (kind === 'collection_item') {
        const { collectionId } = facts as { readonly collectionId: number };
        await tx.nativeUpdate(Collection, { id: collectionId, coverItemId: null }, { coverItemId: subjectId });
      } else {
        const { accountId, modelId, postId } = facts as PinFacts;
        await rows(
          tx,
          `insert into pin (id, account_id, model_id, post_id, created_at) values (?, ?, ?, ?, ?)
           on conflict do nothing returning id`,
          [newId(), accountId, modelId, postId, now()],
        );
      }
      await tx.nativeUpdate(TakedownTrace, { id }, { restoredAt: now() });
    });
  }
  return traces.length;
}

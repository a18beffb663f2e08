import type { EntityManager, FilterQuery, Loaded } from '@mikro-orm/core';
import { z } from 'zod';
import { ModelVersion } from '../../catalogue/model.ts';
import { Image } from '../../gallery/model.ts';
import { rows } from '../../kit/database/sql.ts';
import { defineJob } from '../../kit/queue/define.ts';
import { t } from '../../kit/web/messages.ts';
import type { Work } from '../../kit/work.ts';
import { HashHit } from '../../safety/hashes/model.ts';
import { openRow } from '../queue/open.ts';
import { urgencyOf } from '../rules/model.ts';
import { Takedown } from '../takedown/model.ts';
import { takedownOf } from './blocks.ts';

/** Hits of one thing are one row; attempts that left nothing are one by block and by who tried. */
const subjectOf = (hit: HashHit): string =>
  hit.targetKind == null ? `attempt:${hit.block.id}:${hit.account?.id ?? 0}` : `${hit.targetKind}:${hit.targetId}`;

/** The hits that a row stands for. */
export function hitsWhere(subjectId: string): FilterQuery<HashHit> | null {
  const [, blockId, accountId] = /^attempt:([0-9a-f-]{36}):(\d+)$/.exec(subjectId) ?? [];
  if (blockId) return { block: blockId, targetKind: null, account: accountId === '0' ? null : Number(accountId) };
  const [, targetKind, targetId] = /^([a-z-]+):(.+)$/.exec(subjectId) ?? [];
  return targetKind && targetId ? { targetKind, targetId } : null;
}

/** After `safety.hash-hit`: a person looks at it. */
export const openHashRowJob = defineJob({
  name: 'moderation.open-hash-row',
  lane: 'clock',
  payload: z.object({ hitId: z.string() }),
  attempts: 10,
  run: ({ em, now }, { hitId }) => openHashRow({ em, now }, hitId),
});

async function openHashRow({ em, now }: Pick<Work, 'em' | 'now'>, hitId: string): Promise<void> {
  await em.transactional(async (tx) => {
    const hit = await tx.findOne(HashHit, { id: hitId, handledAt: null }, { populate: ['block'] });
    if (!hit || !isForPeople(hit) || (await isOwnTakedown(tx, hit))) return;
    const { category, isSevere } = hit.block.$;
    const { priority, hours, permission } = urgencyOf(category);
    await openRow(
      tx,
      {
        ...{ kind: 'hash', subjectId: subjectOf(hit), permission },
        about: hit.targetKind
          ? { kind: hit.targetKind, id: hit.targetId ?? '' }
          : { kind: hit.account ? 'account' : 'hash', id: hit.account?.id ?? hit.block.id },
        title: t(`queue-hash.${hit.verdict}`, { door: t(`door.${hit.door}`), category: t(`category.${category}`) }),
        priority: isSevere ? 0 : hit.verdict === 'review' ? 2 : Math.min(priority, 1),
        dueAt: new Date(hit.at.getTime() + hours * 3_600_000),
      },
      now(),
    );
    await tx.flush();
  });
}

/** What was kept out at the door and is not severe needs nobody; what is here and was withheld does. */
const isForPeople = ({ verdict, targetKind, block }: Loaded<HashHit, 'block'>): boolean =>
  verdict !== 'refuse' || targetKind != null || block.$.isSevere;

/** The block comes from a takedown of this very thing, or of what it is part of: that was decided already. */
async function isOwnTakedown(
  em: EntityManager,
  { targetKind, targetId, block }: Loaded<HashHit, 'block'>,
): Promise<boolean> {
  const takedownId = takedownOf(block.$);
  const takedown = takedownId && targetKind ? await em.findOne(Takedown, takedownId) : null;
  if (!takedown) return false;
  const id = Number(targetId);
  const isSame = (kind: string, one: number | undefined) => takedown.targetKind === kind && takedown.targetId === one;
  if (targetKind === 'image') return isSame('image', id) || isSame('post', (await em.findOne(Image, id))?.post.id);
  if (targetKind !== 'version') return false;
  return isSame('version', id) || isSame('model', (await em.findOne(ModelVersion, id))?.model.id);
}

/** What blocks forbid of a thing now, by source. */
export const hashSources = async (em: EntityManager, kind: string, id: number): Promise<string[]> =>
  (
    await rows<{ source: string }>(
      em,
      `select source from policy_restriction where target_kind = ? and target_id = ? and source like 'hash:%'`,
      [kind, id],
    )
  ).map(({ source }) => source);

import type { EntityManager } from '@mikro-orm/core';
import { audited } from '../../kit/audit/append.ts';
import { newId } from '../../kit/ids.ts';
import { closeRow } from '../../moderation/queue/open.ts';
import { liftBlocksOf } from '../../safety/hashes/blocks.ts';
import { RESTRICTION } from '../../safety/policy.ts';
import { restrict } from '../../safety/restrict.ts';
import type { Federation } from '../deps.ts';
import type { InboxWork, IncomingAct } from '../inbox/act.ts';
import { findTarget } from '../ingest/target.ts';
import { Tombstone } from '../model.ts';
import { DigestTombstone, ReceivedNotice } from '../notices/model.ts';
import { bitsOfEffects, type TakedownTerm } from '../notices/wire.ts';
import { markDerived } from './derived.ts';
import { blockDigests, listOwnDigests, noticeSource } from './digests.ts';
import { keepMark } from './marks-file.ts';
import { sendReceipt } from './receipt.ts';

/** What a notice forbids of a thing that is taken down or hidden by it, whatever words it has for that. */
const TAKEN = RESTRICTION.view | RESTRICTION.list | RESTRICTION.download | RESTRICTION.generate | RESTRICTION.train;

/**
 * The first half of heeding a notice of a thing's own host (spec/takedowns.md 2.9, an honest receiver must 1 to 5), before
 * anything is deleted: marks by id and by digest, the restriction that stops jobs, what was made with it. A second time it
 * finds its row. Returns it with how much it found here; the caller deletes what there is to delete, then `answer`s.
 */
export async function heed(
  work: InboxWork,
  federation: Federation,
  { id: uri, actorId, raw }: IncomingAct,
  objectUri: string,
  notice: TakedownTerm,
  kind: 'removal' | 'change',
): Promise<ReceivedNotice> {
  const { em, now } = work;
  const known = await em.findOne(ReceivedNotice, { uri });
  if (known) return known;
  const target = await findTarget(em, federation.origin, objectUri);
  const isHeld = target !== null && !target.isLocal;
  const policyTarget =
    isHeld && (target.kind === 'model' || target.kind === 'post' || target.kind === 'image')
      ? { kind: target.kind, id: Number(target.id) }
      : null;
  const isPurge = kind === 'removal';
  const bits = isPurge ? TAKEN | RESTRICTION.removed : bitsOfEffects(notice.effects);
  let marked: readonly string[] = [];
  const row = await audited({ ...work, viewer: null }, async (inner) => {
    const id = newId(now().getTime());
    if (isPurge) {
      // no later word of its owner but the Undo of this one brings it back
      await inner.upsert(
        Tombstone,
        { uri: objectUri, actorUri: actorId, deletedAt: now(), noticeUri: uri },
        { onConflictAction: 'merge', onConflictFields: ['uri'] },
      );
    }
    // before the new marks: those that stand already are not set again
    if (notice.supersedes) await liftSuperseded(inner, notice.supersedes, actorId, now());
    const own = isPurge && policyTarget ? await listOwnDigests(inner, policyTarget) : [];
    const isBlocking = isPurge || notice.provisional || notice.effects.includes('block_hash');
    const digests = isBlocking ? [...new Set([...own, ...notice.hashes])] : [];
    const { blocked, refused } = await blockDigests(inner, digests, {
      ...{ noticeUri: uri, category: notice.code, now: now(), host: new URL(actorId).host, id },
      owned: policyTarget,
    });
    marked = blocked;
    if (policyTarget && bits !== 0) await restrict(inner, policyTarget, noticeSource(id), bits, now());
    const derived =
      policyTarget?.kind === 'model' && (isPurge || notice.effects.includes('flag_derived'))
        ? await markDerived(inner, policyTarget.id, notice.code, noticeSource(id), now())
        : [];
    const row = inner.create(
      ReceivedNotice,
      {
        ...{ id, uri, actorUri: actorId, host: new URL(actorId).host, objectUri, category: notice.code },
        document: raw,
        result: !isHeld && own.length === 0 ? 'not_held' : refused > 0 ? 'partial' : 'done',
        reason: refused > 0 ? `${refused} files are also other people's here` : '',
        restricted: [...(policyTarget ? [`${policyTarget.kind}:${policyTarget.id}`] : []), ...derived],
        ...{ receivedAt: now(), undoneAt: null },
      },
      { persist: true },
    );
    const after = { category: notice.code, kind, provisional: notice.provisional, result: row.result };
    const entry = { action: 'notice.heed', subject: { kind: 'notice', id }, after, role: 'peer' };
    return { result: row, entries: [entry] };
  });
  if (isPurge) {
    const at = now().toISOString();
    await keepMark(federation, {
      ...{ notice: uri, uri: objectUri, actor: actorId, category: notice.code, digests: [...marked], at },
    });
  }
  return row;
}

/** Duty 7: a signed receipt, also where there was nothing here. Said once. */
export const answer = (work: InboxWork, federation: Federation, row: ReceivedNotice): Promise<void> =>
  sendReceipt(work, federation, row, {
    purged: row.restricted.length > 0 ? 1 : 0,
    derived: Math.max(0, row.restricted.length - 1),
  });

/** A later notice takes the place of a provisional one: what that forbade ends where the new one's begins. */
async function liftSuperseded(em: EntityManager, uri: string, actorId: string, now: Date): Promise<void> {
  const before = await em.findOne(ReceivedNotice, { uri, host: new URL(actorId).host, undoneAt: null });
  if (before) await liftNotice(em, before, now);
}

/** Takes back what one notice forbade and blocked here, and nothing else. */
export async function liftNotice(em: EntityManager, row: ReceivedNotice, now: Date): Promise<void> {
  for (const one of row.restricted) {
    const [kind, id] = one.split(':') as ['model' | 'post' | 'image' | 'version', string];
    await restrict(em, { kind, id: Number(id) }, noticeSource(row.id), 0, now);
    await closeRow(em, 'peer', `derived:${one}`, 'undone', now);
  }
  await em.nativeDelete(DigestTombstone, { noticeUri: row.uri });
  await liftBlocksOf({ em, now: () => now }, noticeSource(row.id));
  row.undoneAt = now;
}

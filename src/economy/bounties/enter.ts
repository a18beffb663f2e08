import type { EntityManager } from '@mikro-orm/core';
import type { z } from 'zod';
import { isBlockedEither } from '../../accounts/block.ts';
import { Account } from '../../accounts/model.ts';
import { ModelFile, ModelVersion } from '../../catalogue/model.ts';
import { loadOwnVersion } from '../../catalogue/own.ts';
import { assertSees } from '../../gallery/access.ts';
import { Image, Post } from '../../gallery/model.ts';
import { AppError } from '../../kit/errors.ts';
import { record } from '../../kit/events/events.ts';
import { t } from '../../kit/web/messages.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { hold } from '../../safety/holds/hold.ts';
import type { EconomyDeps } from '../deps.ts';
import { bountyEntered } from '../events.ts';
import { assertMaySell } from '../licences/selling.ts';
import { checkEntry, participant } from './check.ts';
import { type EntryForm, MOST_ENTRIES, MOST_ENTRIES_EACH } from './form.ts';
import { Bounty, BountyEntry } from './model.ts';
import { lockBounty } from './own.ts';

type Acting = Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>;
type Form = z.output<typeof EntryForm>;
const wrong = (field: string, message: string) => new AppError('invalid', message, { fields: { [field]: message } });

interface Brought {
  readonly version: ModelVersion | null;
  readonly post: Post | null;
  readonly imageIds: readonly number[];
  readonly isPerson: boolean;
}

/** What an entry brings: the entrant's own, of this node. Throws `invalid` at the field, `gone` and `withheld`. */
async function loadBrought(
  work: Pick<Work, 'em' | 'viewer' | 'now'>,
  viewer: Viewer,
  { model, post }: Form,
): Promise<Brought> {
  const { em } = work;
  const versionId = readId(
    model,
    'model',
    /^(?:https?:\/\/[^/\s]+)?\/(?:versions\/(\d{1,9})(?:\/edit)?|models\/\d+(?:\/[^?\s]*)?\?version=(\d{1,9}))(?:#.*)?$/,
  );
  const postId = readId(post, 'post', /^(?:https?:\/\/[^/\s]+)?\/posts\/(\d{1,9})$/);
  if (versionId === null && postId === null) throw wrong('model', t('bounty.bring-something'));
  const version = versionId === null ? null : await findOwnVersion(work, versionId);
  if (version && (await em.count(ModelFile, { version: version.id, isStored: true })) === 0) {
    throw wrong('model', t('bounty.no-file'));
  }
  if (version) await assertMaySell(em, version.id, viewer.id, work.now(), 'model');
  const found = postId === null ? null : await em.findOne(Post, { id: postId, owner: viewer.id, isLocal: true });
  if (postId !== null && found?.listedAt == null) throw wrong('post', t('bounty.post-not-public'));
  const images = found ? await em.find(Image, { post: found.id, deletedAt: null }, { fields: ['id'] }) : [];
  const isPerson = version?.model.$.isPoi ?? false;
  return { version, post: found, imageIds: images.map(({ id }) => id), isPerson };
}

async function findOwnVersion(work: Pick<Work, 'em' | 'viewer'>, versionId: number) {
  try {
    return await loadOwnVersion(work, versionId);
  } catch (error) {
    if (!(error instanceof AppError) || error.kind !== 'not_found') throw error;
    throw wrong('model', t('bounty.not-yours'));
  }
}

function readId(text: string, field: string, pattern: RegExp): number | null {
  if (text.trim() === '') return null;
  const [, one, other] = pattern.exec(text.trim()) ?? [];
  const id = Number(one ?? other ?? 0);
  if (id === 0) throw wrong(field, t(`bounty.${field}-address`));
  return id;
}

/**
 * Answers a bounty. Throws `invalid` at the field and for one's own, `conflict` for what is over or full, `forbidden`
 * across a block. What shows or names somebody real waits for a moderator.
 */
export async function enterBounty(
  work: Acting,
  { screening }: Pick<EconomyDeps, 'screening'>,
  bountyId: string,
  form: Form,
): Promise<string> {
  const { em, now } = work;
  const viewer = participant(work.viewer);
  const { ownerId } = await assertSees(em, viewer, { kind: 'bounty', id: bountyId });
  if (ownerId === viewer.id) throw new AppError('invalid', t('bounty.own-entry'));
  if (await isBlockedEither({ em }, viewer.id, ownerId)) throw new AppError('forbidden', t('bounty.refused'));
  const known = await em.findOne(BountyEntry, { id: form.key });
  if (known?.account.id === viewer.id) return known.id;
  if (known) throw new AppError('conflict', t('bounty.key-taken'));
  const brought = await loadBrought(work, viewer, form);
  const checked = await checkEntry(work, screening, viewer, { text: form.text, ...brought });
  const at = now();
  await em.fork().transactional(async (tx) => {
    await assertTakesEntries(tx, bountyId, at);
    const its = { bounty: bountyId, withdrawnAt: null };
    if ((await tx.count(BountyEntry, its)) >= MOST_ENTRIES) throw new AppError('conflict', t('bounty.full'));
    if ((await tx.count(BountyEntry, { ...its, account: viewer.id })) >= MOST_ENTRIES_EACH) {
      throw new AppError('conflict', t('bounty.entered-enough', { n: MOST_ENTRIES_EACH }));
    }
    tx.create(
      BountyEntry,
      {
        ...{ id: form.key, bounty: tx.getReference(Bounty, bountyId), account: tx.getReference(Account, viewer.id) },
        ...{ text: form.text, createdAt: at, updatedAt: at },
        ...bringing(tx, brought),
        heldAt: checked.hold === null ? null : at,
      },
      { persist: true },
    );
    await holdEntry(tx, form.key, viewer, checked.hold, at);
    if (checked.hold === null) record(tx, bountyEntered, { entryId: form.key });
    await tx.flush();
  });
  return form.key;
}

const bringing = (tx: EntityManager, { version, post }: Brought) => ({
  version: version && tx.getReference(ModelVersion, version.id),
  post: post && tx.getReference(Post, post.id),
});

async function holdEntry(
  tx: EntityManager,
  id: string,
  viewer: Viewer,
  reason: string | null,
  now: Date,
): Promise<void> {
  if (reason !== null) await hold(tx, { kind: 'entry', id, accountId: viewer.id, reason }, now);
}

async function assertTakesEntries(tx: EntityManager, bountyId: string, at: Date): Promise<void> {
  const isOpen = await lockBounty(tx, bountyId);
  const bounty = await tx.findOneOrFail(Bounty, { id: bountyId });
  const isWaiting = bounty.heldAt != null || bounty.withheldAt != null;
  if (!isOpen || isWaiting || bounty.deadlineAt <= at) throw new AppError('conflict', t('bounty.over'));
}

/** The viewer's own, as long as it counts. Throws `not_found`, `withheld` and `conflict`. */
export async function loadOwnEntry({ em, viewer }: Pick<Work, 'em' | 'viewer'>, entryId: string): Promise<BountyEntry> {
  const entry = await em.findOne(BountyEntry, { id: entryId, account: viewer?.id ?? 0 });
  if (!entry) throw new AppError('not_found', t('bounty.no-entry'));
  if (entry.withheldAt != null) throw new AppError('withheld', t('bounty.withheld'));
  if (entry.withdrawnAt != null || entry.awardedAt != null) throw new AppError('conflict', t('bounty.entry-over'));
  return entry;
}

/** Its entrant changes it, until the deadline: every check again. Returns the bounty. */
export async function editEntry(
  work: Acting,
  { screening }: Pick<EconomyDeps, 'screening'>,
  entryId: string,
  form: Form,
): Promise<string> {
  const { em, now } = work;
  const viewer = participant(work.viewer);
  const before = await loadOwnEntry(work, entryId);
  const bountyId = before.bounty.id;
  const brought = await loadBrought(work, viewer, form);
  const checked = await checkEntry(work, screening, viewer, { text: form.text, ...brought });
  const at = now();
  await em.fork().transactional(async (tx) => {
    await assertTakesEntries(tx, bountyId, at);
    const entry = await loadOwnEntry({ em: tx, viewer }, entryId);
    Object.assign(entry, { text: form.text, updatedAt: at, ...bringing(tx, brought) });
    if (checked.hold !== null) entry.heldAt = at;
    await holdEntry(tx, entryId, viewer, checked.hold, at);
    await tx.flush();
  });
  return bountyId;
}

/** Its entrant takes it back. Returns the bounty. */
export async function withdrawEntry(work: Acting, entryId: string): Promise<string> {
  const { em, now } = work;
  const { bounty } = await loadOwnEntry(work, entryId);
  await em.fork().transactional(async (tx) => {
    await lockBounty(tx, bounty.id);
    const entry = await loadOwnEntry({ em: tx, viewer: work.viewer }, entryId);
    entry.withdrawnAt = now();
    await tx.flush();
  });
  return bounty.id;
}

import { ref } from '@mikro-orm/core';
import { Account, Follow } from '../../accounts/model.ts';
import { can } from '../../accounts/permissions.ts';
import { Model, ModelFile, ModelVersion } from '../../catalogue/model.ts';
import { AppError } from '../../kit/errors.ts';
import type { Work } from '../../kit/work.ts';
import type { Federation } from '../deps.ts';
import { FileCopy } from './model.ts';
import { assertRoomForCopy, copySettings, findCopy, findPeerFile, mayKeep } from './rules.ts';

type Task = Pick<Work, 'em' | 'viewer' | 'files' | 'jobs' | 'now'>;

/** A person with the right wants a copy here, or wants it tried again. Throws `forbidden`, `not_found`, `invalid`, `too_large`. */
export async function askForCopy(work: Task, federation: Federation, fileId: number): Promise<number> {
  const { em, viewer } = work;
  if (!viewer || !can(viewer, 'manageCatalogue')) throw new AppError('forbidden', 'You cannot ask for copies here.');
  const { rule } = await federation.settings.read(em, copySettings);
  if (rule === 'off') throw new AppError('invalid', 'This node keeps no copies of files of elsewhere.');
  const found = await findPeerFile(work, fileId);
  if (!found) throw new AppError('not_found', 'There is no such file of elsewhere.');
  if (!found.file.isStored) {
    if (!(await mayKeep(work, federation, found))) {
      throw new AppError(
        'invalid',
        'This file cannot be kept here: its author or this node does not allow it, or no engine could use it.',
      );
    }
    await assertRoomForCopy(work, federation, found.file);
    await order(work, federation, found.file, viewer.id);
  }
  return found.model.id;
}

/** The rule of the node: what the people who are followed here publish is kept, as far as there is room. */
export async function planCopies(
  work: Task,
  federation: Federation,
  wanted: { readonly modelId: number } | { readonly ownerId: number },
): Promise<void> {
  const { em } = work;
  const { rule } = await federation.settings.read(em, copySettings);
  if (rule !== 'followed') return;
  const where = 'modelId' in wanted ? { id: wanted.modelId } : { owner: wanted.ownerId };
  for (const model of await em.find(Model, { ...where, isLocal: false, state: 'published' }, { limit: 200 })) {
    if ((await em.count(Follow, { target: model.owner.id, state: 'accepted' })) === 0) continue;
    const versions = await em.find(ModelVersion, { model, state: 'published' });
    const primary = { version: { $in: versions.map(({ id }) => id) }, isPrimary: true, isStored: false };
    for (const { id } of await em.find(ModelFile, primary)) {
      const found = await findPeerFile(work, id);
      // what failed or was refused waits for a person
      if (!found || (await findCopy(work, id)) || !(await mayKeep(work, federation, found))) continue;
      try {
        await assertRoomForCopy(work, federation, found.file);
      } catch (error) {
        if (error instanceof AppError) continue;
        throw error;
      }
      await order(work, federation, found.file, null);
    }
  }
}

async function order(
  { em, jobs, now }: Task,
  federation: Federation,
  file: ModelFile,
  accountId: number | null,
): Promise<void> {
  await em.transactional(async (inner) => {
    const known = await inner.findOne(FileCopy, file.id, { refresh: true });
    if (known && ['waiting', 'fetching', 'kept'].includes(known.state)) return;
    const jobId = jobs.enqueue(
      inner,
      federation.jobs.copyFile,
      { fileId: file.id },
      // one large file at a time: the others of this lane are pictures that people wait for
      { partition: 'copies', dedupeKey: `copy:${file.id}`, priority: 10 },
    );
    const requestedBy = accountId === null ? null : ref(inner.getReference(Account, accountId));
    const facts = { digest: file.sha256, state: 'waiting' as const, reason: '', requestedBy, jobId, keptAt: null };
    if (known) Object.assign(known, facts);
    else inner.create(FileCopy, { fileId: file.id, createdAt: now(), ...facts }, { persist: true });
    await inner.flush();
  });
}

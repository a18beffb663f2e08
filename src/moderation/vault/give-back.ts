import { ModelFile } from '../../catalogue/model.ts';
import { renderImageJob } from '../../gallery/images/render.ts';
import { Image } from '../../gallery/model.ts';
import type { Vault } from '../../kit/storage/vault/vault.ts';
import type { Work } from '../../kit/work.ts';
import { listTraces, TakedownTrace } from '../takedown/trace.ts';
import type { ImageFacts } from './take.ts';

type Task = Pick<Work, 'em' | 'files' | 'jobs' | 'now'>;

/** Puts what a takedown took back where it was; what a person purged stays gone. Returns how many bytes came back. */
export async function giveBack(task: Task, vault: Vault, takedownId: string): Promise<{ back: number; lost: number }> {
  const { em, jobs, now } = task;
  const count = { back: 0, lost: 0 };
  for (const kind of ['model_file', 'image'] as const) {
    for (const trace of await listTraces(em.fork(), takedownId, kind)) {
      const { digest } = trace;
      if (!digest || !(await unseal(task, vault, digest))) {
        count.lost += 1;
        continue;
      }
      const id = Number(trace.subjectId);
      await em.fork().transactional(async (tx) => {
        if (kind === 'model_file') await tx.nativeUpdate(ModelFile, { id }, { isStored: true });
        else {
          const { blurHash, placeholder } = trace.facts as ImageFacts;
          await tx.nativeUpdate(Image, { id }, { sha256: digest, blurHash, placeholder });
          // also those of others, whose sizes went with these bytes where they were blocked
          for (const other of await tx.find(Image, { sha256: digest }, { fields: ['id'] })) {
            jobs.enqueue(tx, renderImageJob, { imageId: other.id }, { dedupeKey: `image:${other.id}` });
          }
        }
        await tx.nativeUpdate(TakedownTrace, { id: trace.id }, { restoredAt: now() });
        await tx.flush();
      });
      if ((await em.count(TakedownTrace, { digest, restoredAt: null, purgedAt: null })) === 0)
        await vault.remove(digest);
      count.back += 1;
    }
  }
  return count;
}

async function unseal({ files }: Task, vault: Vault, digest: string): Promise<boolean> {
  if (await files.has(digest)) return true;
  if (!(await vault.has(digest))) return false;
  await files.put(await vault.open(digest));
  return true;
}

import { modelUpdated } from '../../../catalogue/events.ts';
import { Model } from '../../../catalogue/model.ts';
import { reissueFiles, restoreWords, scrubWords, type WordsBefore } from '../../../catalogue/names/de-attribute.ts';
import { lockNames, unlockNames } from '../../../catalogue/names/lock.ts';
import { type Scrubber, scrubberOf } from '../../../catalogue/names/scrub.ts';
import type { Uploads } from '../../../catalogue/uploads/uploads.ts';
import { type MaskedBefore, maskNames } from '../../../gallery/images/mask-names.ts';
import { renderImageJob } from '../../../gallery/images/render.ts';
import { Image, ImageRaw } from '../../../gallery/model.ts';
import { inList, rows } from '../../../kit/database/sql.ts';
import { record } from '../../../kit/events/events.ts';
import { listReferenced } from '../../../kit/storage/references.ts';
import type { Work } from '../../../kit/work.ts';
import type { DropModels } from '../../vault/clear.ts';
import { defineTakedownStep, done, type TakedownOrder, type TakedownStepDefinition } from '../step.ts';
import { batches, thingsOf } from '../things.ts';
import { keepTrace, listTraces, TakedownTrace } from '../trace.ts';
import type { Blocks } from './block-hashes.ts';

const MOST_NAMES = 20;

export interface DeAttributionParts {
  readonly uploads: Pick<Uploads, 'receiving'>;
  readonly blocks: Blocks;
  readonly dropModels: DropModels;
}

/**
 * A name goes out of a model and stays out (spec/takedowns.md 2.4): the lock comes first, so that nothing that is written
 * meanwhile brings it back; then the words, the prompts of the gallery, and the files, whose old digests are blocked.
 */
export const deAttributeStep = (parts: DeAttributionParts): TakedownStepDefinition =>
  defineTakedownStep({
    name: 'de-attribute',
    outcomes: ['de_attribute', 'undo'],
    async run(work, order) {
      if (order.outcome === 'undo') return done(`${await undo(work, order.parameters.undoes ?? '')} put back`);
      const names = (order.parameters.names ?? []).slice(0, MOST_NAMES);
      const scrubber = scrubberOf(names);
      if (!scrubber) return done('no name is given');
      const modelIds = await modelsOf(work, order);
      let pictures = 0;
      const replaced: string[] = [];
      for (const modelId of modelIds) {
        const lock = { modelId, takedownId: order.takedownId, caseId: order.caseId };
        await work.em.fork().transactional((tx) => lockNames(tx, lock, names, work.now()));
        await takeWords(work, order, modelId, scrubber);
        pictures += await maskGallery(work, order, modelId);
        replaced.push(...(await reissueFiles(work, parts.uploads, modelId, scrubber)));
        // the lists, the index and peers hear of it when everything is in its new state
        await work.em.fork().transactional(async (tx) => {
          await tx.nativeUpdate(Model, { id: modelId, isLocal: true }, { updatedAt: work.now() });
          record(tx, modelUpdated, { modelId });
          await tx.flush();
        });
      }
      await parts.blocks.block(work, order, { files: replaced, tensors: [], pictures: [] });
      await clearReplaced(work, parts.dropModels, modelIds);
      return done(`${modelIds.length} models, ${pictures} pictures, ${replaced.length} files made anew`);
    },
  });

async function modelsOf({ em }: Pick<Work, 'em'>, { target }: TakedownOrder): Promise<number[]> {
  const { modelIds, versionIds } = await thingsOf(em, target);
  const found = await rows<{ id: number }>(
    em,
    `select distinct model_id as id from model_version where id in (${inList(versionIds)})`,
    [...versionIds],
  );
  return [...new Set([...modelIds, ...found.map(({ id }) => id)])];
}

async function takeWords({ em, now }: Work, { takedownId }: TakedownOrder, modelId: number, scrubber: Scrubber) {
  await em.fork().transactional(async (tx) => {
    const facts = await scrubWords(tx, modelId, scrubber, now());
    if (facts) await keepTrace(tx, takedownId, { kind: 'words', subjectId: modelId, facts }, now());
  });
}

async function maskGallery({ em, jobs, now }: Work, { takedownId }: TakedownOrder, modelId: number): Promise<number> {
  const found = await rows<{ id: number }>(em, 'select distinct image_id as id from resource_use where model_id = ?', [
    modelId,
  ]);
  let masked = 0;
  for (const some of batches(
    found.map(({ id }) => id),
    100,
  )) {
    await em.fork().transactional(async (tx) => {
      for (const { imageId, ...facts } of await maskNames(tx, some, now())) {
        await keepTrace(tx, takedownId, { kind: 'recipe', subjectId: imageId, facts }, now());
        jobs.enqueue(tx, renderImageJob, { imageId }, { dedupeKey: `image:${imageId}` });
        masked += 1;
      }
      await tx.flush();
    });
  }
  return masked;
}

/** Files that were replaced go at once, unless somebody else has the same bytes. */
async function clearReplaced({ em, files }: Work, dropModels: DropModels, modelIds: readonly number[]): Promise<void> {
  const found = await rows<{ digest: string }>(
    em,
    `select distinct f.replaces as digest from model_file f join model_version v on v.id = f.version_id
     where v.model_id in (${inList(modelIds)}) and f.replaces is not null`,
    [...modelIds],
  );
  const digests = found.map(({ digest }) => digest);
  const named = await listReferenced(em, digests, { model_file: { sql: 'is_stored = ?', values: [false] } });
  const gone = digests.filter((digest) => !named.has(digest));
  await dropModels(gone);
  for (const digest of gone) await files.remove(digest);
}

/** The words come back and the lock goes; files stay as they were made anew. */
async function undo({ em, jobs, now }: Work, undoes: string): Promise<number> {
  await unlockNames(em.fork(), undoes);
  const words = await listTraces(em.fork(), undoes, 'words');
  for (const { id, subjectId, facts } of words) {
    await em.fork().transactional(async (tx) => {
      await restoreWords(tx, Number(subjectId), facts as WordsBefore);
      await tx.nativeUpdate(TakedownTrace, { id }, { restoredAt: now() });
      record(tx, modelUpdated, { modelId: Number(subjectId) });
      await tx.flush();
    });
  }
  for (const { id, subjectId, facts } of await listTraces(em.fork(), undoes, 'recipe')) {
    const { recipe, blocks } = facts as Pick<MaskedBefore, 'recipe' | 'blocks'>;
    const imageId = Number(subjectId);
    await em.fork().transactional(async (tx) => {
      await tx.nativeUpdate(Image, { id: imageId }, { recipe, cleanSha256: null });
      if (blocks) await tx.nativeUpdate(ImageRaw, { image: imageId }, { blocks });
      await tx.nativeUpdate(TakedownTrace, { id }, { restoredAt: now() });
      jobs.enqueue(tx, renderImageJob, { imageId }, { dedupeKey: `image:${imageId}` });
      await tx.flush();
    });
  }
  return words.length;
}

import { inList, rows } from '../../../kit/database/sql.ts';
import type { Work } from '../../../kit/work.ts';
import { type PolicyTarget, QUARANTINE } from '../../../safety/policy.ts';
import { defineTakedownStep, done, type TakedownOrder, type TakedownStepDefinition } from '../step.ts';
import { batches, type Digests, digestsOf, type Things, thingsOf } from '../things.ts';
import { forbid, sourceOf } from './deny.ts';

/** Blocks these digests against coming back, or lets them in again; whoever keeps the list of blocks gives it. */
type BlockDigests = (work: Work, order: TakedownOrder, digests: Digests) => Promise<void>;
export interface Blocks {
  readonly block: BlockDigests;
  /** Of the takedown that is undone. */
  readonly unblock: (work: Work, takedownId: string) => Promise<void>;
}

/**
 * The bytes may not come back under another name. Without `block` only this item goes, and whoever else has the same
 * bytes lawfully keeps them; with it they are withheld wherever they lie (scenario 49).
 */
export const blockHashesStep = (blocks: Blocks): TakedownStepDefinition =>
  defineTakedownStep({
    name: 'block-hashes',
    outcomes: ['remove', 'hash_only', 'undo'],
    async run(work, order) {
      if (order.outcome === 'undo') {
        await blocks.unblock(work, order.parameters.undoes ?? '');
        return done();
      }
      if (!order.parameters.block && order.outcome !== 'hash_only') return done('not asked for');
      const things = await thingsOf(work.em, order.target);
      const digests = await digestsOf(work.em, order.takedownId, things);
      await blocks.block(work, order, digests);
      const others = await holdersOf(work, things, digests);
      await forbid(work, order, others, sourceOf(order.takedownId), QUARANTINE);
      return done(`${digests.files.length + digests.pictures.length} blocked, ${others.length} others hold them`);
    },
  });

/** Other versions and pictures with the same bytes. */
async function holdersOf({ em }: Pick<Work, 'em'>, things: Things, digests: Digests): Promise<PolicyTarget[]> {
  const own = { image: new Set(things.imageIds), version: new Set(things.versionIds) };
  const found: PolicyTarget[] = [];
  const add = async (kind: 'image' | 'version', sql: string, values: readonly string[]) => {
    for (const some of batches(values)) {
      for (const { id } of await rows<{ id: number }>(em, sql.replace('(…)', `(${inList(some)})`), some)) {
        if (!own[kind].has(id)) found.push({ kind, id });
      }
    }
  };
  await add('image', 'select id from image where sha256 in (…)', digests.pictures);
  await add('version', 'select distinct version_id as id from model_file where sha256 in (…)', digests.files);
  return found;
}

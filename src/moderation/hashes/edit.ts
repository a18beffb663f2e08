import { z } from 'zod';
import { can } from '../../accounts/permissions.ts';
import { audited } from '../../kit/audit/append.ts';
import { AppError } from '../../kit/errors.ts';
import { t } from '../../kit/web/messages.ts';
import type { Work } from '../../kit/work.ts';
import { addBlock, blocksOf, liftBlock } from '../../safety/hashes/blocks.ts';
import type { HashGate } from '../../safety/hashes/gate.ts';
import { BLOCK_CATEGORIES, BLOCK_KINDS, HashBlock } from '../../safety/hashes/model.ts';

export const BlockForm = z.object({
  kind: z.enum(BLOCK_KINDS).default('file'),
  /** '' where a picture is sent in its place. */
  hash: z
    .string()
    .trim()
    .toLowerCase()
    .regex(/^(?:[0-9a-f]{64})?$/, t('hashes.error-hash'))
    .default(''),
  category: z.enum(BLOCK_CATEGORIES, 'Choose why.'),
  note: z.string().trim().max(500, 'At most 500 characters.').default(''),
});

type Editing = Pick<Work, 'em' | 'viewer' | 'now'>;

/**
 * Blocks a hash, or a picture on the disk by its bytes and its look. Throws `forbidden` without the permission, `invalid`
 * for neither or what cannot be blocked, and what `inspectImage` throws.
 */
export async function blockByHand(
  work: Editing,
  gate: HashGate,
  { kind, hash, category, note }: z.output<typeof BlockForm>,
  picturePath: string | null,
): Promise<readonly HashBlock[]> {
  requireRules(work);
  const message = t('hashes.error-hash');
  if (hash === '' && picturePath === null) throw new AppError('invalid', message, { fields: { hash: message } });
  const wanted =
    picturePath !== null
      ? await blocksOf(gate, picturePath, { category, note })
      : [{ kind, hash, category, note } as const];
  return audited(work, async (em) => {
    const result: HashBlock[] = [];
    for (const block of wanted) result.push(await addBlock({ ...work, em }, block));
    const entries = result.map((block) => ({
      ...{ action: 'hash.block', subject: { kind: 'hash', id: block.id }, reason: note },
      after: { kind: block.kind, hash: block.hash, category: block.category, isSevere: block.isSevere },
    }));
    return { result, entries };
  });
}

/** The block counts no more. Again is the same. Throws `forbidden` and `not_found`. */
export async function liftByHand(work: Editing, blockId: string): Promise<void> {
  requireRules(work);
  await audited(work, async (em) => {
    const block = await em.findOne(HashBlock, blockId);
    if (block?.liftedAt != null) return { result: null, entries: [] };
    await liftBlock({ ...work, em }, blockId);
    const before = { kind: block?.kind, hash: block?.hash, category: block?.category };
    return { result: null, entries: [{ action: 'hash.lift', subject: { kind: 'hash', id: blockId }, before }] };
  });
}

function requireRules({ viewer }: Pick<Work, 'viewer'>): void {
  if (!viewer || !can(viewer, 'manageRules')) throw new AppError('forbidden', 'Blocks are for those who manage rules.');
}

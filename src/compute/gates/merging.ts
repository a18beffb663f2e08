import { AppError } from '../../kit/errors.ts';
import { t } from '../../kit/web/messages.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { RATING } from '../../safety/ratings.ts';
import type { MergePart, MergeRun } from '../merging/model.ts';
import { judgeClosure, judgeDeriving } from './closure.ts';
import type { Guard } from './generation.ts';
import { loadClosure } from './load-closure.ts';

/** Fields of the form, in the order of the models. */
const FIELDS = ['a', 'b', 'c'] as const;

/**
 * Whether these may be merged: each with all that it comes from, its author's word about merges, and the name of what is
 * made. Asked when it is asked for and again when it runs. Throws `invalid` at the field.
 */
export async function assertMerging(
  work: Pick<Work, 'em' | 'jobs' | 'now'>,
  guard: Guard,
  viewer: Viewer,
  { name, kind, parts }: Pick<MergeRun, 'name' | 'kind'> & { readonly parts: readonly MergePart[] },
): Promise<void> {
  const loaded = await loadClosure(work.em, viewer, parts, work.now());
  for (const [n, one] of loaded.entries()) {
    const resource = { ...one, isCheckpoint: kind === 'checkpoint' };
    const refusal = judgeClosure([resource], false).refusal ?? judgeDeriving([resource]);
    if (!refusal) continue;
    const { reason, checkpoint = '', parent = '' } = refusal;
    const message = t(`safety.denied.${reason}`, { name: refusal.name, checkpoint, parent });
    throw new AppError('invalid', message, { fields: { [FIELDS[n] ?? 'a']: message } });
  }
  await guard.screening.assert(work, viewer, {
    purpose: 'training',
    texts: [{ scope: 'title', text: name, field: 'name' }],
    facts: { level: RATING.pg, flags: [] },
    resources: parts.map(({ sha256 }) => sha256),
  });
}

import type { MergeParams } from '../engine/protocol-merge.ts';
import { ModelCache } from '../models/cache.ts';
import { loraName } from '../training/command.ts';
import type { MergePart, MergeRun } from './model.ts';
import type { MergeSettings } from './params.ts';

/** How the engine is told of it. */
export function commandOf(
  { id, name, kind, parts, params }: Pick<MergeRun, 'id' | 'name' | 'kind' | 'parts' | 'params'>,
  author: string,
  publicUrl: URL,
): MergeParams {
  const { method, alpha, beta, weights, blocks, dtype, rank } = params;
  return {
    ...{ kind, method, dtype },
    models: parts.map((part) => ({ file: ModelCache.fileOf(part.sha256), sha256: part.sha256, name: part.name })),
    ...(method === 'sum' ? { weights: weights.slice(0, parts.length) } : { alpha, beta, blocks }),
    ...(rank === null ? {} : { rank }),
    name: loraName(name),
    metadata: { title: name, author, own: { run: id, node: publicUrl.href } },
  };
}

/** What each model is multiplied with outside of blocks that have a number of their own. */
export function sharesOf(parts: readonly MergePart[], { method, alpha, beta, weights }: MergeSettings): number[] {
  const round = (value: number) => Math.round(value * 1e4) / 1e4;
  if (method === 'sum') return parts.map((_, n) => weights[n] ?? 0);
  if (method === 'add_difference') return [1, alpha, round(-alpha)];
  return parts.length === 2 ? [round(1 - alpha), alpha] : [round(1 - alpha - beta), alpha, beta];
}

import type { EngineSample, GenerateParams } from './protocol.ts';

// Requests that agree in all but prompt, seed and CFG run in one batch, which a GPU does faster than one after the other.
// Each image keeps its own noise and its own guidance, so it is what it would be alone.

/** Equal for requests that may share a batch; null for one that must run alone. */
export function groupKeyOf(params: GenerateParams): string | null {
  // A picture that came along is one person's; batch1 asks for bits that do not depend on company.
  if (params.init !== undefined || params.determinism === 'batch1') return null;
  const { prompt, negative, seed, subseed, cfg, count, batch, record, ...common } = params;
  return canonical(common);
}

export const imagesOf = ({ batch, count = 1 }: Pick<GenerateParams, 'batch' | 'count'>): number =>
  batch?.length ?? count;

/** One request for all of them, and how many of its images belong to each, in order. The group keys must be equal. */
export function mergeRequests(requests: readonly GenerateParams[]): {
  readonly params: GenerateParams;
  readonly counts: readonly number[];
} {
  const [first] = requests;
  if (first === undefined) throw new Error('There is nothing to merge.');
  const key = groupKeyOf(first);
  if (key === null || requests.some((other) => groupKeyOf(other) !== key)) throw new Error('These do not go together.');
  const samples = requests.map(samplesOf);
  const { count, record, ...rest } = first;
  return { params: { ...rest, batch: samples.flat() }, counts: samples.map((own) => own.length) };
}

function samplesOf(params: GenerateParams): EngineSample[] {
  const { prompt, negative = '', seed, subseed = 0, cfg, count = 1, batch, record } = params;
  const own = { prompt, negative, cfg, ...(record && { record }) };
  if (batch !== undefined) return batch.map((one) => ({ ...own, subseed, ...one }));
  return Array.from({ length: count }, (_, i) => ({
    ...own,
    seed: (seed + i) % 2 ** 32,
    subseed: (subseed + i) % 2 ** 32,
  }));
}

/** JSON with sorted keys, so that the order in which an object was made does not matter. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );

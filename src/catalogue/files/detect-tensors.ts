import type { ModelType } from '../types.ts';
import type { Fact } from './detect.ts';
import {
  ADAPTER_BASE_ROWS,
  ADAPTER_ROWS,
  type AdapterKind,
  CARRIER_PREFIXES,
  type Clue,
  MODEL_ROWS,
} from './detection-table.ts';
import type { Dtype, TensorInfo } from './safetensors.ts';

export interface TensorFacts {
  readonly type: Fact<ModelType> | null;
  readonly baseModel: Fact<string> | null;
  readonly adapter: Fact<AdapterKind> | null;
  readonly rank: Fact<number> | null;
  readonly precision: Fact<string> | null;
  readonly predictionType: Fact<string> | null;
}

const NAMES = 'tensor names';

export function detectTensors(tensors: readonly TensorInfo[]): TensorFacts {
  const stripped = tensors.map((tensor) => ({ ...tensor, name: withoutCarrier(tensor.name) }));
  const index: Index = { tensors: stripped, byName: new Map(stripped.map((tensor) => [tensor.name, tensor])) };
  const adapter = ADAPTER_ROWS.find(({ all }) => fits(index, all));
  const base = (adapter ? ADAPTER_BASE_ROWS : MODEL_ROWS).find(({ all }) => fits(index, all));
  const type = adapter?.type ?? base?.type ?? null;
  return {
    type: type ? { value: type, from: NAMES } : null,
    baseModel: base?.baseModel ? { value: base.baseModel, from: NAMES } : null,
    adapter: adapter ? { value: adapter.kind, from: NAMES } : null,
    rank: adapter ? findRank(stripped) : null,
    precision: findPrecision(tensors),
    // Checkpoints of SDXL that predict v carry an empty tensor of this name
    predictionType: index.byName.has('v_pred') ? { value: 'v', from: NAMES } : null,
  };
}

interface Index {
  readonly tensors: readonly TensorInfo[];
  readonly byName: ReadonlyMap<string, TensorInfo>;
}

const fits = (index: Index, clues: readonly Clue[]): boolean =>
  clues.every((clue) => {
    if (clue.is === undefined) return index.tensors.some((tensor) => matches(tensor, clue));
    const tensor = index.byName.get(clue.is);
    return tensor !== undefined && matches(tensor, clue);
  });

function matches({ name, shape }: TensorInfo, { is, starts, ends, has, rank, dim }: Clue): boolean {
  if (is !== undefined && name !== is) return false;
  if (starts !== undefined && !name.startsWith(starts)) return false;
  if (ends !== undefined && !name.endsWith(ends)) return false;
  if (has !== undefined && !name.includes(has)) return false;
  if (rank !== undefined && shape.length !== rank) return false;
  return dim === undefined || shape.at(dim[0]) === dim[1];
}

function withoutCarrier(name: string): string {
  const prefix = CARRIER_PREFIXES.find((start) => name.startsWith(start));
  return prefix ? name.slice(prefix.length) : name;
}

/** The rank that most modules have: a LoCon may give its convolutions a smaller one. */
function findRank(tensors: readonly TensorInfo[]): Fact<number> | null {
  const counts = new Map<number, number>();
  for (const { name, shape } of tensors) {
    if (!/(?:lora_down|lora_A|lora\.down|hada_w1_b|lokr_w2_b)/.test(name) || shape.length < 2) continue;
    const rank = Math.min(...shape.slice(0, 2));
    if (rank > 0) counts.set(rank, (counts.get(rank) ?? 0) + 1);
  }
  const [most] = [...counts].sort((a, b) => b[1] - a[1] || b[0] - a[0]);
  return most ? { value: most[0], from: 'tensor shapes' } : null;
}

const PRECISIONS: ReadonlyMap<Dtype, string> = new Map<Dtype, string>([
  ...([
    ['F64', 'fp64'],
    ['F32', 'fp32'],
    ['F16', 'fp16'],
    ['BF16', 'bf16'],
    ['F4', 'fp4'],
    ['I8', 'int8'],
  ] as const),
  ...([
    ['F8_E4M3', 'fp8'],
    ['F8_E5M2', 'fp8'],
    ['F8_E4M3FNUZ', 'fp8'],
    ['F8_E5M2FNUZ', 'fp8'],
  ] as const),
  ...([
    ['F6_E2M3', 'fp6'],
    ['F6_E3M2', 'fp6'],
  ] as const),
]);

/** Of the most bytes: norms and biases are often kept in a wider type than the weights. */
function findPrecision(tensors: readonly TensorInfo[]): Fact<string> | null {
  const quantised = tensors.find(({ name }) => name.includes('quant_state.bitsandbytes__'));
  if (quantised) return { value: quantised.name.endsWith('fp4') ? 'fp4' : 'nf4', from: NAMES };
  const bytes = new Map<string, number>();
  for (const { dtype, begin, end } of tensors) {
    const precision = PRECISIONS.get(dtype);
    if (precision) bytes.set(precision, (bytes.get(precision) ?? 0) + end - begin);
  }
  const [most] = [...bytes].sort((a, b) => b[1] - a[1]);
  return most ? { value: most[0], from: 'tensor types' } : null;
}

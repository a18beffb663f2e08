import type { EngineCaps } from '../../compute/engine/protocol.ts';
import type { Generator } from '../../compute/generator.ts';
import { Families } from '../../compute/models/families.ts';
import { knownCondition } from '../../compute/models/known.ts';
import { CHECKPOINT_TYPES, EMBEDDING_TYPES, LORA_TYPES } from '../../compute/models/offers.ts';
import { inList, type Parameter } from '../../kit/database/sql.ts';
import type { Work } from '../../kit/work.ts';

/** What the engine of this node can load. */
export interface EngineReach {
  readonly baseModels: readonly string[];
  readonly files: EngineCaps['files'];
}

/** Without an engine nothing works on it. */
export const NO_ENGINE: EngineReach = { baseModels: [], files: null };

/** Null where there is no engine, or it is not ready. */
export type FindEngineReach = (work: Pick<Work, 'em'>) => Promise<EngineReach | null>;

export const reachFinder =
  (generator: Pick<Generator, 'status'>): FindEngineReach =>
  async (work) => {
    const status = await generator.status(work);
    if (status.state !== 'ready') return null;
    const families = await Families.read(work.em, status.hello.caps);
    return { baseModels: families.baseModels(), files: families.known };
  };

const TYPES = [...CHECKPOINT_TYPES, ...LORA_TYPES, ...EMBEDDING_TYPES];

/** Models `m` of which the generator offers a version, as compute/models/offers.ts finds them. */
export function runsCondition({ baseModels, files }: EngineReach): { sql: string; values: Parameter[] } {
  if (baseModels.length === 0) return { sql: '1 = 0', values: [] };
  const known = knownCondition(files);
  return {
    sql: `not m.forbids_generation and m.type in (${inList(TYPES)}) and exists (select 1 from model_version v
      join model_file f on f.version_id = v.id and f.is_stored = ? and f.format = 'SafeTensor' and f.virus_scan_result <> 'Danger'
      where v.model_id = m.id and v.state = 'published' and v.base_model in (${inList(baseModels)}) ${known.sql})`,
    values: [...TYPES, true, ...baseModels, ...known.parameters],
  };
}

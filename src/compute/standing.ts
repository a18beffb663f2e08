import type { EntityManager } from '@mikro-orm/core';
import { inList, rows, toNumber } from '../kit/database/sql.ts';
import { AppError } from '../kit/errors.ts';
import { t } from '../kit/web/messages.ts';
import type { Act } from '../safety/policy.ts';
import { isForbidden, type Standing } from '../safety/standing.ts';
import type { GenerationFile } from './model.ts';

/** What a run of the GPU leans on: who asked for it, and the versions whose files it uses. */
export interface Leaning {
  readonly accountId: number;
  readonly versionIds: readonly number[];
  readonly act: Extract<Act, 'generate' | 'train'>;
}

export const versionIdsOf = (files: readonly GenerationFile[]): number[] => [
  ...new Set(files.flatMap(({ versionId }) => versionId ?? [])),
];

/** Of the account, the versions, their models and the owners of these, in one query. */
export async function readStanding(em: EntityManager, { accountId, versionIds }: Leaning): Promise<Standing> {
  const ids = inList(versionIds);
  const found = await rows<{ epoch: unknown; restrictions: unknown }>(
    em,
    `select epoch, restrictions from policy_state where (target_kind = 'account' and target_id = ?)
       or (target_kind = 'version' and target_id in (${ids}))
       or (target_kind = 'model' and target_id in (select model_id from model_version where id in (${ids})))
       or (target_kind = 'account' and target_id in (select m.owner_id from model m
         join model_version v on v.model_id = m.id where v.id in (${ids})))`,
    [accountId, ...versionIds, ...versionIds, ...versionIds],
  );
  return {
    epoch: found.reduce((sum, row) => sum + toNumber(row.epoch), 0),
    restrictions: found.reduce((bits, row) => bits | toNumber(row.restrictions), 0),
  };
}

/** Throws `withheld` when a decision forbids it now; returns how things stand. */
export async function assertStanding(em: EntityManager, leaning: Leaning): Promise<Standing> {
  const standing = await readStanding(em, leaning);
  if (isForbidden(standing.restrictions, leaning.act)) throw withheld();
  return standing;
}

export const withheld = () => new AppError('withheld', t('compute.withheld'));

const LOOK_EVERY_MS = 1_000;

/**
 * Stands beside a run: each step of it asks here, which is a comparison, and at most once a second one query says how
 * things stand. A decision that forbids what the run leans on aborts `signal` within that second.
 */
export class StandingWatch {
  readonly #fork: () => EntityManager;
  readonly #leaning: Leaning;
  readonly #stop = new AbortController();
  #epoch: number;
  #lookedAtMs: number;
  #isLooking = false;

  constructor(fork: () => EntityManager, leaning: Leaning, { epoch }: Standing) {
    this.#fork = fork;
    this.#leaning = leaning;
    this.#epoch = epoch;
    this.#lookedAtMs = performance.now();
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  get isForbidden(): boolean {
    return this.#stop.signal.aborted;
  }

  step(): void {
    if (this.#isLooking || performance.now() - this.#lookedAtMs < LOOK_EVERY_MS) return;
    this.#isLooking = true;
    this.#look().then(
      () => this.#looked(),
      // a database that is away for a moment: asked again
      () => this.#looked(),
    );
  }

  #looked(): void {
    this.#isLooking = false;
    this.#lookedAtMs = performance.now();
  }

  async #look(): Promise<void> {
    const { epoch, restrictions } = await readStanding(this.#fork(), this.#leaning);
    if (epoch === this.#epoch) return;
    this.#epoch = epoch;
    if (isForbidden(restrictions, this.#leaning.act)) this.#stop.abort();
  }
}

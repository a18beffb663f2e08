import type { Work } from '../../kit/work.ts';
import type { PolicyTarget } from '../../safety/policy.ts';
import type { Outcome } from './model.ts';
import type { TakedownParameters } from './start.ts';

/** What a step is told. */
export interface TakedownOrder {
  readonly takedownId: string;
  readonly caseId: string | null;
  readonly target: PolicyTarget;
  readonly outcome: Outcome;
  readonly category: string;
  readonly parameters: TakedownParameters;
}

/**
 * One line of the checklist: idempotent, owned by the room whose things it changes, put in its place by `wiring.ts`
 * (DESIGN.md section 9, ruling 2). What it answers is logged; `pending` is tried again later and keeps the ones after
 * it waiting only when it says so.
 */
export interface TakedownStepDefinition {
  readonly name: string;
  /** The outcomes that it has something to do for. */
  readonly outcomes: readonly Outcome[];
  run(work: Work, order: TakedownOrder): Promise<StepResult>;
}

export interface StepResult {
  readonly state: 'done' | 'pending';
  readonly note: string;
}

export const defineTakedownStep = (definition: TakedownStepDefinition): TakedownStepDefinition => definition;

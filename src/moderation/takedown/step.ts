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
 * (DESIGN.md section 9, ruling 2). What it answers is logged; `pending` is tried again later, and those after it go on
 * meanwhile unless it holds them.
 */
export interface TakedownStepDefinition {
  readonly name: string;
  /** The outcomes that it has something to do for. */
  readonly outcomes: readonly Outcome[];
  /** While it fails, nothing after it may begin. */
  readonly holdsRest?: true;
  run(work: Work, order: TakedownOrder): Promise<StepResult>;
}

export interface StepResult {
  readonly state: 'done' | 'pending';
  /** For the log: what was done, or what it waits for. No words of people. */
  readonly note: string;
  readonly holdsRest?: true;
}

export const defineTakedownStep = (definition: TakedownStepDefinition): TakedownStepDefinition => definition;

export const done = (note = ''): StepResult => ({ state: 'done', note });

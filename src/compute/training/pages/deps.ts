import type { DatasetDeps } from '../../datasets/pages/deps.ts';
import type { Trainer } from '../trainer.ts';

/** What the pages of training lean on; made by the composition root. */
export interface TrainingDeps extends DatasetDeps {
  readonly trainer: Trainer;
}

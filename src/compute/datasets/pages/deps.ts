import type { Uploads } from '../../../catalogue/uploads/uploads.ts';
import type { Work } from '../../../kit/work.ts';
import type { ComputeDeps } from '../../deps.ts';
import type { Captioner } from '../captioning/captioner.ts';
import type { Imports } from '../import-zip.ts';

/** What the pages of sets lean on; made by the composition root. */
export interface DatasetDeps extends ComputeDeps {
  readonly uploads: Uploads;
  readonly imports: Imports;
  readonly captioner: Captioner;
  /** Where a picture lies while it comes in. */
  readonly uploadsDir: string;
  /** The work of the node itself, for what happens between requests. */
  readonly openWork: () => Work;
}

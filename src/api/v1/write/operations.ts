import type { Operation } from '../../operation/define.ts';
import { ARRANGE_OPERATIONS } from './arrange.ts';
import { COLLECTION_OPERATIONS } from './collections.ts';
import { CONTEST_OPERATIONS } from './contests.ts';
import { DATASET_IMAGE_OPERATIONS } from './dataset-images.ts';
import { DATASET_OPERATIONS } from './datasets.ts';
import { GENERATION_OPERATIONS } from './generations.ts';
import { IMAGE_RESOURCE_OPERATIONS } from './image-resources.ts';
import { JOB_OPERATIONS } from './jobs.ts';
import { MERGE_OPERATIONS } from './merges.ts';
import { MODEL_OPERATIONS } from './models.ts';
import { POST_OPERATIONS } from './posts.ts';
import { RESULT_OPERATIONS } from './results.ts';
import { RIGHTS_OPERATIONS } from './rights.ts';
import { SOCIAL_OPERATIONS } from './social.ts';
import { TAG_OPERATIONS } from './tags.ts';
import { TALK_OPERATIONS } from './talk.ts';
import { TOGETHER_OPERATIONS } from './together.ts';
import { TRAINING_OPERATIONS } from './trainings.ts';
import { UPLOAD_OPERATIONS } from './uploads.ts';

/** What a page can do, for programs: each calls what the page calls, under Civitai's nouns and with other verbs. */
export const WRITE_OPERATIONS: readonly Operation[] = [
  ...MODEL_OPERATIONS,
  ...UPLOAD_OPERATIONS,
  ...POST_OPERATIONS,
  ...IMAGE_RESOURCE_OPERATIONS,
  ...GENERATION_OPERATIONS,
  ...RESULT_OPERATIONS,
  ...JOB_OPERATIONS,
  ...DATASET_OPERATIONS,
  ...DATASET_IMAGE_OPERATIONS,
  ...TRAINING_OPERATIONS,
  ...MERGE_OPERATIONS,
  ...COLLECTION_OPERATIONS,
  ...ARRANGE_OPERATIONS,
  ...TOGETHER_OPERATIONS,
  ...CONTEST_OPERATIONS,
  ...SOCIAL_OPERATIONS,
  ...TALK_OPERATIONS,
  ...RIGHTS_OPERATIONS,
  ...TAG_OPERATIONS,
];

import { MODEL_ACCESS, type ModelAccessRow, modelAudienceParameters, modelVerdict } from '../../catalogue/access.ts';
import { rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import type { Work } from '../../kit/work.ts';
import type { Subject } from '../../safety/policy.ts';

/** Where a version is shown. Throws `not_found` also where its model is not for this viewer. */
export async function loadVersionUrl({ em, viewer }: Pick<Work, 'em' | 'viewer'>, versionId: number): Promise<string> {
  const [found] = await rows<ModelAccessRow & { model_id: number; state: Subject['state'] }>(
    em,
    `select v.model_id, v.state, ${MODEL_ACCESS} from model_version v join model m on m.id = v.model_id where v.id = ?`,
    [...modelAudienceParameters(viewer), versionId],
  );
  const verdict = found && modelVerdict(found, viewer, 'view', { state: found.state });
  // the page says of what is gone or withheld that it is
  if (!found || (!verdict?.allowed && verdict?.reason === 'not_found')) {
    throw new AppError('not_found', 'There is no such version.');
  }
  return `/models/${found.model_id}?version=${versionId}`;
}

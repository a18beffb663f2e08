import { can } from '../accounts/permissions.ts';
import { AppError } from '../kit/errors.ts';
import type { Viewer, Work } from '../kit/work.ts';
import { assertNotShut } from '../safety/standing.ts';
import type { VersionWithModel } from './attach.ts';
import { isOwner, ModelVersion } from './model.ts';

/** Who may publish here. Throws `unauthenticated` or `forbidden`. */
export function publisher(viewer: Viewer | null): Viewer {
  if (!viewer) throw new AppError('unauthenticated', 'Please sign in.');
  if (!can(viewer, 'publish')) throw new AppError('forbidden', 'You may not publish on this node.');
  return viewer;
}

/** A version of the viewer's own, drafts too. Throws `not_found`, and `gone` or `withheld` where moderation took it. */
export async function loadOwnVersion(
  { em, viewer }: Pick<Work, 'em' | 'viewer'>,
  versionId: number,
): Promise<VersionWithModel> {
  const version = await em.findOne(ModelVersion, versionId, { populate: ['model'] });
  if (!version || !isOwner(version.model.$, viewer)) throw new AppError('not_found', 'There is no such version.');
  if (version.model.$.state === 'deleted' || version.state === 'deleted') {
    throw new AppError('gone', 'This was deleted.');
  }
  await assertNotShut(em, [
    { kind: 'version', id: versionId },
    { kind: 'model', id: version.model.id },
  ]);
  return version;
}

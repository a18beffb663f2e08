import { can } from '../../accounts/permissions.ts';
import { assertModelAllowed, modelVerdict } from '../../catalogue/access.ts';
import { toNumber } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import type { Viewer } from '../../kit/work.ts';
import { isShut } from '../../safety/standing.ts';
import type { ModelRow, PolicyRow, VersionRow } from './rows.ts';

interface Chosen {
  readonly version: VersionRow;
  /** Those that this viewer may choose from. */
  readonly versions: readonly VersionRow[];
  /** What is forbidden of the model, also by what is forbidden of its owner. */
  readonly restrictions: number;
  /** What is forbidden of the version itself. */
  readonly ofVersion: number;
}

/** The version that is shown: the one that was asked for, else the newest. Throws `not_found`, `gone` or `withheld`. */
export function chooseVersion(
  viewer: Viewer | null,
  {
    model,
    policies,
    versions: versionRows,
  }: { model: ModelRow; policies: readonly PolicyRow[]; versions: readonly VersionRow[] },
  wanted: number | undefined,
): Chosen {
  const isStaff = can(viewer, 'moderateContent');
  const seesAll = viewer?.id === model.owner_id || isStaff;
  const restrictionsOf = (...kinds: string[]) =>
    policies.reduce((sum, row) => (kinds.includes(row.target_kind) ? sum | toNumber(row.restrictions) : sum), 0);
  const restrictions = restrictionsOf('model', 'account');
  assertModelAllowed(modelVerdict(model, viewer));

  const restrictionsOfVersion = (id: number) =>
    policies.reduce(
      (sum, row) => (row.target_kind === 'version' && row.target_id === id ? sum | toNumber(row.restrictions) : sum),
      0,
    );
  const isHidden = (id: number) => isShut(restrictionsOfVersion(id));
  const versions = versionRows.filter((row) => (isHidden(row.id) ? isStaff : seesAll || row.state === 'published'));
  const version =
    versions.find(({ id }) => id === wanted) ?? versions.find(({ state }) => state === 'published') ?? versions[0];
  const hidden = versionRows.find(({ id }) => isHidden(id) && (wanted === undefined || id === wanted));
  if (hidden && (!version || (wanted && version.id !== wanted))) {
    assertModelAllowed(
      modelVerdict(model, viewer, 'view', { state: hidden.state, restrictions: restrictionsOfVersion(hidden.id) }),
    );
  }
  if (!version || (wanted && version.id !== wanted)) throw new AppError('not_found', 'There is no such version.');
  return { version, versions, restrictions, ofVersion: restrictionsOfVersion(version.id) };
}

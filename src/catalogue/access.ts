import type { EntityManager } from '@mikro-orm/core';
import { can } from '../accounts/permissions.ts';
import { type Parameter, rows, toBoolean } from '../kit/database/sql.ts';
import { AppError } from '../kit/errors.ts';
import type { Viewer } from '../kit/work.ts';
import { askerParameters, followsSql, type Visibility } from '../safety/audience.ts';
import { type Act, decide, type Verdict } from '../safety/policy.ts';
import type { ContentState } from './types.ts';

// Who may see a model, for pages, files, lists and peers alike: facts that a query reads beside whatever else it wants,
// then the one decide() of safety.

const restrictionsOf = (kind: string, id: string): string =>
  `coalesce((select s.restrictions from policy_state s where s.target_kind = '${kind}' and s.target_id = ${id}), 0)`;

/** Is the model `m` for the asker, apart from its state? Takes `modelAudienceParameters`. */
export const MODEL_AUDIENCE = `(m.visibility <> 'followers' or m.owner_id = ? or ${followsSql('m.owner_id')})`;
export const modelAudienceParameters = (viewer: Viewer | null): Parameter[] => [
  viewer?.id ?? 0,
  ...askerParameters(viewer),
];

/** Columns for a query over `model m`; takes `modelAudienceParameters`. */
export const MODEL_ACCESS = `m.owner_id as access_owner, m.state as access_state, m.visibility as access_visibility,
  m.published_at as access_published_at, case when ${MODEL_AUDIENCE} then 1 else 0 end as is_audience,
  ${restrictionsOf('model', 'm.id')} as model_restrictions, ${restrictionsOf('account', 'm.owner_id')} as account_restrictions`;

export interface ModelAccessRow {
  access_owner: number;
  access_state: ContentState;
  access_visibility: Visibility;
  access_published_at: unknown;
  is_audience: unknown;
  model_restrictions: number;
  account_restrictions: number;
}

/** `state` and `restrictions` are those of a version, where one is meant. */
export function modelVerdict(
  row: ModelAccessRow,
  viewer: Viewer | null,
  act: Act = 'view',
  { state = row.access_state, restrictions = 0 }: { state?: ContentState; restrictions?: number } = {},
): Verdict {
  // that a draft was there, and is not any more, is nobody's business either
  const wasKnown = row.access_state !== 'deleted' || row.access_published_at != null;
  const subject = {
    ownerId: row.access_owner,
    state,
    restrictions: row.model_restrictions | row.account_restrictions | restrictions,
    isForViewer: toBoolean(row.is_audience) && wasKnown,
  };
  return decide(act, viewer, subject, can(viewer, 'moderateContent'));
}

async function judge(em: EntityManager, viewer: Viewer | null, modelId: number) {
  const [row] = await rows<ModelAccessRow>(em, `select ${MODEL_ACCESS} from model m where m.id = ?`, [
    ...modelAudienceParameters(viewer),
    modelId,
  ]);
  return { row, verdict: row ? modelVerdict(row, viewer) : NOT_FOUND };
}

const NOT_FOUND: Verdict = { allowed: false, reason: 'not_found' };

export const seesModel = async (em: EntityManager, viewer: Viewer | null, modelId: number): Promise<boolean> =>
  (await judge(em, viewer, modelId)).verdict.allowed;

/** Throws `not_found`, `gone` or `withheld` when the asker may not see this model. */
export async function assertSeesModel(
  em: EntityManager,
  viewer: Viewer | null,
  modelId: number,
): Promise<ModelAccessRow> {
  const { row, verdict } = await judge(em, viewer, modelId);
  if (row && verdict.allowed) return row;
  assertModelAllowed(verdict);
  throw nothing();
}

const nothing = () => new AppError('not_found', 'There is no such model.');

/** Throws what a page answers. */
export function assertModelAllowed(verdict: Verdict): void {
  if (verdict.allowed) return;
  if (verdict.reason === 'gone') throw new AppError('gone', 'This model was deleted.');
  if (verdict.reason === 'withheld') throw new AppError('withheld', 'A moderation decision keeps this model back.');
  throw nothing();
}

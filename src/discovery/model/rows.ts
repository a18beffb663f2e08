import { MODEL_ACCESS, type ModelAccessRow, modelAudienceParameters } from '../../catalogue/access.ts';
import { OWNER_COLUMNS, type OwnerRow } from '../../gallery/views.ts';
import { rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import type { Work } from '../../kit/work.ts';
import type { Subject } from '../../safety/policy.ts';

export interface ModelRow extends OwnerRow, ModelAccessRow {
  id: number;
  name: string;
  type: string;
  description: string;
  state: Subject['state'];
  is_local: unknown;
  level: number;
  allow_no_credit: unknown;
  allow_commercial_use: unknown;
  allow_derivatives: unknown;
  allow_different_license: unknown;
  forbids_generation: unknown;
  license_id: string;
  is_poi: unknown;
  is_minor: unknown;
  is_sfw_only: unknown;
  download_count: number;
  thumbs_up_count: number;
  comment_count: number;
  image_count: number;
  url: string | null;
  uri: string | null;
  updated_at: unknown;
  cover_image_id: number | null;
  listed_at: unknown;
  claimed_download_count: unknown;
  credit_line: string;
  is_name_removed: unknown;
  claimed_like_count: number | null;
}

export interface VersionRow {
  id: number;
  name: string;
  base_model: string;
  changelog: string;
  trained_words: unknown;
  training_settings: unknown;
  clip_skip: number | null;
  recommended_weight: number | null;
  state: Subject['state'];
  published_at: unknown;
  publish_at: unknown;
  thumbs_up_count: number;
  thumbs_down_count: number;
}

const MODEL_COLUMNS = `m.id, m.name, m.type, m.description, m.state, m.is_local, m.level, m.allow_no_credit,
  m.allow_commercial_use, m.allow_derivatives, m.allow_different_license, m.forbids_generation, m.license_id, m.is_poi, m.is_minor, m.is_sfw_only,
  m.download_count, m.thumbs_up_count, m.comment_count, m.image_count, m.url, m.uri, m.updated_at, m.cover_image_id, m.listed_at,
  m.claimed_download_count, m.claimed_like_count, m.credit_line,
  case when exists (select 1 from name_lock k where k.model_id = m.id) then 1 else 0 end as is_name_removed`;
const VERSION_COLUMNS = `v.id, v.name, v.base_model, v.changelog, v.trained_words, v.training_settings, v.clip_skip,
  v.recommended_weight, v.state, v.published_at, v.publish_at, v.thumbs_up_count, v.thumbs_down_count`;

/** What moderation forbids of a model, of its owner, or of one of its versions. */
export interface PolicyRow {
  readonly target_kind: string;
  readonly target_id: number;
  readonly restrictions: unknown;
}

/** A model with its versions and tags, whoever may see them. Throws `not_found`. */
export async function loadModelRows({ em, viewer }: Pick<Work, 'em' | 'viewer'>, modelId: number) {
  const [[model], policies, versions, tags] = await Promise.all([
    rows<ModelRow>(
      em,
      `select ${MODEL_COLUMNS}, ${OWNER_COLUMNS}, ${MODEL_ACCESS} from model m join account a on a.id = m.owner_id where m.id = ?`,
      [...modelAudienceParameters(viewer), modelId],
    ),
    rows<PolicyRow>(
      em,
      `select target_kind, target_id, restrictions from policy_state where restrictions <> 0
       and ((target_kind = 'model' and target_id = ?)
         or (target_kind = 'account' and target_id = (select owner_id from model where id = ?))
         or (target_kind = 'version' and target_id in (select id from model_version where model_id = ?)))`,
      [modelId, modelId, modelId],
    ),
    rows<VersionRow>(
      em,
      `select ${VERSION_COLUMNS} from model_version v where v.model_id = ? and v.state <> 'deleted'
       order by v.position, v.id desc`,
      [modelId],
    ),
    rows<{ name: string }>(
      em,
      'select t.name from model_tag mt join tag t on t.id = mt.tag_id where mt.model_id = ? order by t.name',
      [modelId],
    ),
  ]);
  if (!model) throw new AppError('not_found', 'There is no such model.');
  return { model, policies, versions, tags };
}

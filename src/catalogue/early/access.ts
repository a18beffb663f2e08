import type { EntityManager } from '@mikro-orm/core';
import { can } from '../../accounts/permissions.ts';
import { inList, type Parameter, rows, toDate } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { day } from '../../kit/web/filters.ts';
import { t } from '../../kit/web/messages.ts';
import type { Viewer } from '../../kit/work.ts';

// Who has a version before it is everybody's: its owner, staff, followers where it is for them, and who is entitled.
// A peer has it when it is open: what one of its people may have it would hand on to all of them.

/**
 * When version `v` of model `m` opens to the asker; null when it is theirs now. Takes `earlyParameters`. For whoever
 * moderates, ask `seesEarly` first.
 */
const EARLY_UNTIL = `(select ea.ends_at from early_access ea where ea.version_id = v.id and ea.ended_at is null
  and ea.ends_at > ? and m.owner_id <> ?
  and not (ea.is_for_followers and exists (select 1 from follow ef join account fa on fa.id = ef.follower_id
    where ef.follower_id = ? and ef.target_id = m.owner_id and ef.state = 'accepted' and fa.host = ''))
  and not exists (select 1 from entitlement en where en.account_id = ? and en.model_id = m.id and en.ended_at is null
    and (en.version_id is null or en.version_id = v.id) and (en.expires_at is null or en.expires_at > ?)))`;

const earlyParameters = (viewerId: number, now: Date): Parameter[] => [now, viewerId, viewerId, viewerId, now];

/** Those of these versions that are not this person's yet, and when they open. */
export async function listEarly(
  em: EntityManager,
  viewer: Pick<Viewer, 'id' | 'permissions' | 'speaksFor'> | null,
  versionIds: readonly number[],
  now: Date,
): Promise<ReadonlyMap<number, Date>> {
  if (versionIds.length === 0 || (viewer && can(viewer, 'moderateContent'))) return new Map();
  const viewerId = viewer && !viewer.speaksFor ? viewer.id : 0;
  const found = await rows<{ id: number; until: unknown }>(
    em,
    `select v.id, ${EARLY_UNTIL} as until from model_version v join model m on m.id = v.model_id
     where v.id in (${inList(versionIds)})`,
    [...earlyParameters(viewerId, now), ...versionIds],
  );
  return new Map(found.flatMap(({ id, until }) => (until == null ? [] : [[id, toDate(until)] as const])));
}

/** It is public, and not this person's yet. */
export class EarlyAccessError extends AppError {
  readonly endsAt: Date;
  /** Where one gets in. */
  readonly url: string;

  constructor(endsAt: Date, modelId: number, versionId: number) {
    super('forbidden', t('early.refused', { day: day(endsAt) }));
    this.endsAt = endsAt;
    this.url = `/models/${modelId}?version=${versionId}#early-access`;
  }
}

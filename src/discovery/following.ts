import { IS_NOT_WITHHELD } from '../gallery/collections/access.ts';
import { hiddenCondition } from '../gallery/hidden.ts';
import type { Eyes } from '../gallery/views.ts';
import type { Parameter } from '../kit/database/sql.ts';

// What stands in the home feed: the things of people followed, whatever a followed topic of this node has, and what was
// told of: passed on by somebody who is followed (an actor of elsewhere that tells of a model or a tag does nothing
// else), or put into a followed collection.

export interface Head {
  readonly sql: string;
  readonly values: Parameter[];
}

const FOLLOWED = `select f.target_id from follow f where f.follower_id = ? and f.state = 'accepted'`;

/** Nothing of those whom the viewer blocks or mutes, or who block the viewer. */
const UNBLOCKED = `not exists (select 1 from block b where (b.account_id = ? and b.target_id = x.owner_id)
  or (b.account_id = x.owner_id and b.target_id = ? and b.kind = 'block'))`;

/** Rows `x` of their authors and of topics. What a topic has is public. */
export function followingCondition(kind: 'model' | 'post', viewerId: number): Head {
  const ofTopics = [
    `x.id in (select g.${kind}_id from ${kind}_tag g join topic_follow t on t.tag_id = g.tag_id where t.follower_id = ?)`,
  ];
  if (kind === 'model') {
    ofTopics.push('x.id in (select t.model_id from topic_follow t where t.follower_id = ? and t.model_id is not null)');
  }
  return {
    sql: `(x.owner_id = ? or x.owner_id in (${FOLLOWED})
      or (x.listed_at is not null and (${ofTopics.join(' or ')}) and ${UNBLOCKED}))`,
    values: [viewerId, viewerId, ...ofTopics.map(() => viewerId), viewerId, viewerId],
  };
}

/**
 * What was told of, each thing once and at the last time, and not what is in the feed anyway or is by somebody across a
 * block or a mute.
 */
export function toldHead(
  kind: 'model' | 'post',
  viewerId: number,
  eyes: Eyes,
  place: { readonly value: number; readonly id: number } | null,
  limit: number,
): Head {
  const anyway = followingCondition(kind, viewerId);
  const shared = `select s.${kind}_id as thing_id, s.created_at as told_at, s.id as row_id, s.account_id as sharer_id,
      cast(null as integer) as told_by_id
    from share s join account a on a.id = s.account_id and a.state = 'active'
    where s.account_id in (${FOLLOWED}) and s.${kind}_id is not null
      and not exists (select 1 from block b where b.account_id = ? and b.target_id = s.account_id)`;
  // a single picture comes as its post, as a picture that is passed on does
  const thing = kind === 'post' ? 'coalesce(c.post_id, ci.post_id)' : 'c.model_id';
  const collected = `select ${thing}, c.added_at, c.id, cast(null as integer), c.collection_id
    from collection_item c left join image ci on ci.id = c.image_id and ci.listed_at is not null join topic_follow t on t.collection_id = c.collection_id and t.follower_id = ?
      join collection k on k.id = c.collection_id and k.visibility = 'public'
      join account a on a.id = k.owner_id and a.state = 'active'
    where ${thing} is not null and ${IS_NOT_WITHHELD}
      and not exists (select 1 from block b where b.account_id = ? and b.target_id = k.owner_id)`;
  const where = ['x.listed_at is not null', '(x.level & ?) <> 0', `not ${anyway.sql}`, UNBLOCKED];
  const values: Parameter[] = [eyes.levels, ...anyway.values, viewerId, viewerId];
  const hidden = hiddenCondition(kind, 'x', eyes);
  if (hidden) {
    where.push(hidden.sql);
    values.push(...hidden.values);
  }
  if (place) {
    // as in the feed: a model and a post may share time and id; the model comes first
    where.push(kind === 'post' ? '(told.told_at, x.id) <= (?, ?)' : '(told.told_at, x.id) < (?, ?)');
    const id = Math.floor(place.id / 2);
    values.push(new Date(place.value), kind === 'post' && place.id % 2 !== 0 ? id - 1 : id);
  }
  return {
    sql: `select * from (select '${kind}' as kind, x.id, told.told_at as listed_at, told.sharer_id, told.told_by_id
      from (select every_time.*, row_number() over (partition by thing_id order by told_at desc, row_id desc) as nth
        from (${shared} union all ${collected}) every_time) told
        join ${kind} x on x.id = told.thing_id
      where told.nth = 1 and ${where.join(' and ')}
      order by told.told_at desc, x.id desc limit ?) told_${kind}`,
    values: [...[viewerId, viewerId, viewerId, viewerId], ...values, limit],
  };
}

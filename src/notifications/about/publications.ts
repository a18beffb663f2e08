import { z } from 'zod';
import { collectionItemChanged } from '../../gallery/events.ts';
import { rows, toDate, toNumber } from '../../kit/database/sql.ts';
import { defineJob } from '../../kit/queue/define.ts';
import type { Work } from '../../kit/work.ts';
import { tellPeople, tellThose } from '../tell.ts';

type Telling = Pick<Work, 'em' | 'jobs' | 'now'>;

/** What comes from a peer may be years old: nobody is told of that as of something new. */
const NEW_FOR_MS = 3 * 86_400_000;

interface Published {
  owner_id: number;
  level: number;
  published_at: unknown;
  /** Empty where it is not for everybody. */
  listed_at: unknown;
  feed_uri?: string | null;
}

const isNew = ({ published_at: at }: Published, now: Date): boolean =>
  now.getTime() - toDate(at).getTime() < NEW_FOR_MS;

/**
 * Who follows its owner, one of its tags, or what it belongs to, browses its rating, and hides none of its tags or
 * models. Who follows a tag hears of what is public alone.
 */
function followersOf(
  { owner_id: ownerId, level, listed_at: listedAt }: Published,
  tagsSql: string,
  modelsSql: string,
  id: number,
  topic: { readonly kind: 'model' | 'collection'; readonly id: number; readonly feedUri: string | null } | null = null,
) {
  const isPublic = listedAt != null;
  const parts: [string, (string | number)[]][] = [
    [`select f.follower_id as account_id from follow f where f.target_id = ? and f.state = 'accepted'`, [ownerId]],
  ];
  if (isPublic) parts.push([`select t.follower_id from topic_follow t where t.tag_id in (${tagsSql})`, [id]]);
  if (topic) parts.push([`select t.follower_id from topic_follow t where t.${topic.kind}_id = ?`, [topic.id]]);
  if (topic?.feedUri) {
    const ofFeed = `select f.follower_id from follow f join account fa on fa.id = f.target_id where fa.uri = ? and f.state = 'accepted'`;
    parts.push([ofFeed, [topic.feedUri]]);
  }
  return {
    sql: `select p.account_id from (${parts.map(([sql]) => sql).join(' union ')}) p join account q on q.id = p.account_id
      where q.host = '' and (q.levels & ?) <> 0
        and q.id not in (select h.account_id from hidden h where h.tag_id in (${tagsSql}) or h.model_id in (${modelsSql}))`,
    values: [...parts.flatMap(([, values]) => values), level, id, id],
  };
}

const TAGS_OF_MODEL = 'select g.tag_id from model_tag g where g.model_id = ?';
const TAGS_OF_POST = 'select g.tag_id from post_tag g where g.post_id = ?';
const MODELS_OF_POST =
  'select ru.model_id from image ri join resource_use ru on ru.image_id = ri.id where ri.post_id = ? and ru.model_id is not null';

export const tellOfModelJob = defineJob({
  name: 'notifications.tell-of-model',
  lane: 'clock',
  payload: z.object({ modelId: z.int() }),
  attempts: 5,
  run: (work, { modelId }) => tellOfModel(work, modelId),
});

const MODEL_FACTS = 'm.owner_id, m.level, m.published_at, m.listed_at, m.feed_uri';

async function tellOfModel(work: Telling, modelId: number): Promise<void> {
  const [model] = await rows<Published>(
    work.em,
    `select ${MODEL_FACTS} from model m where m.id = ? and m.shown_at is not null and m.published_at is not null`,
    [modelId],
  );
  if (!model || !isNew(model, work.now())) return;
  await tellThose(
    work,
    {
      ...{ kind: 'model', actorId: model.owner_id, subject: { kind: 'model', id: modelId } },
      ...{ key: `model:${modelId}`, groupKey: `model:${modelId}` },
    },
    followersOf(model, TAGS_OF_MODEL, 'select cast(? as integer)', modelId),
  );
}

export const tellOfVersionJob = defineJob({
  name: 'notifications.tell-of-version',
  lane: 'clock',
  payload: z.object({ modelId: z.int(), versionId: z.int() }),
  attempts: 5,
  run: (work, { modelId, versionId }) => tellOfVersion(work, modelId, versionId),
});

/** The first version of a model is told of as the model. */
async function tellOfVersion(work: Telling, modelId: number, versionId: number): Promise<void> {
  const [version] = await rows<Published & { versions: unknown }>(
    work.em,
    `select m.owner_id, m.level, v.published_at, m.listed_at, m.feed_uri, (select count(*) from model_version o
       where o.model_id = m.id and o.published_at is not null and o.id <> v.id) as versions
     from model_version v join model m on m.id = v.model_id
     where v.id = ? and m.id = ? and v.state = 'published' and m.shown_at is not null and v.published_at is not null`,
    [versionId, modelId],
  );
  if (!version || toNumber(version.versions) === 0 || !isNew(version, work.now())) return;
  const topic = { kind: 'model', id: modelId, feedUri: version.feed_uri ?? null } as const;
  await tellThose(
    work,
    {
      ...{ kind: 'version', actorId: version.owner_id, subject: { kind: 'version', id: versionId } },
      ...{ key: `version:${versionId}`, groupKey: `version:${modelId}` },
    },
    followersOf(version, TAGS_OF_MODEL, 'select cast(? as integer)', modelId, topic),
  );
}

export const tellOfPostJob = defineJob({
  name: 'notifications.tell-of-post',
  lane: 'clock',
  payload: z.object({ postId: z.int() }),
  attempts: 5,
  run: (work, { postId }) => tellOfPost(work, postId),
});

/**
 * Whom it names first, then whose models made its pictures, then who follows; what is for named people alone is for them
 * alone.
 */
async function tellOfPost(work: Telling, postId: number): Promise<void> {
  const [post] = await rows<Published & { visibility: string }>(
    work.em,
    `select p.owner_id, p.level, p.published_at, p.listed_at, p.visibility from post p
     where p.id = ? and p.shown_at is not null and p.published_at is not null`,
    [postId],
  );
  if (!post || !isNew(post, work.now())) return;
  const subject = { kind: 'post', id: postId };
  const told = { actorId: post.owner_id, subject, key: `post:${postId}` };
  await tellThose(
    work,
    { kind: 'mention', groupKey: `mention:post:${postId}`, ...told },
    { sql: 'select n.account_id from mention n where n.post_id = ?', values: [postId] },
  );
  if (post.visibility === 'direct') return;
  await tellOfUse(work, postId, told);
  const followers = followersOf(post, TAGS_OF_POST, MODELS_OF_POST, postId);
  await tellThose(work, { kind: 'post', groupKey: `post:${post.owner_id}`, ...told }, followers);
}

const MOST_MODELS = 20;
/** As the column holds. */
const MOST_NOTE_CHARACTERS = 120;

/** Whose models the pictures of a post name, once for each post. */
async function tellOfUse(
  work: Telling,
  postId: number,
  told: { readonly actorId: number; readonly subject: { kind: string; id: number }; readonly key: string },
): Promise<void> {
  const models = await rows<{ id: number; name: string; owner_id: number }>(
    work.em,
    `select m.id, m.name, m.owner_id from model m join account o on o.id = m.owner_id
     where m.id in (${MODELS_OF_POST} and not ri.is_recipe_hidden) and o.host = '' and m.shown_at is not null order by m.id limit ${MOST_MODELS}`,
    [postId],
  );
  for (const { id, name, owner_id: ownerId } of models) {
    const notice = {
      kind: 'made-with' as const,
      groupKey: `made-with:${id}`,
      note: name.slice(0, MOST_NOTE_CHARACTERS),
      ...told,
    };
    await tellPeople(work, notice, [ownerId]);
  }
}

export const tellOfCollectedJob = defineJob({
  name: 'notifications.tell-of-collected',
  lane: 'clock',
  payload: collectionItemChanged.payload,
  attempts: 5,
  run: tellOfCollected,
});

/** Whose thing was put into a collection that others see, and who follows that collection. */
async function tellOfCollected(
  work: Telling,
  { collectionId, kind, targetId, isIn }: z.output<typeof collectionItemChanged.payload>,
): Promise<void> {
  if (!isIn) return;
  const [found] = await rows<Published & { keeper_id: number }>(
    work.em,
    `select k.owner_id as keeper_id, k.feed_uri, x.owner_id, x.level, x.listed_at, x.listed_at as published_at
     from collection k join collection_item c on c.collection_id = k.id join ${kind} x on x.id = c.${kind}_id
     where k.id = ? and x.id = ? and k.visibility = 'public' and k.deleted_at is null and x.listed_at is not null`,
    [collectionId, targetId],
  );
  if (!found) return;
  const key = `collected:${collectionId}:${kind}:${targetId}`;
  const told = { actorId: found.keeper_id, subject: { kind: 'collection', id: collectionId }, key };
  await tellPeople(work, { kind: 'collected', groupKey: `collected:${collectionId}`, ...told }, [found.owner_id]);
  const topic = { kind: 'collection', id: collectionId, feedUri: found.feed_uri ?? null } as const;
  const [tags, models] = kind === 'model' ? [TAGS_OF_MODEL, 'select cast(? as integer)'] : BY_POST[kind];
  const followers = followersOf({ ...found, owner_id: 0, listed_at: null }, tags, models, targetId, topic);
  await tellThose(work, { kind: 'collection', groupKey: `collection:${collectionId}`, ...told }, followers);
}

const POST_OF_IMAGE = '(select pi.post_id from image pi where pi.id = ?)';
const BY_POST = {
  post: [TAGS_OF_POST, MODELS_OF_POST],
  image: [TAGS_OF_POST.replace('?', POST_OF_IMAGE), MODELS_OF_POST.replace('?', POST_OF_IMAGE)],
} as const;

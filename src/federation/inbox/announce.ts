import { isBlockedEither } from '../../accounts/block.ts';
import { Account } from '../../accounts/model.ts';
import { boostCreated } from '../../gallery/events.ts';
import { Image } from '../../gallery/model.ts';
import { rows } from '../../kit/database/sql.ts';
import { record } from '../../kit/events/events.ts';
import { newId } from '../../kit/ids.ts';
import type { Federation } from '../deps.ts';
import { fetchNote, isFollowed } from '../ingest/ingest-note.ts';
import { findTarget, type Target } from '../ingest/target.ts';
import { InboxItem, RemoteActor, Tombstone } from '../model.ts';
import { type ApObject, normalise } from '../normalise.ts';
import { isOwnId, readId, singleIdOf, valuesOf } from '../origin.ts';
import { readVisibility } from '../vocabulary/audience.ts';
import { timeOf } from '../vocabulary/read.ts';
import type { Handler, InboxWork } from './act.ts';

/**
 * A boost. Of a thing of ours it counts, whoever it is; of a thing of elsewhere it matters when somebody here follows
 * who passes it on. What is unknown is read at its own address, in a job of its own: a third host that does not answer
 * must not hold up what else this actor says.
 */
export const announce: Handler = async (work, federation, act) => {
  const { em, now, jobs } = work;
  const uri = boostedUri(act.activity, federation.origin);
  if (uri === null) return 'no object';
  const actor = await em.findOne(RemoteActor, { account: act.actor });
  const visibility = readVisibility(act.activity, actor?.followersUri ?? null);
  if (visibility !== 'public' && visibility !== 'unlisted') return 'not public';
  const target = await findTarget(em, federation.origin, uri);
  const isOwn = isOwnId(uri, federation.origin);
  if (isOwn && !target) return 'names nothing here';
  if (!isOwn && !(await isFollowed(em, act.actor))) return 'nobody here follows who passes it on';
  if (target) {
    const at = timeOf(act.activity, 'published', now()) ?? now();
    return (await writeBoost(work, act.actor, target, act.id, at)) ? 'done' : 'not for everybody';
  }
  const item = await em.findOneOrFail(InboxItem, { uri: act.id });
  const partition = `boost ${new URL(uri).host}`.slice(0, 255);
  jobs.enqueue(em, federation.jobs.fetchBoosted, { itemId: item.id }, { partition });
  await em.flush();
  return 'fetching';
};

/** What is passed on. Lemmy's groups pass on the Create of a post: then the post is meant. */
function boostedUri(activity: ApObject, ownOrigin: string): string | null {
  const [object] = valuesOf(activity, 'object');
  const isCreate = typeof object === 'object' && (object.type === 'Create' || object.type === 'Update');
  const uri = isCreate ? singleIdOf(object, 'object') : singleIdOf(activity, 'object');
  return readId(uri, ownOrigin) ? uri : null;
}

/** Reads what a boost names, and writes the boost, unless it was taken back in the meantime. */
export async function fetchBoosted(work: InboxWork, federation: Federation, itemId: string): Promise<string> {
  const { em, now } = work;
  const item = await em.findOne(InboxItem, itemId);
  const actor = item && (await em.findOne(Account, { uri: item.actorUri, state: 'active' }));
  const activity = item && normalise(item.document);
  const uri = activity && boostedUri(activity, federation.origin);
  if (!item || !actor || !activity || uri == null) return 'forgotten';
  if ((await em.count(Tombstone, { uri: item.uri })) > 0) return 'taken back';
  const outcome = await fetchNote(work, federation, uri);
  const target = await findTarget(em, federation.origin, uri);
  if (!target) return outcome;
  const at = timeOf(activity, 'published', now()) ?? now();
  return (await writeBoost(work, actor, target, item.uri, at)) ? 'done' : 'not for everybody';
}

/** One boost for each account and thing. A picture stands for its post; comments are not passed on here. */
async function writeBoost(
  { em }: Pick<InboxWork, 'em'>,
  account: Account,
  target: Target,
  uri: string,
  at: Date,
): Promise<boolean> {
  if (!target.isPublic || target.kind === 'comment') return false;
  if (await isBlockedEither({ em }, account.id, target.ownerId)) return false;
  const kind = target.kind === 'model' ? 'model' : 'post';
  const id = target.kind === 'image' ? (await em.findOneOrFail(Image, Number(target.id))).post.id : Number(target.id);
  await em.transactional(async (inner) => {
    const [made] = await rows<{ id: string }>(
      inner,
      `insert into boost (id, account_id, ${kind}_id, uri, created_at) values (?, ?, ?, ?, ?)
       on conflict do nothing returning id`,
      [newId(), account.id, id, uri, at],
    );
    if (made) record(inner, boostCreated, { boostId: made.id });
    await inner.flush();
  });
  return true;
}

import { Account, isLocal } from '../../accounts/model.ts';
import { Model } from '../../catalogue/model.ts';
import { loadRestrictions } from '../../catalogue/publish.ts';
import { Image, Post } from '../../gallery/model.ts';
import { wouldShow } from '../../gallery/posts/relist.ts';
import type { Work } from '../../kit/work.ts';
import { isOpen, type Visibility } from '../../safety/audience.ts';
import { RESTRICTION } from '../../safety/policy.ts';
import { actorUri, followersUri, objectUri } from '../addresses.ts';
import type { Federation } from '../deps.ts';
import { type Circle, circleOfModel, circleOfPost } from '../documents/circle.ts';
import { isRendered, modelDocument, postDocument } from '../documents/objects.ts';
import { OutboxItem } from '../model.ts';
import { normalise } from '../normalise.ts';
import { isHeldByNotice } from '../notices/provisional.ts';
import { buildCreate, buildDelete, buildUpdate } from '../vocabulary/activity.ts';
import { readVisibility } from '../vocabulary/audience.ts';
import type { Document } from '../vocabulary/context.ts';
import { announceReview } from './announce-review.ts';
import { announceComment } from './announce-talk.ts';
import { saidUnder } from './said.ts';
import { type Recipients, send } from './send.ts';

type Task = Pick<Work, 'em' | 'jobs' | 'now'>;

const FORBIDDEN = RESTRICTION.view | RESTRICTION.federate | RESTRICTION.removed;

/** Tells whom it is for what a model is now: new, changed, or gone. The model's row decides, not the event that came. */
export async function announceModel(work: Task, federation: Federation, modelId: number): Promise<void> {
  const { em } = work;
  const model = await em.findOne(Model, { id: modelId, isLocal: true }, { refresh: true });
  const owner = model && (await findLocal(em, model.owner.id));
  if (!model || !owner) return;
  const uri = objectUri(federation.origin, 'model', model);
  // who follows the model and not its owner has it too, by its actor's word: they hear of changes and of its end
  const topic = { kind: 'model', id: modelId, apartFrom: [owner.id] } as const;
  const isWithheld = ((await loadRestrictions(em, owner.id, model.id)) & FORBIDDEN) !== 0;
  if (model.state !== 'published' || isWithheld) {
    await announceEnd(work, federation, owner, uri, await isHeldByNotice(em, 'model', modelId), topic);
    return;
  }
  const document = await modelDocument(federation, em, model);
  const circle = await circleOfModel(federation, em, model);
  await announceObject(work, federation, owner, document, circle, model.updatedAt, topic);
}

/** As `announceModel`. A post whose pictures are not rendered yet waits: each rendering ends with another call. */
export async function announcePost(work: Task, federation: Federation, postId: number): Promise<void> {
  const { em } = work;
  const post = await em.findOne(Post, { id: postId, isLocal: true, talkKind: null }, { refresh: true });
  const owner = post && (await findLocal(em, post.owner.id));
  if (!post || !owner) return;
  const uri = objectUri(federation.origin, 'post', post);
  if (post.state !== 'published' || post.shownAt == null) {
    // the columns are not written yet: the word about that brings another call
    if (await wouldShow(em, post)) return;
    await announceEnd(work, federation, owner, uri, await isHeldByNotice(em, 'post', postId));
    return;
  }
  if (!(await isRendered(em, postId))) return;
  const document = await postDocument(federation, em, post);
  await announceObject(work, federation, owner, document, await circleOfPost(federation, em, post), post.updatedAt);
}

/** Words are told when the last of their pictures is there. */
export async function announceImage(work: Task, federation: Federation, imageId: number): Promise<void> {
  const image = await work.em.findOne(Image, { id: imageId, isLocal: true }, { populate: ['post'] });
  const { talkKind, talkId } = image?.post.$ ?? {};
  if (talkId != null) {
    if (talkKind === 'comment') await announceComment(work, federation, talkId);
    if (talkKind === 'review') await announceReview(work, federation, talkId);
  } else if (image?.post.$.state === 'published') await announcePost(work, federation, image.post.id);
}

async function findLocal(em: Work['em'], accountId: number): Promise<Account | null> {
  const account = await em.findOne(Account, accountId);
  return account && isLocal(account) && account.state !== 'suspended' ? account : null;
}

/** The Create has the object's name, so that it is said once; each Update has the time of its change. */
async function announceObject(
  work: Task,
  federation: Federation,
  owner: Account,
  document: Document,
  circle: Circle,
  changedAt: Date,
  topic?: Recipients['topic'],
): Promise<void> {
  const { em } = work;
  const uri = String(document.id);
  const act = { actorUri: actorUri(federation.origin, owner) };
  const toTopic = topic && isOpen(circle.audience.visibility) ? { topic } : {};
  const to = { followersOf: circle.followersOf, accountIds: circle.accountIds, ...toTopic };
  const at = changedAt.getTime();
  const created = await em.findOne(OutboxItem, { uri: `${uri}#create` });
  if (!created) {
    await send(work, federation, owner.id, buildCreate({ ...act, uri: `${uri}#create` }, document), to);
    return;
  }
  const last = await lastSaid(em, uri);
  const ended =
    (await em.count(OutboxItem, { ...saidUnder(`${uri}#delete-`), createdAt: { $gte: created.createdAt } })) > 0;
  if (!ended && last && objectOf(last).updated === changedAt.toISOString()) return;
  const before = last && (await toldBy(em, federation.origin, owner, last));
  const isNewTo =
    before && (isWider(before, circle) || circle.accountIds.some((id) => !before.accountIds.includes(id)));
  if (before && !ended) await announceNarrowing(work, federation, owner, uri, before, circle, at, topic);
  // who deleted it at our word takes only a new Create, and so does who never had it
  if (ended || isNewTo) {
    await send(work, federation, owner.id, buildCreate({ ...act, uri: `${uri}#create-${at}` }, document), to);
    return;
  }
  const updated = buildUpdate({ ...act, uri: `${uri}#update-${at}` }, document, changedAt);
  // who has it hears also that it no longer concerns them
  const accountIds =
    isOpen(circle.audience.visibility) && before ? [...to.accountIds, ...before.accountIds] : to.accountIds;
  await send(work, federation, owner.id, updated, { ...to, accountIds });
}

/** Whom an activity of ours went to. */
interface Told {
  readonly visibility: Visibility;
  readonly followersOf: readonly number[];
  readonly accountIds: readonly number[];
}

/** The newest Create or Update of an object. */
function lastSaid(em: Work['em'], uri: string): Promise<OutboxItem | null> {
  const ids = ['#create-', '#update-'].map((end) => saidUnder(`${uri}${end}`));
  return em.findOne(OutboxItem, { $or: [{ uri: `${uri}#create` }, ...ids] }, { orderBy: { createdAt: -1, id: -1 } });
}

const objectOf = (item: OutboxItem): Document => (item.document as { object: Document }).object;

async function toldBy(em: Work['em'], origin: string, owner: Account, item: OutboxItem): Promise<Told> {
  const { to = [], cc = [] } = item.document as { to?: string[]; cc?: string[] };
  const visibility = readVisibility(normalise({ to, cc }), followersUri(origin, owner.name));
  const named = await em.find(Account, { uri: { $in: [...to, ...cc] } }, { fields: ['id'] });
  return {
    visibility,
    followersOf: visibility === 'direct' ? [] : [owner.id],
    accountIds: named.map(({ id }) => id),
  };
}

const isWider = (before: Told, { audience }: Circle): boolean =>
  before.visibility === 'direct' && audience.visibility !== 'direct';

/**
 * Whom a thing is no longer for is told that it is gone. Other software than ours takes an Update for a change of words
 * and leaves what was public public, so there it goes too when it is shut.
 */
async function announceNarrowing(
  work: Task,
  federation: Federation,
  owner: Account,
  uri: string,
  before: Told,
  { audience: { visibility }, followersOf, accountIds }: Circle,
  at: number,
  topic?: Recipients['topic'],
): Promise<void> {
  if (isOpen(visibility)) return;
  const act = { uri: `${uri}#gone-${at}`, actorUri: actorUri(federation.origin, owner) };
  const tombstone = { uri, formerType: 'Note', deletedAt: new Date(at - 1), takedown: null };
  await send(work, federation, owner.id, buildDelete(act, tombstone), {
    followersOf: before.followersOf,
    accountIds: before.accountIds,
    ...(topic ? { topic } : {}),
    except: { followersOf, accountIds, ofOurKind: isOpen(before.visibility) },
  });
}

/**
 * Only what was said can be taken back, and from whom it was said to. What is only held for a decision is kept by those of
 * our kind, who have a notice for that; other software knows no word but Delete.
 */
async function announceEnd(
  work: Task,
  federation: Federation,
  owner: Account,
  uri: string,
  isHeld: boolean,
  topic?: Recipients['topic'],
): Promise<void> {
  const { em, now } = work;
  const last = await em.findOne(
    OutboxItem,
    { $or: [{ uri: `${uri}#create` }, saidUnder(`${uri}#create-`)] },
    { orderBy: { createdAt: 'desc' } },
  );
  const newest = await lastSaid(em, uri);
  if (!last || !newest) return;
  const { followersOf, accountIds } = await toldBy(em, federation.origin, owner, newest);
  const act = {
    uri: `${uri}#delete-${last.createdAt.getTime()}${isHeld ? '-held' : ''}`,
    actorUri: actorUri(federation.origin, owner),
  };
  const tombstone = { uri, formerType: 'Note', deletedAt: now(), takedown: null };
  await send(work, federation, owner.id, buildDelete(act, tombstone), {
    ...{ followersOf, accountIds, ...(topic ? { topic } : {}) },
    ...(isHeld ? { except: { followersOf, accountIds, ...(topic ? { topic } : {}), ofOurKind: true } } : {}),
  });
}

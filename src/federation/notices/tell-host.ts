import { setTimeout as wait } from 'node:timers/promises';
import { z } from 'zod';
import type { Account } from '../../accounts/model.ts';
import { Model } from '../../catalogue/model.ts';
import { Post } from '../../gallery/model.ts';
import { rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import type { Work } from '../../kit/work.ts';
import { actorUri, nodeActorUri } from '../addresses.ts';
import type { Federation } from '../deps.ts';
import { modelDocument, postDocument } from '../documents/objects.ts';
import { parsePeerJson } from '../json.ts';
import { NODE_ACTOR } from '../model.ts';
import { sendToInbox } from '../outbox/send.ts';
import { DomainPolicy } from '../peers/model.ts';
import { learnProgram, OWN_PROGRAM } from '../peers/software.ts';
import { buildDelete, buildNotice, buildUndo, buildUpdate, withTakedown } from '../vocabulary/activity.ts';
import type { Document } from '../vocabulary/context.ts';
import { NoticePeer, SentNotice } from './model.ts';
import { findNoticeSubject } from './target.ts';

type Task = Pick<Work, 'em' | 'jobs' | 'now'>;

const MOST_URLS = 20;
const ASKED_WITHIN_MS = 5_000;
const Copies = z.object({ items: z.array(z.string().max(2_048)).max(200) });

/** So often an instance is asked what it is, and what it shows; then it is told without. */
const MOST_ASKED = 3;
const ASKED_AGAIN_AFTER_MS = 500;

/** Sends a notice to one instance. First it is asked where it shows the thing, so that it can be looked at again afterwards. */
export async function tellHost(work: Task, federation: Federation, peerId: string): Promise<string> {
  const { em } = work;
  const peer = await em.findOne(NoticePeer, peerId);
  const notice = peer && (await em.findOne(SentNotice, peer.noticeId));
  if (!peer || !notice || peer.itemId) return 'told';
  const inbox = await findInbox(em, peer.host);
  if (inbox === null) {
    Object.assign(peer, { state: 'unreachable', note: 'no inbox of it is known', nextCheckAt: null });
    await em.flush();
    return peer.note;
  }
  // what it said when it was asked first is kept: when this runs again, the copy may be gone by the owner's own Delete
  if (peer.knownUrls.length === 0) {
    peer.isOfOurKind = (await insist(() => programOf(work, federation, peer.host))) === OWN_PROGRAM;
    const isAsked = peer.isOfOurKind && notice.kind !== 'undo';
    const asked = isAsked ? ((await insist(() => askCopies(federation, peer.host, notice.objectUri))) ?? []) : [];
    // where it was before is what is looked at again; a copy that hides already is not found any more
    peer.knownUrls = asked.length > 0 ? asked : await urlsOfBefore(em, notice, peer.host);
    await em.flush();
  }
  const { actorId, document } = await documentFor(work, federation, notice, peer);
  const itemId = await sendToInbox(work, federation, actorId, document, inbox);
  Object.assign(peer, { itemId, activityUri: String(document.id) });
  await em.flush();
  return 'done';
}

/** The shared inbox before a personal one: whoever reads it acts for the whole instance. */
export async function findInbox(em: Work['em'], host: string): Promise<string | null> {
  const [found] = await rows<{ inbox: string }>(
    em,
    `select coalesce(r.shared_inbox_uri, r.inbox_uri) as inbox from remote_actor r join account a on a.id = r.account_id
     where a.host = ? and a.state <> 'deleted' order by case when r.shared_inbox_uri is null then 1 else 0 end, a.id limit 1`,
    [host],
  );
  return found?.inbox ?? null;
}

/** Whoever could not answer in that moment is asked again: without an answer nobody could look whether they did as they say. */
async function insist<Answer>(ask: () => Promise<Answer | null>): Promise<Answer | null> {
  for (let n = 1; ; n += 1) {
    const answer = await ask();
    if (answer !== null || n === MOST_ASKED) return answer;
    await wait(ASKED_AGAIN_AFTER_MS);
  }
}

/** Null without an answer. */
async function programOf(work: Task, federation: Federation, host: string): Promise<string | null> {
  try {
    return await learnProgram({ ...work, em: work.em.fork() }, federation, host);
  } catch (error) {
    if (error instanceof AppError) return null;
    throw error;
  }
}

/** Addresses of one peer where it shows a thing of ours, as it says itself. Null without an answer. */
async function askCopies({ net, origin }: Federation, host: string, uri: string): Promise<string[] | null> {
  const { protocol } = new URL(origin);
  try {
    const url = `${protocol}//${host}/notices/copies?of=${encodeURIComponent(uri)}`;
    const reply = await net.peerFetch(url, { maxBytes: 100_000, timeoutMs: ASKED_WITHIN_MS });
    if (reply.status >= 500 || reply.status === 429) return null;
    const said = reply.status === 200 ? Copies.safeParse(parsePeerJson(reply.body)) : null;
    const items = said?.success ? said.data.items : [];
    return items.filter((one) => URL.canParse(one) && new URL(one).host === host).slice(0, MOST_URLS);
  } catch (error) {
    if (error instanceof AppError) return null;
    throw error;
  }
}

async function urlsOfBefore(em: Work['em'], { supersedesId }: SentNotice, host: string): Promise<readonly string[]> {
  if (!supersedesId) return [];
  return (await em.findOne(NoticePeer, { noticeId: supersedesId, host }))?.knownUrls ?? [];
}

/** Delete, Update or Undo in the name of the thing's owner, while they are here to speak; else in the node's. */
async function documentFor({ em, now }: Task, federation: Federation, notice: SentNotice, peer: NoticePeer) {
  const { origin } = federation;
  const subject = await findNoticeSubject(em, origin, { kind: notice.targetKind as 'model', id: notice.targetId });
  const owner = subject && ['active', 'suspended'].includes(subject.owner.state) ? subject.owner : null;
  const speaker = owner ? actorUri(origin, owner) : nodeActorUri(origin);
  const isListed = (await em.count(DomainPolicy, { host: peer.host, stance: 'allowed' })) > 0;
  const withFiles = notice.digests.length > 0 && (!notice.isSevere || isListed);
  const act = { uri: `${notice.objectUri}#notice-${notice.id}${withFiles ? '-files' : ''}`, actorUri: speaker };
  const before = notice.supersedesId
    ? await em.findOne(NoticePeer, { noticeId: notice.supersedesId, host: peer.host })
    : null;
  const takedown = termOf(origin, notice, withFiles, before?.activityUri ?? null);
  return { actorId: owner?.id ?? NODE_ACTOR, document: await build() };

  async function build(): Promise<Document> {
    if (notice.kind === 'undo') {
      const undone = { id: before?.activityUri ?? notice.objectUri, actor: speaker, object: notice.objectUri };
      return buildUndo({ ...act, uri: `${act.uri}-${peer.id}` }, { ...undone, type: 'Delete' });
    }
    if (notice.kind === 'removal') {
      const formerType = notice.targetKind === 'account' ? 'Person' : 'Note';
      return buildDelete(act, { uri: notice.objectUri, formerType, deletedAt: now(), takedown });
    }
    const current = notice.kind === 'change' ? await currentDocument(em, federation, notice, owner) : null;
    return current
      ? withTakedown(buildUpdate(act, current, now()), takedown)
      : buildNotice(act, notice.objectUri, takedown);
  }
}

/** Of severe cases no word but ids (spec/takedowns.md 2.9): what an object was called is not in a notice at all. */
function termOf(origin: string, notice: SentNotice, withFiles: boolean, supersedes: string | null): Document {
  return {
    code: notice.category,
    case: `${origin}/notices/${notice.id}`,
    effects: notice.effects,
    objects: [notice.objectUri],
    ...(withFiles ? { hashes: notice.digests } : {}),
    respondBy: notice.respondBy.toISOString(),
    ...(supersedes ? { supersedes } : {}),
    ...(notice.kind === 'provisional' ? { provisional: true } : {}),
  };
}

/** As it is now, scrubbed or rated anew; null where it has no words to tell, or is not shown. */
async function currentDocument(
  em: Work['em'],
  federation: Federation,
  { targetKind, objectUri }: SentNotice,
  owner: Account | null,
): Promise<Document | null> {
  const id = Number(objectUri.split('/').at(-1));
  if (!owner) return null;
  if (targetKind === 'model' || targetKind === 'version') {
    const model = await em.findOne(Model, { id, isLocal: true, state: 'published' });
    return model?.shownAt ? modelDocument(federation, em, model) : null;
  }
  if (targetKind !== 'post') return null;
  const post = await em.findOne(Post, { id, isLocal: true, state: 'published' });
  return post?.shownAt ? postDocument(federation, em, post) : null;
}

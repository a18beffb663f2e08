import { Tag } from '../../catalogue/model.ts';
import type { TopicKind } from '../../gallery/topics/model.ts';
import type { Topic } from '../../gallery/topics/topic.ts';
import { rows, toNumber } from '../../kit/database/sql.ts';
import type { Work } from '../../kit/work.ts';
import type { Federation } from '../deps.ts';
import { NODE_ACTOR, OutboxItem } from '../model.ts';
import { saidUnder } from '../outbox/said.ts';
import { send } from '../outbox/send.ts';
import { buildUndo } from '../vocabulary/activity.ts';
import type { Document } from '../vocabulary/context.ts';
import { readTopicUri } from './addresses.ts';
import { type Told, tellingDocument, tellingStart } from './documents.ts';

type Task = Pick<Work, 'em' | 'jobs' | 'now'>;

const HOUR_MS = 3_600_000;
/** What a topic tells of within an hour; the rest stands in its outbox and on its page, so that no busy tag floods anybody. */
const MOST_AN_HOUR = 30;
/** What is older is no news: a change of an old post is told to nobody who began to follow since. */
const NEWS_MS = 48 * HOUR_MS;

/** Says once that there is something, to those who follow the topic and whose work it is, when that is news. */
export async function tell(work: Task, federation: Federation, topic: Topic, told: Told, version = ''): Promise<void> {
  const { em, now } = work;
  if (told.at.getTime() < now().getTime() - NEWS_MS) return;
  const before = (await listTellings(work, federation, told)).filter(
    ({ topic: { kind, id } }) => kind === topic.kind && id === topic.id,
  );
  if (before.some(({ isTakenBack }) => !isTakenBack)) return;
  // an id that was taken back is spent: who knows it takes it for what it was
  const mark = version || (before.length === 0 ? '' : `.${before.length + 1}`);
  const telling = await tellingDocument(federation, em, topic, told, mark);
  if (!telling || (await isBusy(em, topic, now()))) return;
  const apartFrom = [telling.owner.id, ...(topic.ownerId === null ? [] : [topic.ownerId])];
  await send(work, federation, NODE_ACTOR, telling.document, { topic: { ...topic, apartFrom } });
}

async function isBusy(em: Work['em'], { name }: Topic, now: Date): Promise<boolean> {
  const end = `#told.${name}`;
  const [found] = await rows<{ n: unknown }>(
    em,
    `select count(*) as n from outbox_item where created_at > ? and actor_id = ? and uri not like '%-undo'
       and (uri = about || ? or substr(uri, 1, length(about) + ${end.length + 1}) = about || ?)`,
    [new Date(now.getTime() - HOUR_MS), NODE_ACTOR, end, `${end}.`],
  );
  return toNumber(found?.n) >= MOST_AN_HOUR;
}

interface Telling {
  readonly uri: string;
  readonly document: Document;
  readonly topic: { readonly kind: TopicKind; readonly id: number };
  readonly isTakenBack: boolean;
}

/** All that was told of a thing, by whom too that has no public page any more. */
async function listTellings(
  { em }: Task,
  { origin }: Federation,
  thing: Pick<Told, 'kind' | 'id'>,
): Promise<Telling[]> {
  const items = await em.find(
    OutboxItem,
    { actorId: NODE_ACTOR, ...saidUnder(tellingStart(origin, thing)) },
    { orderBy: { createdAt: 'asc', id: 'asc' } },
  );
  const uris = new Set(items.map(({ uri }) => uri));
  const found: Telling[] = [];
  for (const { uri, document } of items) {
    const { type, actor } = document as Document;
    const named = type === 'Announce' ? readTopicUri(origin, String(actor)) : null;
    const id = named && ('id' in named ? named.id : (await em.findOne(Tag, { name: named.tag }))?.id);
    if (!named || id == null) continue;
    const topic = { kind: named.kind, id };
    found.push({ uri, document: document as Document, topic, isTakenBack: uris.has(`${uri}-undo`) });
  }
  return found;
}

/** Only what was said can be taken back, and from the topics that are meant. */
export async function takeBack(
  work: Task,
  federation: Federation,
  thing: Pick<Told, 'kind' | 'id'>,
  isMeant: (topic: Telling['topic']) => boolean,
): Promise<void> {
  for (const { uri, document, topic, isTakenBack } of await listTellings(work, federation, thing)) {
    if (isTakenBack || !isMeant(topic)) continue;
    const undo = buildUndo({ uri: `${uri}-undo`, actorUri: String(document.actor) }, document);
    await send(work, federation, NODE_ACTOR, undo, { topic: { ...topic, apartFrom: [] } });
  }
}

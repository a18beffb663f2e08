import type { EntityManager } from '@mikro-orm/core';
import { rows } from '../../kit/database/sql.ts';
import type { WebhookEvent } from './kinds.ts';

/** What a message says. */
interface Told {
  /** Whose it is; null for what is nobody's. */
  readonly ownerId: number | null;
  /** Whether a webhook of the whole node hears of it. */
  readonly isPublic: boolean;
  readonly data: Readonly<Record<string, unknown>>;
}

type Find = (em: EntityManager, url: (path: string) => string, id: string, isDone: boolean) => Promise<Told | null>;

/** Names and addresses; everything else is had from the API. Null for what is gone or hidden by now. */
export const findTold = (
  em: EntityManager,
  publicUrl: URL,
  event: WebhookEvent,
  id: string,
  isDone: boolean,
): Promise<Told | null> => FINDERS[event](em, (path) => new URL(path, publicUrl).href, id, isDone);

interface Owned {
  owner_id: number;
  owner: string;
  host: string;
  listed_at: unknown;
}
const creatorOf = ({ owner, host }: Owned): string => (host === '' ? owner : `${owner}@${host}`);
const OWNED = 'x.owner_id, a.name as owner, a.host, x.listed_at';

/** Where each kind of job has its page, and whose it is. */
const WORK: Readonly<Record<string, readonly [path: string, sql: string]>> = {
  generation: ['/generate', 'account_id as owner from generation'],
  training: ['/train', 'owner_id as owner from training_run'],
  merge: ['/merge', 'owner_id as owner from merge_run'],
};

const FINDERS: Readonly<Record<WebhookEvent, Find>> = {
  'model.published': async (em, url, id) => {
    const [found] = await rows<Owned & { name: string; type: string }>(
      em,
      `select x.name, x.type, ${OWNED} from model x join account a on a.id = x.owner_id
       where x.id = ? and x.is_local and x.shown_at is not null`,
      [Number(id)],
    );
    if (!found) return null;
    const { name, type, owner_id: ownerId } = found;
    const data = { id: Number(id), name, type, creator: creatorOf(found), url: url(`/models/${id}`) };
    return { ownerId, isPublic: found.listed_at != null, data };
  },
  'version.published': async (em, url, id) => {
    const [found] = await rows<Owned & { name: string; model_id: number; model_name: string }>(
      em,
      `select v.name, v.model_id, x.name as model_name, ${OWNED} from model_version v join model x on x.id = v.model_id
       join account a on a.id = x.owner_id
       where v.id = ? and v.state = 'published' and x.is_local and x.shown_at is not null`,
      [Number(id)],
    );
    if (!found) return null;
    const { name, model_id: modelId, model_name: modelName, owner_id: ownerId } = found;
    const data = { id: Number(id), name, modelId, modelName, creator: creatorOf(found) };
    return {
      ...{ ownerId, isPublic: found.listed_at != null },
      data: { ...data, url: url(`/models/${modelId}?version=${id}`) },
    };
  },
  'images.published': async (em, url, id) => {
    const [found] = await rows<Owned>(
      em,
      `select ${OWNED} from post x join account a on a.id = x.owner_id
       where x.id = ? and x.is_local and x.shown_at is not null`,
      [Number(id)],
    );
    if (!found) return null;
    const images = await rows<{ id: number; width: number; height: number }>(
      em,
      'select i.id, i.width, i.height from image i where i.post_id = ? and i.shown_at is not null order by i.position, i.id',
      [Number(id)],
    );
    return {
      ...{ ownerId: found.owner_id, isPublic: found.listed_at != null },
      data: {
        ...{ postId: Number(id), creator: creatorOf(found), url: url(`/posts/${id}`) },
        images: images.map((image) => ({ ...image, url: url(`/images/${image.id}`) })),
      },
    };
  },
  // private work: its own person hears of it, and nobody else
  'job.ended': async (em, url, id, isDone) => {
    const [kind = '', own = ''] = id.split(':');
    const [path, sql] = WORK[kind] ?? [];
    const [found] = sql ? await rows<{ owner: number }>(em, `select ${sql} where id = ?`, [own]) : [];
    if (!found) return null;
    const data = { kind, id: own, state: isDone ? 'done' : 'failed', url: url(`${path}/${own}`) };
    return { ownerId: found.owner, isPublic: false, data };
  },
  // neither who reported nor what they wrote leaves the node
  'report.filed': async (em, url, id) => {
    const [found] = await rows<{ about_kind: string; about_id: string; category: string; row_id: string }>(
      em,
      'select about_kind, about_id, category, row_id from report where id = ?',
      [id],
    );
    if (!found) return null;
    const { about_kind: kind, about_id: about, category, row_id: row } = found;
    const data = { id, about: { kind, id: String(about) }, category, url: url(`/moderation/queue/${row}`) };
    return { ownerId: null, isPublic: true, data };
  },
  'case.opened': async (em, url, id) => {
    const [found] = await rows<{ number: string; type: string }>(
      em,
      'select number, type from claim_case where id = ?',
      [id],
    );
    if (!found) return null;
    const data = { id, number: found.number, type: found.type, url: url(`/moderation/cases/${id}`) };
    return { ownerId: null, isPublic: true, data };
  },
};

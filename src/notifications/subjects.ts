import type { EntityManager } from '@mikro-orm/core';
import { handle } from '../accounts/model.ts';
import { MODEL_ACCESS, type ModelAccessRow, modelAudienceParameters, modelVerdict } from '../catalogue/access.ts';
import type { ContentState } from '../catalogue/types.ts';
import {
  accessParameters,
  COMMENT_AUDIENCE,
  IMAGE_ACCESS,
  type ImageAccessRow,
  imageVerdict,
  POST_ACCESS,
  type PostAccessRow,
  postVerdict,
} from '../gallery/access.ts';
import { IS_NOT_WITHHELD } from '../gallery/collections/access.ts';
import { type Eyes, eyesOf } from '../gallery/views.ts';
import { inList, type Parameter, rows, toBoolean } from '../kit/database/sql.ts';
import type { Viewer } from '../kit/work.ts';
import { excerpt } from './excerpt.ts';

/** What a notice is about, as its reader may see it now. */
export interface SubjectView {
  readonly title: string;
  readonly url: string;
  /** Of a picture that needs no veil; '' otherwise. */
  readonly thumb: string;
}

interface Ref {
  readonly kind: string;
  readonly id: string;
}
type Found = Map<string, SubjectView>;
type Finder = (em: EntityManager, viewer: Viewer, ids: readonly Parameter[], eyes: Eyes) => Promise<Found>;

export const refKey = ({ kind, id }: Ref): string => `${kind}:${id}`;

/** Those of these things that this person may see, one query for each kind. What is not in it is not told of. */
export async function findSubjects(em: EntityManager, viewer: Viewer, refs: readonly Ref[]): Promise<Found> {
  const all: Found = new Map();
  const eyes = refs.some(({ kind }) => kind === 'image') ? await eyesOf(em, viewer) : { levels: 0, blurLevels: 0 };
  for (const [kind, find] of Object.entries(FINDERS)) {
    const ids = [...new Set(refs.filter((ref) => ref.kind === kind).map(({ id }) => id))];
    if (ids.length === 0) continue;
    const values = NUMBERED.has(kind) ? ids.map(Number) : ids;
    for (const [id, view] of await find(em, viewer, values, eyes)) all.set(refKey({ kind, id }), view);
  }
  return all;
}

const NUMBERED: ReadonlySet<string> = new Set(['model', 'version', 'post', 'image', 'collection', 'account']);
const plain = (title: string, url: string): SubjectView => ({ title, url, thumb: '' });
const byId = (entries: readonly (readonly [string | number, SubjectView])[]): Found =>
  new Map(entries.map(([id, view]) => [String(id), view]));

interface VersionRow extends ModelAccessRow {
  id: number;
  model_id: number;
  name: string;
  version_name: string;
  state: ContentState;
  restrictions: number | null;
}

const OF_VERSION = `v.state, (select s.restrictions from policy_state s where s.target_kind = 'version' and s.target_id = v.id)
  as restrictions`;
const seesVersion = (row: VersionRow, viewer: Viewer): boolean =>
  modelVerdict(row, viewer).allowed &&
  modelVerdict(row, viewer, 'view', { state: row.state, restrictions: row.restrictions ?? 0 }).allowed;

const FINDERS: Readonly<Record<string, Finder>> = {
  model: async (em, viewer, ids) => {
    const found = await rows<ModelAccessRow & { id: number; name: string }>(
      em,
      `select m.id, m.name, ${MODEL_ACCESS} from model m where m.id in (${inList(ids)})`,
      [...modelAudienceParameters(viewer), ...ids],
    );
    const seen = found.filter((row) => modelVerdict(row, viewer).allowed);
    return byId(seen.map(({ id, name }) => [id, plain(name, `/models/${id}`)]));
  },
  version: async (em, viewer, ids) => {
    const found = await rows<VersionRow>(
      em,
      `select v.id, v.model_id, m.name, v.name as version_name, ${OF_VERSION}, ${MODEL_ACCESS}
       from model_version v join model m on m.id = v.model_id where v.id in (${inList(ids)})`,
      [...modelAudienceParameters(viewer), ...ids],
    );
    const seen = found.filter((row) => seesVersion(row, viewer));
    return byId(
      seen.map((row) => [
        row.id,
        plain(`${row.name} ${row.version_name}`, `/models/${row.model_id}?version=${row.id}`),
      ]),
    );
  },
  post: async (em, viewer, ids) => {
    const found = await rows<PostAccessRow & { id: number; title: string }>(
      em,
      `select p.id, p.title, ${POST_ACCESS} from post p where p.id in (${inList(ids)})`,
      [...accessParameters(viewer), ...ids],
    );
    const seen = found.filter((row) => postVerdict(row, viewer).allowed);
    return byId(seen.map(({ id, title }) => [id, plain(title, `/posts/${id}`)]));
  },
  image: async (em, viewer, ids, { levels, blurLevels }) => {
    const found = await rows<ImageAccessRow & { id: number }>(
      em,
      `select i.id, ${IMAGE_ACCESS} from image i join post p on p.id = i.post_id where i.id in (${inList(ids)})`,
      [...accessParameters(viewer), ...ids],
    );
    const seen = found.filter((row) => imageVerdict(row, viewer).allowed);
    const isCalm = (level: number) => (level & levels) !== 0 && (level & blurLevels) === 0;
    return byId(
      seen.map(({ id, access_level: level }) => [
        id,
        { title: '', url: `/images/${id}`, thumb: isCalm(level) ? `/media/320/${id}.webp` : '' },
      ]),
    );
  },
  review: async (em, viewer, ids) => {
    const found = await rows<VersionRow & { review_id: string }>(
      em,
      `select r.id as review_id, v.id, v.model_id, m.name, v.name as version_name, ${OF_VERSION}, ${MODEL_ACCESS}
       from review r join model_version v on v.id = r.version_id join model m on m.id = v.model_id
       join account a on a.id = r.author_id
       where r.id in (${inList(ids)}) and r.deleted_at is null and r.withheld_at is null and a.state = 'active'`,
      [...modelAudienceParameters(viewer), ...ids],
    );
    const seen = found.filter((row) => seesVersion(row, viewer));
    return byId(seen.map((row) => [row.review_id, plain(row.name, `/reviews/${row.review_id}`)]));
  },
  bounty: async (em, viewer, ids) => {
    const found = await rows<{ id: string; title: string }>(
      em,
      `select b.id, b.title from bounty b join account a on a.id = b.owner_id
       where b.id in (${inList(ids)}) and a.state = 'active' and b.withheld_at is null
         and (b.held_at is null or b.owner_id = ?)`,
      [...ids, viewer.id],
    );
    return byId(found.map(({ id, title }) => [id, plain(title, `/bounties/${id}`)]));
  },
  collection: async (em, viewer, ids) => {
    const found = await rows<{ id: number; name: string }>(
      em,
      `select k.id, k.name from collection k where k.id in (${inList(ids)}) and k.deleted_at is null
         and (k.visibility <> 'private' or k.owner_id = ?
           or exists (select 1 from collection_member m where m.collection_id = k.id and m.account_id = ?))
         and ${IS_NOT_WITHHELD}`,
      [...ids, viewer.id, viewer.id],
    );
    return byId(found.map(({ id, name }) => [id, plain(name, `/collections/${id}`)]));
  },
  account: async (em, _viewer, ids) => {
    const found = await rows<{ id: number; name: string; host: string; display_name: string }>(
      em,
      `select id, name, host, display_name from account where id in (${inList(ids)}) and state = 'active'`,
      ids,
    );
    return byId(found.map((row) => [row.id, plain(row.display_name || row.name, `/${handle(row)}`)]));
  },
  generation: async (em, viewer, ids) => {
    const found = await rows<{ id: string }>(
      em,
      `select id from generation where id in (${inList(ids)}) and account_id = ? and deleted_at is null`,
      [...ids, viewer.id],
    );
    return byId(found.map(({ id }) => [id, plain('', `/generate/${id}`)]));
  },
  training: async (em, viewer, ids) => {
    const found = await rows<{ id: string; name: string }>(
      em,
      `select id, name from training_run where id in (${inList(ids)}) and owner_id = ?`,
      [...ids, viewer.id],
    );
    return byId(found.map(({ id, name }) => [id, plain(name, `/train/${id}`)]));
  },
  merge: async (em, viewer, ids) => {
    const found = await rows<{ id: string; name: string }>(
      em,
      `select id, name from merge_run where id in (${inList(ids)}) and owner_id = ?`,
      [...ids, viewer.id],
    );
    return byId(found.map(({ id, name }) => [id, plain(name, `/merge/${id}`)]));
  },
  licence: async (em, viewer, ids) => {
    const found = await rows<{ id: string; title: string }>(
      em,
      `select g.id, g.title from licence_grant g join licence_offer o on o.id = g.offer_id
       where g.id in (${inList(ids)}) and (g.holder_id = ? or o.owner_id = ?)`,
      [...ids, viewer.id, viewer.id],
    );
    return byId(found.map(({ id, title }) => [id, plain(title, `/licences/${id}`)]));
  },
  'rights-licence': async (em, viewer, ids) => {
    const found = await rows<{ id: string; title: string }>(
      em,
      `select g.id, g.title from rights_grant g join rights_offer o on o.id = g.offer_id
       where g.id in (${inList(ids)}) and (g.licensee_id = ? or o.owner_id = ?)`,
      [...ids, viewer.id, viewer.id],
    );
    return byId(found.map(({ id, title }) => [id, plain(title, `/rights/licences/${id}`)]));
  },
  search: async (em, viewer, ids) => {
    const found = await rows<{ id: string; name: string; kind: string; query: string }>(
      em,
      `select id, name, kind, query from saved_search where id in (${inList(ids)}) and account_id = ?`,
      [...ids, viewer.id],
    );
    return byId(found.map(({ id, name, kind, query }) => [id, plain(name, `/${kind}?${query}`)]));
  },
  webhook: async (_em, _viewer, ids) => byId(ids.map((id) => [String(id), plain('', '/settings/webhooks')])),
};

/** The first words of these comments, those that this person may read: their pages are for `findSubjects` to judge. */
export async function findComments(
  em: EntityManager,
  viewer: Viewer,
  ids: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  if (ids.length === 0) return new Map();
  const found = await rows<{ id: string; text: string; is_local: unknown; is_audience: unknown }>(
    em,
    `select c.id, c.text, c.is_local, case when ${COMMENT_AUDIENCE} then 1 else 0 end as is_audience from comment c
     where c.id in (${inList(ids)}) and c.deleted_at is null and c.withheld_at is null`,
    [...accessParameters(viewer), ...ids],
  );
  const seen = found.filter((row) => toBoolean(row.is_audience));
  return new Map(seen.map(({ id, text, is_local: isLocal }) => [id, excerpt(text, toBoolean(isLocal))]));
}

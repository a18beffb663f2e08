import { objectUri } from '../../federation/addresses.ts';
import { findHolder, type TalkKind } from '../../gallery/talk-pictures/hold.ts';
import type { TopicKind } from '../../gallery/topics/model.ts';
import { topicName } from '../../gallery/topics/names.ts';
import { csvLine } from '../../kit/csv.ts';
import { rows, toBoolean, toDate } from '../../kit/database/sql.ts';
import { SHUT } from '../../safety/standing.ts';
import type { BountyDoc, CollectionDoc, CommentDoc, ImageDoc, ReviewDoc } from '../format.ts';
import type { Gathering } from './gather.ts';
import { gatherImages, paged } from './gather-things.ts';

const NIL = '00000000-0000-0000-0000-000000000000';

interface TalkRow {
  id: string;
  [column: string]: unknown;
}

/** A thing is named by its address alone: what others made is theirs. */
const named = (origin: string, kind: 'model' | 'version' | 'post' | 'image', id: unknown, uri: unknown): string =>
  objectUri(origin, kind, { id: Number(id), uri: uri as string | null });

async function gatherTalkImages(gathering: Gathering, kind: TalkKind, id: string): Promise<ImageDoc[]> {
  const holder = await findHolder(gathering.em, { kind, id });
  return holder ? gatherImages(gathering, holder.id) : [];
}

export async function* gatherReviews(gathering: Gathering): AsyncGenerator<ReviewDoc> {
  const { origin, accountId } = gathering;
  const select = (after: string) =>
    `select r.id, r.text, r.is_recommended, r.created_at, r.withheld_at, v.id as version_id, v.uri as version_uri
     from review r join model_version v on v.id = r.version_id
     where r.author_id = ? and r.id > ${after} and r.is_local and r.deleted_at is null order by r.id`;
  for await (const row of paged<TalkRow>(gathering, select, accountId, NIL)) {
    if (row.withheld_at != null) {
      gathering.leaveOut('review', objectUri(origin, 'review', { id: row.id }));
      continue;
    }
    yield {
      uri: objectUri(origin, 'review', { id: row.id }),
      versionUri: named(origin, 'version', row.version_id, row.version_uri),
      isRecommended: toBoolean(row.is_recommended),
      text: String(row.text),
      createdAt: toDate(row.created_at).toISOString(),
      images: await gatherTalkImages(gathering, 'review', row.id),
    };
  }
}

export async function* gatherComments(gathering: Gathering): AsyncGenerator<CommentDoc> {
  const { origin, accountId } = gathering;
  const select = (after: string) =>
    `select c.id, c.text, c.audience, c.created_at, c.withheld_at, c.model_id, c.post_id, c.image_id, c.review_id,
       coalesce(m.uri, p.uri, i.uri, r.uri) as subject_uri, c.parent_id, x.uri as parent_uri
     from comment c left join model m on m.id = c.model_id left join post p on p.id = c.post_id
       left join image i on i.id = c.image_id left join review r on r.id = c.review_id left join comment x on x.id = c.parent_id
     where c.author_id = ? and c.id > ${after} and c.is_local and c.deleted_at is null order by c.id`;
  for await (const row of paged<TalkRow>(gathering, select, accountId, NIL)) {
    const uri = objectUri(origin, 'comment', { id: row.id });
    const kind = (['model', 'post', 'image', 'review'] as const).find((one) => row[`${one}_id`] != null);
    if (row.withheld_at != null || !kind) {
      gathering.leaveOut('comment', uri);
      continue;
    }
    yield {
      uri,
      text: String(row.text),
      createdAt: toDate(row.created_at).toISOString(),
      audience: String(row.audience),
      on: {
        kind,
        uri: objectUri(origin, kind, { id: String(row[`${kind}_id`]), uri: row.subject_uri as string | null }),
      },
      parentUri:
        row.parent_id == null
          ? null
          : objectUri(origin, 'comment', { id: String(row.parent_id), uri: row.parent_uri as string | null }),
      images: await gatherTalkImages(gathering, 'comment', row.id),
    };
  }
}

export async function* gatherBounties(gathering: Gathering): AsyncGenerator<BountyDoc> {
  const { em, origin, accountId } = gathering;
  const select = (after: string) =>
    `select b.id, b.title, b.text, b.kind, b.mode, b.base_model, b.state, b.created_at, b.deadline_at, b.withheld_at
     from bounty b where b.owner_id = ? and b.id > ${after} order by b.id`;
  for await (const row of paged<TalkRow>(gathering, select, accountId, NIL)) {
    if (row.withheld_at != null) {
      gathering.leaveOut('bounty', String(row.title));
      continue;
    }
    const tags = await rows<{ name: string }>(
      em,
      'select t.name from bounty_tag g join tag t on t.id = g.tag_id where g.bounty_id = ? order by t.name',
      [row.id],
    );
    const references = await rows<{ id: number; uri: string | null }>(
      em,
      `select i.id, i.uri from bounty_reference r join image i on i.id = r.image_id where r.bounty_id = ? order by r.position`,
      [row.id],
    );
    yield {
      ...{ uri: `${origin}/bounties/${row.id}`, title: String(row.title), text: String(row.text) },
      ...{ kind: String(row.kind), mode: String(row.mode), state: String(row.state) },
      baseModel: String(row.base_model),
      tags: tags.map(({ name }) => name),
      createdAt: toDate(row.created_at).toISOString(),
      deadlineAt: toDate(row.deadline_at).toISOString(),
      referenceUris: references.map(({ id, uri }) => named(origin, 'image', id, uri)),
      images: await gatherTalkImages(gathering, 'bounty', row.id),
    };
  }
}

export async function* gatherCollections(gathering: Gathering): AsyncGenerator<CollectionDoc> {
  const { em, origin, accountId } = gathering;
  const select = (after: string) =>
    `select c.id, c.name, c.description, c.visibility, c.adders, c.intake, coalesce((select s.restrictions from policy_state s
       where s.target_kind = 'collection' and s.target_id = c.id), 0) as restrictions
     from collection c where c.owner_id = ? and c.id > ${after} and c.uri is null and c.deleted_at is null order by c.id`;
  for await (const row of paged<{ id: number; [column: string]: unknown }>(gathering, select, accountId)) {
    if ((Number(row.restrictions) & SHUT) !== 0) {
      gathering.leaveOut('collection', String(row.name));
      continue;
    }
    const items = await rows<Record<string, unknown>>(
      em,
      `select n.model_id, n.post_id, n.image_id, coalesce(m.uri, p.uri, i.uri) as uri from collection_item n
       left join model m on m.id = n.model_id left join post p on p.id = n.post_id left join image i on i.id = n.image_id
       where n.collection_id = ? order by n.position, n.id`,
      [row.id],
    );
    yield {
      uri: `${origin}/collections/${row.id}`,
      name: String(row.name),
      description: String(row.description),
      visibility: row.visibility as CollectionDoc['visibility'],
      adders: row.adders as CollectionDoc['adders'],
      intake: row.intake as CollectionDoc['intake'],
      items: items.map((item) => {
        const kind = item.model_id != null ? 'model' : item.post_id != null ? 'post' : 'image';
        return { kind, uri: named(origin, kind, item[`${kind}_id`], item.uri) };
      }),
    };
  }
}

const HANDLE = `case when a.host = '' then a.name || '@' || ? else a.name || '@' || a.host end`;

/**
 * Whom this person follows, as Mastodon writes and reads it; models, collections and tags by the handles that servers
 * know them by.
 */
export async function* gatherFollows({ em, host, accountId }: Gathering): AsyncGenerator<string> {
  yield csvLine(['Account address', 'Show boosts', 'Notify on new posts', 'Languages']);
  const found = await rows<{ handle: string }>(
    em,
    `select ${HANDLE} as handle from follow f join account a on a.id = f.target_id
     where f.follower_id = ? and f.state <> 'rejected' and a.state = 'active' order by a.host, a.name`,
    [host, accountId],
  );
  const topics = await rows<{ kind: TopicKind; id: number; tag: string | null }>(
    em,
    `select case when f.model_id is not null then 'model' when f.tag_id is not null then 'tag' else 'collection' end as kind,
       coalesce(f.model_id, f.tag_id, f.collection_id) as id, g.name as tag
     from topic_follow f left join tag g on g.id = f.tag_id where f.follower_id = ? order by f.created_at, f.id`,
    [accountId],
  );
  const names = topics.map(({ kind, id, tag }) => `${topicName(kind, id, tag ?? '')}@${host}`);
  for (const handle of [...found.map((row) => row.handle), ...names]) yield csvLine([handle, 'true', 'false', '']);
}

/** Searches that this person keeps, with the address of each list: for them to keep, and to open anywhere. */
export async function* gatherSearches({ em, origin, accountId }: Gathering): AsyncGenerator<string> {
  yield csvLine(['Name', 'Address', 'Tell me of what is new']);
  const found = await rows<{ name: string; kind: string; query: string; is_told: unknown }>(
    em,
    'select name, kind, query, is_told from saved_search where account_id = ? order by created_at, id',
    [accountId],
  );
  for (const { name, kind, query, is_told: isTold } of found) {
    yield csvLine([name, `${origin}/${kind}${query === '' ? '' : `?${query}`}`, String(toBoolean(isTold))]);
  }
}

/** Blocks are a plain list there, mutes have a heading. */
export async function* gatherBlocks(
  { em, host, accountId }: Gathering,
  kind: 'block' | 'mute',
): AsyncGenerator<string> {
  if (kind === 'mute') yield csvLine(['Account address', 'Hide notifications']);
  const found = await rows<{ handle: string }>(
    em,
    `select ${HANDLE} as handle from block b join account a on a.id = b.target_id
     where b.account_id = ? and b.kind = ? and a.topic is null order by a.host, a.name`,
    [host, accountId, kind],
  );
  for (const { handle } of found) yield csvLine(kind === 'mute' ? [handle, 'true'] : [handle]);
}

import type { EntityManager } from '@mikro-orm/core';
import { isBlockedEither } from '../../accounts/block.ts';
import { Model } from '../../catalogue/model.ts';
import { loadRestrictions } from '../../catalogue/publish.ts';
import {
  accessParameters,
  IMAGE_ACCESS,
  type ImageAccessRow,
  imageVerdict,
  isAudience,
  POST_ACCESS,
  type PostAccessRow,
  postVerdict,
} from '../../gallery/access.ts';
import { Comment } from '../../gallery/model.ts';
import { rows } from '../../kit/database/sql.ts';
import type { Viewer } from '../../kit/work.ts';
import { decide } from '../../safety/policy.ts';

/**
 * What a peer gets of an object: `public`, also for strangers and shared caches; `private`, for this reader alone; `gone`,
 * a tombstone; `nothing`, the same as for what never was.
 */
export type Reading = 'public' | 'private' | 'gone' | 'nothing';
export type ReadableKind = 'model' | 'post' | 'image' | 'comment';

/**
 * The one rule for who may read an object of this node as ActivityPub. `reader` is the verified signer, as an account here;
 * null for everybody. Pages, their collections and their tombstones all ask here. A row of elsewhere is `nothing`.
 */
export async function readingOf(
  em: EntityManager,
  kind: ReadableKind,
  id: number | string,
  reader: Viewer | null,
): Promise<Reading> {
  switch (kind) {
    case 'model':
      return readModel(em, Number(id), reader, true);
    case 'post':
      return readPost(em, Number(id), reader, true);
    case 'image':
      return readImage(em, Number(id), reader, true);
    case 'comment':
      return readComment(em, String(id), reader);
  }
}

async function readModel(em: EntityManager, id: number, reader: Viewer | null, onlyLocal: boolean): Promise<Reading> {
  const model = await em.findOne(Model, { id, ...(onlyLocal ? { isLocal: true } : {}) });
  if (!model) return 'nothing';
  const restrictions = await loadRestrictions(em, model.owner.id, model.id);
  const verdict = decide('federate', reader, { ownerId: model.owner.id, state: model.state, restrictions });
  // a draft that was thrown away was never public
  if (!verdict.allowed) return verdict.reason === 'gone' && model.publishedAt != null ? 'gone' : 'nothing';
  if (await isShut(em, reader, model.owner.id)) return 'nothing';
  return 'public';
}

interface ReadRow {
  readonly listed_at: unknown;
  readonly published_at: unknown;
}

async function readPost(em: EntityManager, id: number, reader: Viewer | null, onlyLocal: boolean): Promise<Reading> {
  const [row] = await rows<PostAccessRow & ReadRow>(
    em,
    `select ${POST_ACCESS}, p.listed_at, p.published_at from post p where p.id = ?${onlyLocal ? ' and p.is_local = ?' : ''}`,
    [...accessParameters(reader), id, ...(onlyLocal ? [true] : [])],
  );
  if (!row) return 'nothing';
  return judge(em, row, reader, postVerdict(row, reader, 'federate'));
}

async function readImage(em: EntityManager, id: number, reader: Viewer | null, onlyLocal: boolean): Promise<Reading> {
  const [row] = await rows<ImageAccessRow & ReadRow>(
    em,
    `select ${IMAGE_ACCESS}, i.listed_at, p.published_at from image i join post p on p.id = i.post_id
     where i.id = ?${onlyLocal ? ' and i.is_local = ?' : ''}`,
    [...accessParameters(reader), id, ...(onlyLocal ? [true] : [])],
  );
  if (!row) return 'nothing';
  return judge(em, row, reader, imageVerdict(row, reader, 'federate'));
}

/** A comment is read by those who may read what it stands under, whosever that is. */
async function readComment(em: EntityManager, id: string, reader: Viewer | null): Promise<Reading> {
  const comment = await em.findOne(Comment, { id, isLocal: true });
  if (!comment || comment.withheldAt != null) return 'nothing';
  const page = await pageReading(em, comment, reader);
  if (page === 'nothing') return 'nothing';
  if (comment.deletedAt != null) return 'gone';
  if (page === 'gone' || (await isShut(em, reader, comment.author.id))) return 'nothing';
  return page;
}

function pageReading(em: EntityManager, { model, post, image }: Comment, reader: Viewer | null): Promise<Reading> {
  if (model) return readModel(em, model.id, reader, false);
  if (image) return readImage(em, image.id, reader, false);
  return readPost(em, post?.id ?? 0, reader, false);
}

async function judge(
  em: EntityManager,
  row: PostAccessRow & ReadRow,
  reader: Viewer | null,
  verdict: ReturnType<typeof postVerdict>,
): Promise<Reading> {
  const isOpen = row.access_visibility === 'public' || row.access_visibility === 'unlisted';
  if (!verdict.allowed) {
    // that something hidden was there is told to its audience alone
    const wasSeen = row.published_at != null && (isOpen || isAudience(row));
    return verdict.reason === 'gone' && wasSeen ? 'gone' : 'nothing';
  }
  // published, but not rated yet, or kept back
  if (row.access_visibility === 'public' && row.listed_at == null) return 'nothing';
  if (await isShut(em, reader, row.access_owner)) return 'nothing';
  return isOpen ? 'public' : 'private';
}

/** Somebody whom the owner blocks finds nothing, also where strangers would. */
async function isShut(em: EntityManager, reader: Viewer | null, ownerId: number): Promise<boolean> {
  return reader !== null && reader.id !== ownerId && (await isBlockedEither({ em }, reader.id, ownerId));
}

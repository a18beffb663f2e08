import type { EntityManager } from '@mikro-orm/core';
import { Account } from '../../accounts/model.ts';
import { inList, rows, toNumber } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { newId } from '../../kit/ids.ts';
import { assertFreeSpace } from '../../kit/storage/files.ts';
import type { Work } from '../../kit/work.ts';
import type { Door } from '../../safety/hashes/doors.ts';
import type { JudgedPicture } from '../../safety/hashes/gate.ts';
import { keepHit } from '../../safety/hashes/hits.ts';
import type { ImageLimits } from '../deps.ts';
import { Image, ImageRaw, Post, ResourceUse } from '../model.ts';
import type { Recipe, Resource } from '../recipe/recipe.ts';
import { addVersionUse } from './made-with.ts';
import { maskNames } from './mask-names.ts';
import { assertQuota } from './quota.ts';
import { type ImageFacts, type ImageSource, readImageFile } from './read-file.ts';
import { renderImageJob } from './render.ts';
import { findVersionsByHash, type KnownVersion } from './resolve.ts';

export const MOST_IMAGES = 20;

export interface NewImage {
  readonly postId: number;
  readonly source: ImageSource;
  readonly level?: number;
  /** The ratings between which its author may choose; 0 is no bound. */
  readonly bounds?: { readonly least: number; readonly most: number };
  readonly altText?: string;
  readonly caption?: string;
  /** The generation of this node that made it. */
  readonly generationId?: string;
  /** Whose recipe it was made with, as far as its author may remix it (remix.ts). */
  readonly remixOfId?: number | null;
  /** What its maker knows better than the file: the parameters of a generation here. */
  readonly made?: { readonly recipe: Recipe; readonly resources: readonly KnownResource[] };
  /** A picture of a peer; its owner is the post's. */
  readonly remote?: { readonly uri: string; readonly remoteUrl: string | null };
}

/** A resource whose version here is known already. */
export interface KnownResource extends Resource {
  readonly versionId?: number;
}

export interface AddedImage {
  readonly imageId: number;
  /** Where the same picture is already, as far as this person may know. */
  readonly duplicateUrl: string | null;
  readonly problems: readonly string[];
}

/**
 * Takes a picture into a post: looks at it, stores the bytes, reads how it was made, and has its sizes rendered. The web,
 * the API, federation, generation and the demo all come this way. Nothing is left behind when it throws: `invalid`,
 * `too_large` (bytes, pixels, count, quota), `conflict` (the same picture twice in a post), `withheld` (blocked),
 * `not_found`, `unavailable`.
 */
export async function addImage(
  work: Pick<Work, 'em' | 'viewer' | 'files' | 'jobs' | 'now'>,
  limits: ImageLimits,
  image: NewImage,
): Promise<AddedImage> {
  const { em, viewer, files } = work;
  const post = await em.findOne(Post, { id: image.postId, state: { $ne: 'deleted' } });
  // the node itself has no viewer: federation, generations
  if (!post || (viewer && post.owner.id !== viewer.id)) throw new AppError('not_found', 'There is no such post.');
  await assertRoom(em, post.id);

  const facts = await readImageFile(image.source, limits.maxImageBytes);
  if (!image.remote) await assertQuota(em, post.owner.id, facts.totalBytes, limits.defaultQuotaBytes);
  const arrival = { door: doorOf(image), accountId: post.owner.id };
  const judged = await limits.hashGate.judgePicture(em, arrival, image.source);
  await assertFreeSpace(files, facts.totalBytes, limits.minFreeBytes);
  const { sha256 } = await files.put(typeof image.source === 'string' ? { path: image.source } : image.source);
  const duplicateUrl = await findDuplicate(em, post.owner.id, post.id, sha256);

  const imageId = await writeImage(work, post.id, image, facts, sha256, judged);
  return { imageId, duplicateUrl, problems: facts.problems };
}

const doorOf = ({ remote, generationId }: NewImage): Door =>
  remote ? 'remote-image' : generationId === undefined ? 'post-image' : 'generated-output';

async function assertRoom(em: EntityManager, postId: number): Promise<void> {
  const count = await em.count(Image, { post: postId, deletedAt: null });
  if (count >= MOST_IMAGES) throw new AppError('too_large', `A post holds at most ${MOST_IMAGES} pictures.`);
}

/** Throws `conflict` when this very post has the picture already. */
async function findDuplicate(
  em: EntityManager,
  ownerId: number,
  postId: number,
  sha256: string,
): Promise<string | null> {
  const [found] = await rows<{ id: number; post_id: number }>(
    em,
    `select i.id, i.post_id from image i where i.sha256 = ? and i.deleted_at is null
       and (i.post_id = ? or i.owner_id = ? or i.listed_at is not null)
     order by case when i.post_id = ? then 0 else 1 end, i.id limit 1`,
    [sha256, postId, ownerId, postId],
  );
  if (!found) return null;
  if (found.post_id === postId) throw new AppError('conflict', 'This picture is in this post already.');
  return `/images/${found.id}`;
}

async function writeImage(
  { em, jobs, now }: Pick<Work, 'em' | 'jobs' | 'now'>,
  postId: number,
  given: NewImage,
  facts: ImageFacts,
  sha256: string,
  judged: JudgedPicture,
): Promise<number> {
  const resources: readonly KnownResource[] = given.made?.resources ?? facts.resources;
  const recipe = given.made?.recipe ?? facts.recipe;
  const versions = await findVersionsOf(em, resources);
  return em.transactional(async (tx) => {
    const post = await tx.findOneOrFail(Post, postId);
    // two uploads at once may both have found room
    await assertRoom(tx, postId);
    const [last] = await rows<{ position: unknown }>(
      tx,
      'select max(position) as position from image where post_id = ?',
      [postId],
    );
    const image = tx.create(
      Image,
      {
        post,
        owner: tx.getReference(Account, post.owner.id),
        position: last?.position == null ? 0 : toNumber(last.position) + 1,
        ...{ sha256, mediaType: facts.mediaType, totalBytes: facts.totalBytes },
        ...{ width: facts.width, height: facts.height, frameCount: facts.frameCount },
        ...{ blurHash: facts.blurHash, placeholder: facts.placeholder, pdq: judged.pdq },
        level: given.level ?? 0,
        ...{ leastLevel: given.bounds?.least ?? 0, mostLevel: given.bounds?.most ?? 0 },
        altText: (given.altText ?? '').slice(0, 1500),
        caption: given.caption ?? '',
        recipe,
        hasRecipe: recipe !== null,
        hasWorkflow: facts.hasWorkflow,
        isLocal: given.remote === undefined,
        uri: given.remote?.uri ?? null,
        remoteUrl: given.remote?.remoteUrl ?? null,
        generationId: given.generationId ?? null,
        remixOf: given.remixOfId ? tx.getReference(Image, given.remixOfId) : null,
        createdAt: now(),
      },
      { persist: true },
    );
    if (Object.keys(facts.raw).length > 0) tx.create(ImageRaw, { image, blocks: facts.raw }, { persist: true });
    addResourceUses(tx, image, resources, versions);
    post.updatedAt = now();
    await tx.flush();
    await keepHit(tx, judged, { kind: 'image', id: image.id }, now());
    if (post.version) await addVersionUse(tx, post.version.id, [image]);
    await tx.flush();
    await maskNames(tx, [image.id], now());
    jobs.enqueue(tx, renderImageJob, { imageId: image.id }, { dedupeKey: `image:${image.id}` });
    await tx.flush();
    return image.id;
  });
}

/** The version of each resource, in order: by what the maker knows, else by hash. */
async function findVersionsOf(
  em: EntityManager,
  resources: readonly KnownResource[],
): Promise<(KnownVersion | undefined)[]> {
  const stated = resources.flatMap(({ versionId }) => (versionId ? [versionId] : []));
  const models = await rows<{ id: number; model_id: number }>(
    em,
    `select id, model_id from model_version where id in (${inList(stated)})`,
    stated,
  );
  const hashes = resources.flatMap(({ hash }) => (hash ? [hash] : []));
  const byHash = await findVersionsByHash(em, hashes);
  return resources.map(({ versionId, hash }) => {
    const known = models.find(({ id }) => id === versionId);
    return known ? { versionId: known.id, modelId: known.model_id } : byHash.get(hash ?? '');
  });
}

function addResourceUses(
  em: EntityManager,
  image: Image,
  resources: readonly KnownResource[],
  versions: readonly (KnownVersion | undefined)[],
): void {
  for (const [position, { kind, name, hash, weight, uri }] of resources.entries()) {
    const found = versions[position];
    em.create(
      ResourceUse,
      {
        id: newId(),
        image,
        position,
        kind,
        name: name.replaceAll('\u0000', '').slice(0, 200),
        hash: hash ?? null,
        weight: weight ?? null,
        version: found?.versionId ?? null,
        model: found?.modelId ?? null,
        uri: uri ?? null,
      },
      { persist: true },
    );
  }
}

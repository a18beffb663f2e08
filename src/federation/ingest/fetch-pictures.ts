import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ModelVersion } from '../../catalogue/model.ts';
import { indexPostJob } from '../../discovery/index/keep.ts';
import { postArrived } from '../../gallery/events.ts';
import { addImage } from '../../gallery/images/add.ts';
import { addVersionUse, kindOfModel } from '../../gallery/images/made-with.ts';
import { Comment, Image, ImageRaw, Mention, Post, RESOURCE_KINDS, ResourceUse } from '../../gallery/model.ts';
import { relistPost } from '../../gallery/posts/relist.ts';
import type { Resource } from '../../gallery/recipe/recipe.ts';
import { workflowOf } from '../../gallery/recipe/workflow.ts';
import { Review } from '../../gallery/reviews/model.ts';
import { MOST_PICTURES } from '../../gallery/talk-pictures/hold.ts';
import { AppError } from '../../kit/errors.ts';
import { record } from '../../kit/events/events.ts';
import { newId } from '../../kit/ids.ts';
import { hasMediaType } from '../../kit/net/media-type.ts';
import type { Work } from '../../kit/work.ts';
import { isOpen } from '../../safety/audience.ts';
import { isShut, standingOf } from '../../safety/standing.ts';
import { loadSigningKey } from '../actors/keys.ts';
import { findFollowerKey } from '../actors/reader-key.ts';
import { objectUri, readOwnUri } from '../addresses.ts';
import type { Federation } from '../deps.ts';
import { type Place, pageOf } from '../documents/circle.ts';
import { recipeOf } from '../documents/pictures.ts';
import { isFileGone } from '../heeding/digests.ts';
import { ApObject as StoredObject } from '../model.ts';
import { normalise } from '../normalise.ts';
import { effectsOfUri } from '../peers/rule.ts';
import { watchedNet } from '../peers/silence.ts';
import { type SigningKey, signCavage } from '../signatures/sign.ts';
import { parseNote, type RemoteNote } from '../vocabulary/note.ts';
import type { PictureView } from '../vocabulary/picture.ts';
import { pictureLevel, pictureUri } from './ingest-post.ts';
import { tellerOf } from './talk-pictures.ts';

const PICTURE_TIMEOUT_MS = 60_000;
const REMEMBER_FAILURE_MS = 60_000;

/**
 * Fetches the pictures of a peer's post that are not here yet, one after the other, through the same door as our own
 * uploads. What is no picture, or too large, is left out and the post kept; what does not answer is tried again.
 */
export async function fetchPictures(
  work: Pick<Work, 'em' | 'viewer' | 'files' | 'jobs' | 'now'>,
  federation: Federation,
  postId: number,
  signal: AbortSignal,
): Promise<void> {
  const { em, now } = work;
  const post = await em.findOne(Post, { id: postId, isLocal: false, state: 'published' });
  const teller = post && (await tellerOf(em, post));
  const stored = teller ? await em.findOne(StoredObject, { uri: teller }) : null;
  if (!post || !stored) return;
  const targets = [
    { kind: 'post', id: postId },
    { kind: 'account', id: post.owner.id },
  ] as const;
  if (isShut((await standingOf(em, targets)).restrictions)) return;
  const options = { ownOrigin: federation.origin, now: now(), authorFollowersUri: null };
  const { rejectsMedia, forcedLevel } = await effectsOfUri(em, stored.uri);
  if (rejectsMedia) return;
  const told = parseNote(normalise(stored.document), options);
  let failure: unknown = null;
  const most = post.talkKind == null ? told.pictures.length : MOST_PICTURES[post.talkKind];
  for (const [position, view] of told.pictures.slice(0, most).entries()) {
    signal.throwIfAborted();
    const uri = pictureUri(told.uri, view, position);
    if ((await em.count(Image, { uri })) > 0) continue;
    try {
      const least = forcedLevel ?? 0;
      await fetchPicture(work, federation, { postId, uri, position, told, view, least }, signal);
    } catch (error) {
      // the peer may answer later; a picture that is none will not become one
      if (error instanceof AppError && LASTING.has(error.kind)) continue;
      failure = error;
    }
  }
  if (failure !== null) throw failure;
  // words were told of when they came
  if (post.talkKind != null) return;
  record(em, postArrived, { postId });
  await em.flush();
}

const LASTING: ReadonlySet<string> = new Set(['invalid', 'too_large', 'conflict', 'not_found', 'withheld']);

interface Wanted {
  readonly postId: number;
  readonly uri: string;
  readonly position: number;
  readonly told: RemoteNote;
  readonly view: PictureView;
  /** What its host may be rated at least. */
  readonly least: number;
}

async function fetchPicture(
  work: Pick<Work, 'em' | 'viewer' | 'files' | 'jobs' | 'now'>,
  federation: Federation,
  { postId, uri, position, told, view, least }: Wanted,
  signal: AbortSignal,
): Promise<void> {
  const path = join(federation.uploadsDir, `peer-${newId()}`);
  try {
    const key = await findReader(work.em, federation, postId, view.url);
    await downloadPicture(federation, { url: view.url, path, key, now: work.now() }, signal);
    if (await isFileGone(work.em, path)) throw new AppError('invalid', 'A notice took this picture down.');
    const recipe = recipeOf(view.generation);
    const resources = await resourcesOf(work.em, federation.origin, view);
    const added = await addImage(work, federation, {
      ...{ postId, source: path, level: Math.max(least, pictureLevel(told, view)), altText: view.alt },
      caption: view.details?.caption ?? '',
      remote: { uri, remoteUrl: view.url },
      ...(recipe !== null || resources.length > 0 ? { made: { recipe: recipe ?? { others: {} }, resources } } : {}),
    });
    await settlePicture(work, postId, added.imageId, position, view);
  } finally {
    await rm(path, { force: true });
  }
}

/**
 * What is not for everybody is asked for by somebody here whom it is for, in their name; null where nobody has to sign,
 * or where the picture lies with others than the post.
 */
export async function findReader(em: Work['em'], federation: Federation, postId: number, url: string) {
  const post = await em.findOneOrFail(Post, postId);
  const { visibility, where } = await audienceOf(em, post);
  const teller = await tellerOf(em, post);
  if (isOpen(visibility) || teller === null || new URL(url).origin !== new URL(teller).origin) return null;
  const named = await em.findOne(Mention, { ...where, account: { host: '', state: 'active' } });
  if (named) return loadSigningKey(federation, em, named.account.id);
  return visibility === 'followers' ? findFollowerKey(federation, em, post.owner.id) : null;
}

/** Whom a post is for; pictures of words are for those whom the words are for. */
async function audienceOf(em: Work['em'], { id, visibility, talkKind, talkId }: Post) {
  if (talkKind == null || talkId == null) return { visibility, where: { post: id } };
  const comment = talkKind === 'comment' ? await em.findOne(Comment, talkId) : null;
  if (comment && comment.audience !== 'page') return { visibility: comment.audience, where: { comment: talkId } };
  const { model = null, post = null, image = null, review = null } = comment ?? {};
  const page = comment ? { model, post, image, review } : await placeOfReview(em, talkId);
  return { visibility: (await pageOf(em, page)).visibility, where: { comment: talkId } };
}

const placeOfReview = async (em: Work['em'], reviewId: string): Promise<Place> => {
  const { model } = await em.findOneOrFail(Review, reviewId);
  return { model, post: null, image: null, review: null };
};

/** Writes a peer's picture into a new file. Throws `not_found`, `invalid`, `too_large` or `unavailable`. */
export async function downloadPicture(
  federation: Federation,
  {
    url,
    path,
    key,
    now,
  }: { readonly url: string; readonly path: string; readonly key: SigningKey | null; readonly now: Date },
  signal: AbortSignal,
): Promise<void> {
  const headers = { accept: 'image/webp, image/png, image/jpeg, image/avif, image/gif' };
  const reply = await watchedNet(federation).peerFetch(url, {
    headers: key
      ? (hop) => ({ ...headers, ...signCavage({ method: 'GET', url: hop, body: null, now }, key) })
      : headers,
    maxBytes: federation.maxImageBytes,
    timeoutMs: PICTURE_TIMEOUT_MS,
    saveTo: path,
    signal,
    forgetFailureAfterMs: REMEMBER_FAILURE_MS,
  });
  if (reply.status === 404 || reply.status === 410) throw new AppError('not_found', 'The picture is gone.');
  if (reply.status !== 200) throw new AppError('unavailable', `The peer answered ${reply.status}.`);
  if (!hasMediaType(reply.headers['content-type'], ['image/*'])) throw new AppError('invalid', 'This is no picture.');
}

/** Puts the picture in its place and the post into the lists. */
async function settlePicture(
  { em, jobs, now }: Pick<Work, 'em' | 'jobs' | 'now'>,
  postId: number,
  imageId: number,
  position: number,
  { resources, details }: PictureView,
): Promise<void> {
  await em.transactional(async (inner) => {
    const post = await inner.findOneOrFail(Post, postId);
    await inner.nativeUpdate(Image, { id: imageId }, { position, fetchedAt: now() });
    const uses = await inner.find(ResourceUse, { image: imageId }, { orderBy: { position: 1 } });
    for (const [n, use] of uses.entries()) {
      use.uri = resources[n]?.versionUri ?? null;
      use.kind = RESOURCE_KINDS.find((kind) => kind === resources[n]?.kind) ?? use.kind;
    }
    if (details?.raw) {
      await inner.nativeDelete(ImageRaw, { image: imageId });
      inner.create(ImageRaw, { image: imageId, blocks: details.raw }, { persist: true });
      const hasWorkflow = workflowOf(details.raw) !== null;
      await inner.nativeUpdate(Image, { id: imageId }, { hasWorkflow });
    }
    await inner.flush();
    const image = await inner.findOneOrFail(Image, imageId);
    if (post.version) await addVersionUse(inner, post.version.id, [image]);
    await inner.flush();
    await relistPost({ em: inner, jobs }, post);
    // the post was told before it had this picture
    jobs.enqueue(inner, indexPostJob, { postId }, { dedupeKey: `index:${postId}` });
    await inner.flush();
  });
}

/** What it was made with: versions that are known here by their id are linked, the others wait for their hash. */
async function resourcesOf(em: Work['em'], origin: string, { resources }: PictureView) {
  const uris = resources.flatMap(({ versionUri }) => versionUri ?? []);
  const own = uris.flatMap((uri) => {
    const named = readOwnUri(origin, uri);
    return named?.kind === 'version' ? Number(named.id) : [];
  });
  const where = { $or: [{ uri: { $in: uris } }, { uri: null, id: { $in: own } }], state: 'published' as const };
  const known = await em.find(ModelVersion, where, { populate: ['model'] });
  return resources.map(({ versionUri, name, weight, hashes }) => {
    const { sha256, tensor, autov3, autov2, autov1, blake3, crc32 } = hashes;
    const hash = sha256 ?? tensor ?? autov3 ?? autov2 ?? autov1 ?? blake3 ?? crc32;
    const version = known.find((one) => objectUri(origin, 'version', one) === versionUri);
    // the wire does not say the kind; what is used whole is a checkpoint
    const kind = kindOfModel(version?.model.$.type ?? (weight === null ? 'Checkpoint' : 'LORA'));
    const resource: Resource & { versionId?: number } = { kind: kind === 'other' ? 'lora' : kind, name: name ?? '' };
    if (hash !== undefined) resource.hash = hash;
    if (weight !== null) resource.weight = weight;
    if (version) resource.versionId = version.id;
    return resource;
  });
}

import { AppError } from '../kit/errors.ts';
import { isActivityPub } from './fetch-document.ts';
import { type Json, parsePeerJson } from './json.ts';
import { type ApObject, normalise } from './normalise.ts';
import { idOf, isOwnId, isSameOrigin, readId, singleIdOf, standingOf, valuesOf } from './origin.ts';
import type { Here, SignedMessage } from './signatures/message.ts';
import { fits, type LoadActorKey, readClaim, verifyClaim } from './signatures/verify.ts';

/** Larger activities do not exist; Mastodon refuses at 1 MB too. */
export const MOST_BODY_BYTES = 1_000_000;

/** An activity whose sender is proven. What it says about objects is judged by `standingOf` and the stored rows. */
export interface ProvenActivity {
  readonly id: string;
  readonly type: string;
  readonly actorId: string;
  readonly activity: ApObject;
  /** As it came, for the store. */
  readonly raw: Json;
}

export interface GateDependencies {
  readonly loadActorKey: LoadActorKey;
  /** Blocked actors and hosts end here, before anything is fetched for them. They are told nothing. */
  readonly isBlocked: (actorId: string) => Promise<boolean>;
  /** True when the host of a known actor says itself that the actor is gone. Nobody is asked about unknown ones. */
  readonly isGone: (actorId: string) => Promise<boolean>;
}

/**
 * The door for everything that peers post: form and signature without any connection, then the key, then who may speak
 * for whom. Null means that the request is accepted politely and has no effect. Throws `unauthenticated`, `malformed`,
 * `forbidden`, `too_large`.
 */
export async function admitActivity(
  message: SignedMessage & { readonly contentType: string | undefined; readonly contentEncoding: string | undefined },
  here: Here,
  { loadActorKey, isBlocked, isGone }: GateDependencies,
): Promise<ProvenActivity | null> {
  if (message.body.length > MOST_BODY_BYTES)
    throw new AppError('too_large', 'An activity of this size is not accepted.');
  const encoded = message.contentEncoding !== undefined && message.contentEncoding.trim() !== 'identity';
  // A digest of the coded bytes says nothing about what they unfold to, and nobody compresses activities.
  if (encoded || !isActivityPub(message.contentType)) {
    throw new AppError('malformed', 'Send ActivityPub JSON, without a content encoding.');
  }
  const claim = readClaim(message, here);
  const proven = readEnvelope(parsePeerJson(message.body), here.origin);
  const { activity, actorId, type } = proven;
  if (!isSameOrigin(claim.keyId.split('#')[0], actorId, here.origin)) {
    throw new AppError('unauthenticated', 'The key belongs to another host than the actor.');
  }
  if (await isBlocked(actorId)) return null;

  if (type === 'Delete' && singleIdOf(activity, 'object') === actorId) {
    requireOwnWord(proven, here.origin);
    // Mastodon tells every server of every deleted account; whom we never knew is not asked about.
    const stored = await loadActorKey(claim.keyId, 'stored');
    if (stored?.actorId === actorId && fits(claim, stored)) return proven;
    // the key may have gone with its actor, or been rotated before: then its host's own word counts (O11)
    if (await isGone(actorId)) return proven;
    if (!stored) return null;
    throw new AppError('unauthenticated', 'The signature does not fit the key of the actor.');
  }

  const key = await verifyClaim(claim, loadActorKey);
  if (key.actorId !== actorId) throw new AppError('unauthenticated', 'The key belongs to another actor.');
  requireOwnWord(proven, here.origin);
  return proven;
}

/** Who, what and which, each once and well formed. */
function readEnvelope(raw: Json, ownOrigin: string): ProvenActivity {
  const activity = normalise(raw);
  const { id, type } = activity;
  const actorId = singleIdOf(activity, 'actor');
  if (!id || !type || actorId === null || !readId(id, ownOrigin) || !readId(actorId, ownOrigin)) {
    throw new AppError('malformed', 'An activity needs an id, a type and one actor.');
  }
  if (isOwnId(actorId, ownOrigin)) throw new AppError('unauthenticated', 'This node does not post to itself.');
  return { id, type, actorId, activity, raw };
}

const NEEDS_ONE_OBJECT: ReadonlySet<string> = new Set([
  ...[
    'Create',
    'Update',
    'Delete',
    'Follow',
    'Accept',
    'Reject',
    'Undo',
    'Like',
    'Announce',
    'Block',
    'Move',
    'Add',
    'Remove',
  ],
]);

/** Origin rules that need no row: ids on the actor's own host, one object, and nobody else's words inside. */
function requireOwnWord({ id, type, actorId, activity }: ProvenActivity, ownOrigin: string): void {
  if (!isSameOrigin(id, actorId, ownOrigin)) {
    throw new AppError('forbidden', 'The id of the activity belongs to another host.');
  }
  const objects = valuesOf(activity, 'object');
  const [object] = objects;
  if (!NEEDS_ONE_OBJECT.has(type)) return;
  if (objects.length !== 1 || object === undefined || idOf(object) === null) {
    throw new AppError('malformed', `A ${type} needs exactly one object.`);
  }
  if (!readId(idOf(object), ownOrigin)) throw new AppError('malformed', 'The object is not named by a URL.');
  if (type === 'Create' && standingOf(object, actorId, ownOrigin) === 'refused') {
    throw new AppError('forbidden', 'The object is attributed to somebody else.');
  }
  if (type === 'Update' && (isOwnId(idOf(object), ownOrigin) || !isSameOrigin(idOf(object), actorId, ownOrigin))) {
    throw new AppError('forbidden', 'Only its own host can change an object.');
  }
}

import { AS_PUBLIC, type Document, withContext } from './context.ts';

/** What every activity needs: its own id on this node, and who acts. */
export interface Act {
  readonly uri: string;
  readonly actorUri: string;
}

/** Create and Update go to whom the object goes, and carry it whole. */
export function buildCreate(act: Act, object: Document): Document {
  const { to, cc, published } = object;
  return activity('Create', act, { published, to, cc, object });
}

/**
 * What we said is gone, and is there again: who deleted it at our word takes only a new Create, of something that changed
 * since.
 */
export function buildAnew(actorUri: string, object: Document, takenBackAt: Date, now: Date): Document {
  const uri = `${String(object.id)}#create-${takenBackAt.getTime()}`;
  return buildCreate({ uri, actorUri }, { ...object, updated: now.toISOString() });
}

/** `updatedAt` also makes ids of repeated Updates differ, when the caller puts it there. */
export function buildUpdate(act: Act, object: Document, updatedAt: Date): Document {
  const { '@context': _context, ...body } = object;
  // An actor has no audience of its own.
  const { to = [AS_PUBLIC], cc = typeof body.followers === 'string' ? [body.followers] : [] } = body;
  return activity('Update', act, { updated: updatedAt.toISOString(), to, cc, object: body });
}

export interface TombstoneView {
  readonly uri: string;
  readonly formerType: string;
  readonly deletedAt: Date;
  /** Asks servers of our kind to purge copies too. */
  readonly takedown: Document | null;
}

export function buildTombstone({ uri, formerType, deletedAt, takedown }: TombstoneView): Document {
  return {
    id: uri,
    type: 'Tombstone',
    formerType,
    deleted: deletedAt.toISOString(),
    ...(takedown === null ? {} : { takedown }),
  };
}

export function buildDelete(act: Act, tombstone: TombstoneView): Document {
  return activity('Delete', act, { to: [AS_PUBLIC], object: buildTombstone(tombstone) });
}

/** Asks servers of our kind for more than an Update or Delete says (spec/takedowns.md 2.9); others take it for a plain one. */
export const withTakedown = (document: Document, takedown: Document): Document => ({ ...document, takedown });

/** About a thing that keeps its words: only servers of our kind find something in it. */
export function buildNotice(act: Act, objectUri: string, takedown: Document): Document {
  return activity('Update', act, { to: [AS_PUBLIC], object: objectUri, takedown });
}

/** What was done about a notice, to the server that sent it. */
export function buildReceipt(act: Act, noticeUri: string, receipt: Document, toUri: string): Document {
  const type = receipt.result === 'refused' ? 'Reject' : 'Accept';
  return activity(type, act, { to: [toUri], object: noticeUri, receipt });
}

/** An account that ends: the form that Mastodon understands names the actor alone. */
export function buildActorDelete(act: Act): Document {
  return activity('Delete', act, { to: [AS_PUBLIC], object: act.actorUri });
}

export function buildFollow(act: Act, targetUri: string): Document {
  return activity('Follow', act, { to: [targetUri], object: targetUri });
}

/** `follow` is the activity that is answered: whole where it is stored, because some peers compare more than its id. */
export function buildAccept(act: Act, follow: string | Document, followerUri: string): Document {
  return activity('Accept', act, { to: [followerUri], object: withoutContext(follow) });
}

export function buildReject(act: Act, follow: string | Document, followerUri: string): Document {
  return activity('Reject', act, { to: [followerUri], object: withoutContext(follow) });
}

export function buildLike(act: Act, objectUri: string, ownerUri: string): Document {
  return activity('Like', act, { to: [ownerUri], object: objectUri });
}

export function buildAnnounce(act: Act, objectUri: string, followersUri: string, ownerUri: string, at: Date): Document {
  return activity('Announce', act, {
    published: at.toISOString(),
    to: [AS_PUBLIC],
    cc: [followersUri, ownerUri],
    object: objectUri,
  });
}

/** Carries what is undone whole: peers that never stored its id find it by type, actor and object. */
export function buildUndo(act: Act, undone: Document): Document {
  const { to, cc } = undone;
  return activity('Undo', act, { ...(to ? { to } : {}), ...(cc ? { cc } : {}), object: withoutContext(undone) });
}

/** Something of the actor's own at the top of their profile, as Mastodon tells it. */
export function buildAdd(act: Act, objectUri: string, targetUri: string, followersUri: string): Document {
  return activity('Add', act, { to: [AS_PUBLIC], cc: [followersUri], object: objectUri, target: targetUri });
}

export function buildRemove(act: Act, objectUri: string, targetUri: string, followersUri: string): Document {
  return activity('Remove', act, { to: [AS_PUBLIC], cc: [followersUri], object: objectUri, target: targetUri });
}

/** Whoever made a thing wants it left out of somebody else's collection. It is between the two of them. */
export function buildLeave(act: Act, objectUri: string, collectionUri: string, keeperUri: string): Document {
  return activity('Remove', act, { to: [keeperUri], object: objectUri, target: collectionUri });
}

/** FEP-7628: the account moves itself; `target` names it among its aliases. */
export function buildMove(act: Act, targetUri: string, followersUri: string): Document {
  return activity('Move', act, { to: [followersUri], object: act.actorUri, target: targetUri });
}

/** To the server of what is reported, by this one: who of us reported is nobody's business. */
export function buildFlag(
  act: Act,
  report: { readonly objectUris: readonly string[]; readonly content: string; readonly code: string },
  toUri: string,
): Document {
  const { objectUris, content, code } = report;
  return activity('Flag', act, {
    to: [toUri],
    object: objectUris,
    content,
    ...(code === '' ? {} : { reportCode: code }),
  });
}

/** What came of a report, to the server that sent it. */
export function buildOutcome(act: Act, flagUri: string, outcome: string, toUri: string): Document {
  return activity(outcome === 'noAction' ? 'Reject' : 'Accept', act, { to: [toUri], object: flagUri, outcome });
}

export function buildBlock(act: Act, targetUri: string): Document {
  return activity('Block', act, { to: [targetUri], object: targetUri });
}

function activity(type: string, { uri, actorUri }: Act, fields: Document): Document {
  return withContext({ id: uri, type, actor: actorUri, ...fields });
}

function withoutContext(value: string | Document): string | Document {
  if (typeof value === 'string') return value;
  const { '@context': _context, ...body } = value;
  return body;
}

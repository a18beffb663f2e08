import { AppError } from '../../kit/errors.ts';
import type { ApObject } from '../normalise.ts';
import { ACTOR_TYPES, isSameOrigin, valuesOf } from '../origin.ts';
import { type Document, withContext } from './context.ts';
import { booleanOf, htmlOf, linkOf, objectsOf, stringsOf, textOf, timeOf, uriOf } from './read.ts';

export interface AccountView {
  /** The actor's id; `#main-key` and `#ed25519-key` are its keys. */
  readonly uri: string;
  /** `Application` is the node itself; `Service` and `Group` tell of a model, a collection or a tag. */
  readonly type: 'Person' | 'Organization' | 'Application' | 'Service' | 'Group';
  /** The part before the host in `@name@host`. */
  readonly name: string;
  readonly displayName: string;
  readonly summaryHtml: string;
  /** The page for people. */
  readonly url: string;
  readonly inboxUri: string;
  readonly outboxUri: string;
  readonly followersUri: string | null;
  readonly followingUri: string | null;
  readonly sharedInboxUri: string | null;
  /** Only when that collection answers. */
  readonly featuredUri: string | null;
  readonly icon: PictureLink | null;
  readonly banner: PictureLink | null;
  readonly fields: readonly { readonly name: string; readonly valueHtml: string }[];
  readonly approvesFollowers: boolean;
  readonly isDiscoverable: boolean;
  readonly isIndexable: boolean;
  readonly alsoKnownAs: readonly string[];
  readonly movedTo: string | null;
  readonly createdAt: Date | null;
  readonly rsaPublicPem: string;
  readonly ed25519PublicMultibase: string | null;
}

interface PictureLink {
  readonly url: string;
  readonly mediaType: string | null;
}

export function buildAccount(view: AccountView): Document {
  const { uri } = view;
  const isPerson = view.type === 'Person' || view.type === 'Organization';
  return withContext({
    id: uri,
    // Mastodon shows Organization too, but some show only Person; the real type is said by `kind`.
    type: isPerson ? 'Person' : view.type,
    ...(view.type === 'Organization' ? { kind: 'Organization' } : {}),
    ...(isPerson ? { 'f3di:concreteType': 'Creator' } : {}),
    preferredUsername: view.name,
    // Misskey refuses an empty name or summary.
    ...(view.displayName === '' ? {} : { name: view.displayName }),
    ...(view.summaryHtml === '' ? {} : { summary: view.summaryHtml }),
    url: view.url,
    inbox: view.inboxUri,
    outbox: view.outboxUri,
    ...(view.followersUri === null ? {} : { followers: view.followersUri }),
    ...(view.followingUri === null ? {} : { following: view.followingUri }),
    ...(view.featuredUri === null ? {} : { featured: view.featuredUri }),
    ...(view.sharedInboxUri === null ? {} : { endpoints: { sharedInbox: view.sharedInboxUri } }),
    ...(view.icon === null ? {} : { icon: picture(view.icon) }),
    ...(view.banner === null ? {} : { image: picture(view.banner) }),
    attachment: view.fields.map(({ name, valueHtml }) => ({ type: 'PropertyValue', name, value: valueHtml })),
    manuallyApprovesFollowers: view.approvesFollowers,
    discoverable: view.isDiscoverable,
    indexable: view.isIndexable,
    ...(view.alsoKnownAs.length === 0 ? {} : { alsoKnownAs: view.alsoKnownAs }),
    ...(view.movedTo === null ? {} : { movedTo: view.movedTo }),
    ...(view.createdAt === null ? {} : { published: view.createdAt.toISOString() }),
    publicKey: { id: `${uri}#main-key`, owner: uri, publicKeyPem: view.rsaPublicPem },
    ...(view.ed25519PublicMultibase === null
      ? {}
      : { assertionMethod: [multikey(`${uri}#ed25519-key`, uri, view.ed25519PublicMultibase)] }),
  });
}

/** What a peer's actor says of itself. Keys are read by `findActorKey`. */
export interface RemoteAccount extends Omit<AccountView, 'type' | 'rsaPublicPem' | 'ed25519PublicMultibase' | 'url'> {
  readonly type: string;
  readonly url: string;
  /** What an actor tells of that is no person, on its own host. */
  readonly topic: { readonly kind: 'model' | 'collection' | 'tag'; readonly uri: string } | null;
}

/** Throws `malformed` when it is no actor that can be spoken to. Addresses on other hosts are dropped (O27). */
export function parseAccount(actor: ApObject, ownOrigin: string, now: Date): RemoteAccount {
  const { id, type = '' } = actor;
  const own = (uri: string | null): string | null => (uri !== null && isSameOrigin(uri, id, ownOrigin) ? uri : null);
  const endpoint = (key: string) => own(uriOf(actor, key, ownOrigin));
  const name = textOf(actor, 'preferredUsername', 200);
  const inboxUri = endpoint('inbox');
  // Both ends of `@name@host` are shown and searched: what is no name there is no name here (Mastodon, Misskey).
  if (!id || !ACTOR_TYPES.has(type) || !inboxUri || !name || !/^[\p{L}\p{N}_][\p{L}\p{N}_.-]{0,127}$/u.test(name)) {
    throw new AppError('malformed', 'This is not an account.');
  }
  const [endpoints] = objectsOf(actor, 'endpoints', 1);
  const url = linkOf(actor, 'url');
  return {
    uri: id,
    type,
    topic: readTopic(actor, type, own(uriOf(actor, 'topic', ownOrigin))),
    name,
    displayName: textOf(actor, 'name', 120) ?? name,
    summaryHtml: htmlOf(actor, 'summary', 20_000),
    url: url !== null && new URL(url).host === new URL(id).host ? url : id,
    inboxUri,
    outboxUri: endpoint('outbox') ?? '',
    followersUri: endpoint('followers'),
    followingUri: endpoint('following'),
    featuredUri: endpoint('featured'),
    sharedInboxUri: endpoints ? own(uriOf(endpoints, 'sharedInbox', ownOrigin)) : null,
    icon: readPicture(actor, 'icon'),
    banner: readPicture(actor, 'image'),
    fields: objectsOf(actor, 'attachment', 16).flatMap((field) => {
      const label = field.type === 'PropertyValue' ? textOf(field, 'name', 80) : null;
      return label === null ? [] : { name: label, valueHtml: htmlOf(field, 'value', 2_000) };
    }),
    approvesFollowers: booleanOf(actor, 'manuallyApprovesFollowers') ?? false,
    isDiscoverable: booleanOf(actor, 'discoverable') ?? false,
    isIndexable: booleanOf(actor, 'indexable') ?? false,
    alsoKnownAs: stringsOf(actor, 'alsoKnownAs', 10, 2048),
    movedTo: uriOf(actor, 'movedTo', ownOrigin),
    createdAt: timeOf(actor, 'published', now),
  };
}

const TOPICS = [
  ['Model', 'model'],
  ['Collection', 'collection'],
  ['Tag', 'tag'],
] as const;

function readTopic(actor: ApObject, type: string, uri: string | null): RemoteAccount['topic'] {
  const told = textOf(actor, 'kind', 20);
  const [, kind] = TOPICS.find(([name]) => name === told) ?? [];
  return kind === undefined || uri === null || (type !== 'Service' && type !== 'Group') ? null : { kind, uri };
}

function readPicture(object: ApObject, key: string): PictureLink | null {
  for (const value of valuesOf(object, key)) {
    const node: ApObject = typeof value === 'object' ? value : { url: [value] };
    const url = linkOf(node, 'url');
    if (url !== null) return { url, mediaType: textOf(node, 'mediaType', 100) };
  }
  return null;
}

function picture({ url, mediaType }: PictureLink): Document {
  return { type: 'Image', url, ...(mediaType === null ? {} : { mediaType }) };
}

function multikey(id: string, controller: string, publicKeyMultibase: string): Document {
  return { id, type: 'Multikey', controller, publicKeyMultibase };
}

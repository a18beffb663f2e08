import type { Document } from '../../src/federation/vocabulary/context.ts';

/**
 * What four programs take from a document of ours, and what they refuse. Neither recorded from them nor constructed from
 * their sources, which nobody read for it: written from the rules of spec/federation.md, section 5, alone. Where those
 * rules are said to come from, for whoever will compare:
 *
 * - Mastodon: `app/lib/activitypub/parser/status_parser.rb` (0486db9), `parser/media_attachment_parser.rb` (03006bd),
 *   `app/lib/activitypub/activity/create.rb`, `app/services/activitypub/process_account_service.rb`
 * - Pixelfed: `app/Util/ActivityPub/Helpers.php` (000bb58: `validateObject`, `verifyAttachments`, `getScope`, and the depth
 *   of 8 at which `fetchFromUrl` gives up), `config/pixelfed.php` (072d55d: `media_types`)
 * - Misskey: `packages/backend/src/core/activitypub/models/ApNoteService.ts` (005b2fd), `ApPersonService.ts`
 * - Lemmy: `crates/apub/src/protocol/objects/page.rs` (0227424), `note.rs` (01801f7) and `group.rs` (016c9c2), with the wider types of the spec
 *
 * A reader gives what its program would keep, or `refused` with the reason.
 */
export type Reader = (document: Document) => Record<string, unknown>;

const PUBLIC = 'https://www.w3.org/ns/activitystreams#Public';
const PUBLICS: ReadonlySet<unknown> = new Set([PUBLIC, 'as:Public', 'Public']);

type Node = { readonly [key: string]: unknown };

const refused = (why: string) => ({ refused: why });
const hostOf = (value: unknown): string => (URL.canParse(String(value)) ? new URL(String(value)).host : '');
const listOf = (value: unknown): readonly Node[] => [value ?? []].flat() as Node[];
const nodeOf = (value: unknown): Node => (typeof value === 'object' && value !== null ? (value as Node) : {});
const filled = (value: unknown): value is string => typeof value === 'string' && value !== '';

/** An activity is read for its object; everything else is read as it was fetched. */
function unwrap(document: Document): { type: string; actor: unknown; object: Node } {
  const { type } = document;
  const isActivity = type === 'Create' || type === 'Update';
  return { type: String(type), actor: document.actor, object: nodeOf(isActivity ? document.object : document) };
}

const ACTORS: ReadonlySet<unknown> = new Set(['Person', 'Service', 'Group', 'Organization', 'Application']);

const withoutEmpty = (fields: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== null));

export const mastodon: Reader = (document) => {
  const { type, actor, object } = unwrap(document);
  if (document.type === 'Delete') {
    const id = typeof document.object === 'string' ? document.object : nodeOf(document.object).id;
    return id === document.actor ? { deletes: 'account', id } : { deletes: 'status', id };
  }
  if (ACTORS.has(object.type)) return mastodonAccount(object);
  const converted = ['Image', 'Audio', 'Video', 'Article', 'Page', 'Event'];
  if (object.type !== 'Note' && object.type !== 'Question' && !converted.includes(String(object.type))) {
    return refused('a type that it does not show');
  }
  if (actor !== undefined && hostOf(object.id) !== hostOf(actor)) return refused('the id is on another host');
  if (type === 'Update' && !filled(object.updated)) return refused('an edit needs its time');
  const to = listOf(object.to);
  const cc = listOf(object.cc);
  const followers = `${String(object.attributedTo)}/followers`;
  const visibility = to.some((one) => PUBLICS.has(one))
    ? 'public'
    : cc.some((one) => PUBLICS.has(one))
      ? 'unlisted'
      : to.includes(followers as never)
        ? 'private'
        : 'direct';
  return withoutEmpty({
    uri: object.id,
    url: hostOf(object.url) === hostOf(object.id) ? object.url : undefined,
    account: object.attributedTo,
    visibility,
    text: object.type === 'Note' ? object.content : `${String(object.name)} ${String(object.url)}`,
    contentWarning: filled(object.summary) ? object.summary : undefined,
    sensitive: object.sensitive === true || filled(object.summary),
    createdAt: object.published,
    editedAt: object.updated,
    inReplyTo: object.inReplyTo,
    tags: listOf(object.tag)
      .filter((tag) => tag.type === 'Hashtag' && filled(tag.name))
      .map((tag) => tag.name),
    mentions: listOf(object.tag)
      .filter((tag) => tag.type === 'Mention' && filled(tag.href))
      .map((tag) => tag.href),
    // old versions keep four
    media: listOf(object.attachment)
      .filter((one) => filled(one.url))
      .slice(0, 4)
      .map((one) =>
        withoutEmpty({
          url: one.url,
          mediaType: one.mediaType,
          description: one.summary ?? one.name,
          blurhash: /^[\w#$%*+,\-.:;=?@[\]^{|}~]+$/.test(String(one.blurhash ?? '')) ? one.blurhash : undefined,
        }),
      ),
    replies: nodeOf(object.replies).id,
    likes: nodeOf(object.likes).totalItems,
    shares: nodeOf(object.shares).totalItems,
  });
};

function mastodonAccount(actor: Node): Record<string, unknown> {
  if (!filled(actor.inbox) || !filled(actor.preferredUsername)) return refused('no inbox or no name');
  // a single field that is no list is not read
  const fields = Array.isArray(actor.attachment) ? actor.attachment : [];
  return withoutEmpty({
    username: actor.preferredUsername,
    displayName: actor.name ?? '',
    note: actor.summary ?? '',
    url: actor.url,
    actorType: actor.type,
    isLocked: actor.manuallyApprovesFollowers === true,
    isDiscoverable: actor.discoverable === true,
    isIndexable: actor.indexable === true,
    avatar: nodeOf(actor.icon).url,
    header: nodeOf(actor.image).url,
    fields: fields
      .filter((field) => field.type === 'PropertyValue')
      .map(({ name, value }) => ({ name, value }) as Record<string, unknown>),
    alsoKnownAs: actor.alsoKnownAs,
    featured: actor.featured,
    outbox: actor.outbox,
    followers: actor.followers,
    following: actor.following,
    sharedInbox: nodeOf(actor.endpoints).sharedInbox,
    hasKey: filled(nodeOf(actor.publicKey).publicKeyPem) && nodeOf(actor.publicKey).owner === actor.id,
  });
}

/** With the types that its configuration has unless the operator adds to them, and with `image/webp` added. */
const PIXELFED_TYPES = {
  default: ['image/jpeg', 'image/png', 'image/gif'],
  withWebp: ['image/jpeg', 'image/png', 'image/gif', 'image/webp'],
} as const;
const PIXELFED_DEPTH = 8;

const depthOf = (value: unknown): number =>
  typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0;

export const pixelfed: Reader = (document) => {
  const { type, object } = unwrap(document);
  if (document.type === 'Delete') {
    const id = typeof document.object === 'string' ? document.object : nodeOf(document.object).id;
    return filled(id) ? { deletes: id === document.actor ? 'profile' : 'status', id } : refused('no id');
  }
  if (ACTORS.has(object.type)) return pixelfedProfile(object);
  if (type === 'Update') return object.type === 'Note' ? { updates: object.id, caption: object.content } : {};
  if (type === 'Create') {
    const isUrl = (value: unknown) => typeof value === 'string' && URL.canParse(value);
    if (!isUrl(document.actor) || !isUrl(object.attributedTo)) return refused('actor or author is no plain URL');
    if (!filled(document.published)) return refused('the activity has no time');
  }
  if (object.type !== 'Note') return refused('not a Note');
  if (depthOf(object) > PIXELFED_DEPTH) return refused('nested more than eight deep');
  if (!filled(object.published)) return refused('no time');
  const attachments = listOf(object.attachment);
  const isReply = filled(object.inReplyTo);
  if (!Array.isArray(object.attachment) || (attachments.length === 0 && !isReply)) return refused('no pictures');
  const to = listOf(object.to) as readonly unknown[];
  const cc = listOf(object.cc) as readonly unknown[];
  const passes = (types: readonly string[]) => attachments.every((one) => fitsPixelfed(one, types));
  return withoutEmpty({
    uri: object.url ?? object.id,
    profile: object.attributedTo,
    scope: cc.includes(PUBLIC) ? 'unlisted' : to.includes(PUBLIC) ? 'public' : 'private',
    caption: object.content,
    isNsfw: object.sensitive === true,
    contentWarning: object.sensitive === true ? object.summary : undefined,
    inReplyTo: object.inReplyTo,
    takenByDefault: attachments.length === 0 || passes(PIXELFED_TYPES.default),
    takenWithWebp: attachments.length === 0 || passes(PIXELFED_TYPES.withWebp),
    media: attachments.map(({ url, mediaType, name, width, height, blurhash }) =>
      withoutEmpty({ url, mediaType, caption: name, width, height, blurhash }),
    ),
  });
};

function fitsPixelfed(one: Node, types: readonly string[]): boolean {
  const isSide = (side: unknown) =>
    side === undefined || (Number.isInteger(side) && Number(side) >= 1 && Number(side) <= 5000);
  const blurhash = one.blurhash === undefined ? 6 : String(one.blurhash).length;
  return (
    (one.type === 'Document' || one.type === 'Image') &&
    URL.canParse(String(one.url)) &&
    types.includes(String(one.mediaType)) &&
    (one.name === undefined || typeof one.name === 'string') &&
    isSide(one.width) &&
    isSide(one.height) &&
    blurhash >= 6 &&
    blurhash <= 164
  );
}

function pixelfedProfile(actor: Node): Record<string, unknown> {
  const name = String(actor.preferredUsername ?? '');
  if (!/^[a-z0-9]+$/i.test(name.replace(/[_.-]/g, ''))) return refused('the name has other characters');
  const key = nodeOf(actor.publicKey);
  if (!filled(key.id) || !filled(key.publicKeyPem)) return refused('no key');
  if (!filled(actor.inbox) || !filled(actor.outbox)) return refused('no inbox or outbox');
  return withoutEmpty({
    username: `@${name}@${hostOf(actor.id)}`,
    name: actor.name ?? 'Unknown',
    bio: actor.summary,
    avatar: nodeOf(actor.icon).url,
    keyId: key.id,
    sharedInbox: nodeOf(actor.endpoints).sharedInbox,
    isIndexable: actor.indexable === true,
  });
}

const MISSKEY_POSTS: ReadonlySet<unknown> = new Set([
  ...['Note', 'Question', 'Article', 'Audio', 'Document', 'Image', 'Page', 'Video', 'Event'],
]);

export const misskey: Reader = (document) => {
  const { object } = unwrap(document);
  if (typeof document.id !== 'string') return refused('an id that is no string');
  if (document.type === 'Delete') {
    const { formerType, id = document.object } = nodeOf(document.object);
    return { deletes: id === document.actor || ACTORS.has(formerType) ? 'user' : 'note', id };
  }
  if (ACTORS.has(object.type)) return misskeyUser(object);
  if (!MISSKEY_POSTS.has(object.type)) return refused('a type that it does not know');
  const host = hostOf(object.id);
  if (hostOf(object.attributedTo) !== host) return refused('the author is on another host');
  if (!filled(object.url) || hostOf(object.url) !== host) return refused('the page is on another host');
  if (new URL(String(object.id)).protocol !== 'https:') return refused('not https');
  const to = listOf(object.to) as readonly unknown[];
  const cc = listOf(object.cc) as readonly unknown[];
  const followers = `${String(object.attributedTo)}/followers`;
  return withoutEmpty({
    uri: object.id,
    url: object.url,
    visibility: to.some((one) => PUBLICS.has(one))
      ? 'public'
      : cc.some((one) => PUBLICS.has(one))
        ? 'home'
        : to.includes(followers)
          ? 'followers'
          : 'specified',
    cw: object.summary === '' ? undefined : object.summary,
    // only its own Markdown is taken from `source`; all else is the HTML
    text: nodeOf(object.source).mediaType === 'text/x.misskeymarkdown' ? nodeOf(object.source).content : object.content,
    reply: object.inReplyTo,
    tags: listOf(object.tag)
      .filter((tag) => tag.type === 'Hashtag')
      .map((tag) => String(tag.name).replace(/^#/, '')),
    mentions: listOf(object.tag)
      .filter((tag) => tag.type === 'Mention')
      .map((tag) => tag.href),
    files: listOf(object.attachment)
      .filter((one) => filled(one.url) && new URL(one.url).protocol === 'https:')
      .map((one) => withoutEmpty({ url: one.url, comment: one.name, isSensitive: object.sensitive === true })),
  });
};

function misskeyUser(actor: Node): Record<string, unknown> {
  const host = hostOf(actor.id);
  const name = String(actor.preferredUsername ?? '');
  if (!/^\w([\w\-.]*\w)?$/.test(name) || name.length > 128) return refused('the name has other characters');
  for (const key of ['name', 'summary']) {
    // an absent one is fine, an empty one is not
    if (actor[key] !== undefined && !filled(actor[key])) return refused(`an empty ${key}`);
  }
  const places = [actor.inbox, nodeOf(actor.endpoints).sharedInbox, actor.outbox, actor.followers, actor.following];
  const own = [...places, actor.featured, actor.url, nodeOf(actor.publicKey).id].filter((one) => one !== undefined);
  if (!own.every((one) => hostOf(one) === host)) return refused('something of it is on another host');
  return withoutEmpty({
    username: name,
    name: actor.name,
    description: actor.summary,
    url: actor.url,
    isLocked: actor.manuallyApprovesFollowers === true,
    isBot: actor.type === 'Service' || actor.type === 'Application',
    avatar: nodeOf(actor.icon).url,
    banner: nodeOf(actor.image).url,
    fields: listOf(actor.attachment)
      .filter(({ type }) => type === 'PropertyValue')
      .map(({ name: label, value }) => ({ name: label, value })),
    featured: actor.featured,
    alsoKnownAs: actor.alsoKnownAs,
  });
}

const LEMMY_POSTS: ReadonlySet<unknown> = new Set(['Page', 'Article', 'Note', 'Video', 'Event']);

/** What its people subscribe to: `group.rs`. Whose it is, it takes for the list of moderators. */
function lemmyCommunity(group: Node): Record<string, unknown> {
  if (!filled(group.followers)) return refused('a field of a group is missing');
  return withoutEmpty({
    community: group.preferredUsername,
    title: group.name ?? group.preferredUsername,
    description: group.summary,
    followers: group.followers,
    moderators: group.attributedTo,
    sharedInbox: nodeOf(group.endpoints).sharedInbox,
    published: group.published,
  });
}

export const lemmy: Reader = (document) => {
  const { object } = unwrap(document);
  if (document.type === 'Delete') {
    const { id = document.object } = nodeOf(document.object);
    return { deletes: id === document.actor ? 'person' : 'post or comment', id };
  }
  if (ACTORS.has(object.type)) {
    const { preferredUsername, inbox, outbox, publicKey } = object;
    if (![preferredUsername, inbox, outbox].every(filled) || !filled(nodeOf(publicKey).publicKeyPem)) {
      return refused('a field of a person is missing');
    }
    if (object.type === 'Group') return lemmyCommunity(object);
    const isPerson = ['Person', 'Service', 'Organization'].includes(String(object.type));
    if (!isPerson) return object.type === 'Application' ? { site: object.name ?? '' } : refused('not a person');
    return withoutEmpty({
      name: preferredUsername,
      displayName: object.name,
      bio: object.summary,
      avatar: nodeOf(object.icon).url,
      banner: nodeOf(object.image).url,
      sharedInbox: nodeOf(object.endpoints).sharedInbox,
      published: object.published,
    });
  }
  if (typeof object.type !== 'string' || !LEMMY_POSTS.has(object.type)) return refused('a type that it does not know');
  const areUrls = (value: unknown) => listOf(value).every((one) => URL.canParse(String(one)));
  if (!areUrls(object.to) || !areUrls(object.cc)) return refused('an audience that is no URL');
  if (!Array.isArray(object.attachment)) return refused('the attachments are no list');
  const knows = ['Link', 'Image', 'Document'];
  if (!object.attachment.every((one) => knows.includes(String(nodeOf(one).type))))
    return refused('a strange attachment');
  for (const key of ['published', 'updated']) {
    if (object[key] !== undefined && Number.isNaN(Date.parse(String(object[key])))) return refused(`${key} is no time`);
  }
  if (filled(object.inReplyTo)) {
    return filled(object.content)
      ? { comment: object.id, inReplyTo: object.inReplyTo, content: object.content }
      : refused('a comment without content');
  }
  const title = filled(object.name) ? object.name : String(object.content ?? '').replace(/<[^>]+>/g, '');
  const first = nodeOf(object.attachment[0]);
  return withoutEmpty({
    // it is shown where the audience names a community of Lemmy's, which ours does when somebody mentions one
    post: object.id,
    title: title.slice(0, 200),
    body: object.content,
    link: first.href ?? first.url,
    alt: first.name,
    isNsfw: object.sensitive === true,
    waitsForCommunity: true,
  });
};

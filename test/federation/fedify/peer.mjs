// A server of another make: one person, Fedify's own signatures, WebFinger, vocabulary and inbox. What it does is asked
// for over the channel of the process that started it; what it understood of what it got is told the same way.
import { createFederation, exportJwk, generateCryptoKeyPair, importJwk, MemoryKvStore } from '@fedify/fedify';
import {
  Accept,
  Activity,
  Announce,
  Create,
  Delete,
  Document,
  Endpoints,
  Follow,
  Hashtag,
  Image,
  isActor,
  Like,
  Note,
  Person,
  PUBLIC_COLLECTION,
  Tombstone,
  Undo,
  Update,
} from '@fedify/vocab';
import { serve } from './serve.mjs';

const [address, scheme, pictureBase64] = process.argv.slice(2);
const NAME = 'vic';
const Temporal = globalThis.Temporal ?? (await import('@js-temporal/polyfill')).Temporal;

const pairs = [];
for (const kind of ['RSASSA-PKCS1-v1_5', 'Ed25519']) {
  const pair = await generateCryptoKeyPair(kind);
  pairs.push({
    privateKey: await importJwk(await exportJwk(pair.privateKey), 'private'),
    publicKey: await importJwk(await exportJwk(pair.publicKey), 'public'),
  });
}

/** What arrived and passed Fedify's own checks, as far as Fedify understood it. */
const received = [];
/** How each request that this server sent was signed, and what was answered. */
const sent = [];
/** How each request to an inbox here was signed, and what this server answered. */
const knocks = [];
const notes = new Map();
const followers = new Map();

const schemeOf = (headers) => {
  if (headers.has('signature-input')) return 'rfc9421';
  return headers.has('signature') ? 'draft-cavage-http-signatures-12' : 'none';
};

const plainFetch = globalThis.fetch;
globalThis.fetch = async (input, init) => {
  const request = new Request(input, init);
  const note = { method: request.method, url: request.url, scheme: schemeOf(request.headers) };
  const response = await plainFetch(request);
  sent.push({ ...note, status: response.status });
  return response;
};

const federation = createFederation({
  kv: new MemoryKvStore(),
  allowPrivateAddress: true,
  firstKnock: scheme,
});

federation
  .setActorDispatcher('/users/{identifier}', async (ctx, identifier) => {
    if (identifier !== NAME) return null;
    const keys = await ctx.getActorKeyPairs(identifier);
    return new Person({
      id: ctx.getActorUri(identifier),
      preferredUsername: identifier,
      name: 'Vic of Fedify',
      summary: '<p>Paints with another brush.</p>',
      inbox: ctx.getInboxUri(identifier),
      outbox: ctx.getOutboxUri(identifier),
      followers: ctx.getFollowersUri(identifier),
      endpoints: new Endpoints({ sharedInbox: ctx.getInboxUri() }),
      url: new URL(`/@${identifier}`, ctx.origin),
      publicKey: keys[0].cryptographicKey,
      assertionMethods: keys.map((key) => key.multikey),
    });
  })
  .setKeyPairsDispatcher((_ctx, identifier) => (identifier === NAME ? pairs : []));
federation.setFollowersDispatcher('/users/{identifier}/followers', () => ({ items: [...followers.values()] }));
federation.setOutboxDispatcher('/users/{identifier}/outbox', () => ({ items: [] }));
federation.setObjectDispatcher(Note, '/notes/{id}', (_ctx, { id }) => notes.get(id) ?? null);
federation
  .setInboxListeners('/users/{identifier}/inbox', '/inbox')
  .setSharedKeyDispatcher(() => ({ identifier: NAME }))
  .on(Activity, async (ctx, activity) => {
    received.push(await told(ctx, activity));
    if (activity instanceof Follow) {
      const follower = await activity.getActor(ctx);
      if (!isActor(follower)) return;
      followers.set(follower.id.href, follower);
      const accept = new Accept({
        id: new URL(`/accepts/${received.length}`, ctx.origin),
        actor: ctx.getActorUri(NAME),
        to: follower.id,
        object: activity,
      });
      await ctx.sendActivity({ identifier: NAME }, follower, accept);
    }
    if (activity instanceof Undo && (await activity.getObject(ctx)) instanceof Follow) {
      followers.delete(activity.actorId.href);
    }
  });

/** The parts of an activity that a reader of another make has to understand. */
async function told(ctx, activity) {
  // the Follow inside an Accept is this server's own, so it is trusted there, as Fedify's manual has it
  const { documentLoader, contextLoader } = ctx;
  const trust = activity instanceof Accept ? { crossOrigin: 'trust' } : {};
  const object = await activity.getObject({ documentLoader, contextLoader, ...trust }).catch(() => null);
  const attachments = [];
  if (object instanceof Note) {
    for await (const one of object.getAttachments(ctx)) {
      if (one instanceof Document || one instanceof Image) {
        attachments.push({
          type: one.constructor.name,
          url: String(one.url?.href ?? one.url),
          mediaType: one.mediaType,
          name: one.name?.toString() ?? null,
          size: [one.width, one.height],
        });
      }
    }
  }
  const tags = [];
  if (object instanceof Note) {
    for await (const tag of object.getTags(ctx)) if (tag instanceof Hashtag) tags.push(tag.name?.toString());
  }
  return {
    type: activity.constructor.name,
    id: activity.id?.href ?? null,
    actor: activity.actorId?.href ?? null,
    objectId: activity.objectId?.href ?? null,
    objectType: object?.constructor.name ?? null,
    content: object?.content?.toString() ?? null,
    inReplyTo: object instanceof Note ? (object.replyTargetId?.href ?? null) : null,
    // of what is undone or accepted: what that was about
    innerObjectId: object instanceof Activity ? (object.objectId?.href ?? null) : null,
    attachments,
    tags,
  };
}

const picture = Buffer.from(pictureBase64 ?? '', 'base64');
const server = await serve(address, 0, async (request) => {
  const { pathname } = new URL(request.url);
  if (pathname === '/valley.png') return new Response(picture, { headers: { 'content-type': 'image/png' } });
  if (request.method !== 'POST') return federation.fetch(request, { contextData: undefined });
  // a server that understands one kind of signature only
  const kind = schemeOf(request.headers);
  const response =
    kind === scheme
      ? await federation.fetch(request, { contextData: undefined })
      : new Response('Unauthorized', { status: 401 });
  knocks.push({ path: pathname, scheme: kind, status: response.status });
  return response;
});
const origin = `http://${address}:${server.address().port}`;
const context = () => federation.createContext(new URL(origin), undefined);

let serial = 0;
const nextId = (what) => {
  serial += 1;
  return new URL(`/${what}/${serial}`, origin);
};
const common = () => ({ actor: context().getActorUri(NAME), tos: [PUBLIC_COLLECTION] });

function makeNote({ id, content, inReplyTo, withPicture, publishedAt }) {
  const ctx = context();
  return new Note({
    id: new URL(`/notes/${id}`, origin),
    attribution: ctx.getActorUri(NAME),
    content,
    url: new URL(`/notes/${id}`, origin),
    tos: [PUBLIC_COLLECTION],
    ccs: [ctx.getFollowersUri(NAME)],
    published: Temporal.Instant.from(publishedAt),
    ...(inReplyTo ? { replyTarget: new URL(inReplyTo) } : {}),
    ...(withPicture
      ? {
          attachments: [
            new Image({
              url: new URL('/valley.png', origin),
              mediaType: 'image/png',
              name: 'A valley of another make',
              width: 64,
              height: 48,
            }),
          ],
        }
      : {}),
    tags: [new Hashtag({ name: '#valley', href: new URL('/tags/valley', origin) })],
  });
}

const send = async (to, activity) => {
  const ctx = context();
  const recipient = await ctx.lookupObject(to);
  if (!isActor(recipient)) throw new Error(`${to} is no actor`);
  await ctx.sendActivity({ identifier: NAME }, recipient, activity);
  return activity.id.href;
};

/** Activities that are taken back later, by id. */
const said = new Map();

const acts = {
  async lookUp({ url }) {
    const ctx = context();
    const finger = await ctx.lookupWebFinger(new URL(url));
    const actor = await ctx.lookupObject(url);
    return {
      subject: finger?.subject,
      self: finger?.links?.find((link) => link.rel === 'self')?.href,
      type: actor?.constructor.name,
      id: actor?.id?.href,
      name: actor?.preferredUsername?.toString(),
      keys: isActor(actor) ? (await Array.fromAsync(actor.getPublicKeys(ctx))).map((key) => key.id.href) : [],
    };
  },
  async follow({ to }) {
    const activity = new Follow({ id: nextId('follows'), actor: context().getActorUri(NAME), object: new URL(to) });
    said.set(activity.id.href, activity);
    return send(to, activity);
  },
  async like({ to, object }) {
    const activity = new Like({ id: nextId('likes'), ...common(), object: new URL(object) });
    said.set(activity.id.href, activity);
    return send(to, activity);
  },
  async announce({ to, object }) {
    const activity = new Announce({ id: nextId('announces'), ...common(), object: new URL(object) });
    said.set(activity.id.href, activity);
    return send(to, activity);
  },
  undo: ({ to, id }) => send(to, new Undo({ id: nextId('undos'), ...common(), object: said.get(id) })),
  async create({ to, ...note }) {
    const object = makeNote(note);
    notes.set(note.id, object);
    await send(to, new Create({ id: nextId('creates'), ...common(), object }));
    return object.id.href;
  },
  async update({ to, updatedAt, ...note }) {
    const object = makeNote(note).clone({ updated: Temporal.Instant.from(updatedAt) });
    notes.set(note.id, object);
    await send(to, new Update({ id: nextId('updates'), ...common(), object }));
    return object.id.href;
  },
  async remove({ to, id }) {
    notes.delete(id);
    const object = new Tombstone({ id: new URL(`/notes/${id}`, origin) });
    return send(to, new Delete({ id: nextId('deletes'), ...common(), object }));
  },
  /** Reads an object at its own address and the answers that it says it has. */
  async read({ url }) {
    const ctx = context();
    const object = await ctx.lookupObject(url);
    const replies = object instanceof Note ? await object.getReplies(ctx) : null;
    const items = [];
    if (replies) {
      for await (const item of ctx.traverseCollection(replies)) items.push(item.id?.href);
    }
    return { type: object?.constructor.name ?? null, hasReplies: replies !== null, replies: items };
  },
  received: () => received,
  sent: () => sent,
  knocks: () => knocks,
};

process.on('message', async ({ call, name, input }) => {
  try {
    process.send({ call, result: (await acts[name](input)) ?? null });
  } catch (error) {
    process.send({ call, error: String(error.stack ?? error) });
  }
});
process.on('disconnect', () => process.exit(0));
process.send({ origin });

import { createRequire } from 'node:module';
import { AppError } from '../kit/errors.ts';
import type { ApexParts, ApexStore, Middleware } from './apex-parts.ts';
import type { Json } from './json.ts';
import { type ApObject, normalise, PUBLIC } from './normalise.ts';
import { isOwnId, valuesOf } from './origin.ts';
import { toWire } from './wire.ts';

/**
 * activitypub-express 4.4.2 as a kit of parts: builders, IRI helpers, collection readers and the side effects of
 * Follow, Accept, Reject, Undo and Block on the store. It never sees a request, opens no connection and loads no
 * driver; the gate, the fetcher, the JSON layer, delivery and keys are ours (spec/federation.md). Its outbox POST,
 * `/proxy`, `blocked`, `rejected` and inbox GET are not reachable from here, because nothing is routed to it.
 */
export interface ApexSettings {
  readonly ownOrigin: string;
  readonly store: ApexStore;
  /** Reads an object from its own address, behind the guarded client. */
  readonly requestObject: (id: string) => Promise<ApObject | null>;
}

type SideEffect = 'Follow' | 'Accept' | 'Reject' | 'Undo' | 'Block';

export interface Apex extends ApexParts {
  /**
   * Saves an activity that the gate has proven into the recipient's stream, and applies what follows from it in the
   * store. True when this node had not seen it before.
   */
  receive(
    activity: ApObject & { type: SideEffect },
    actor: ApObject,
    recipient: ApObject,
    object: ApObject,
  ): Promise<boolean>;
}

/** Loads the package on the first call (about 0.1 s and 8 MB) and checks it. Throws when it is not the one we know. */
export function openApex({ ownOrigin, store, requestObject }: ApexSettings): Apex {
  const instance = loadPackage()({
    baseUrl: ownOrigin,
    name: 'tessera',
    routes: ROUTES,
    actorParam: 'name',
    objectParam: 'id',
    store,
    offlineMode: true, // its own delivery loop never starts
    logger: SILENT,
  });
  const replaced = replacements({ ownOrigin, store, requestObject }, instance);
  checkParts(instance, Object.keys(replaced));
  Object.assign(instance, replaced);
  return Object.assign(instance, {
    receive: (activity: ApObject, actor: ApObject, target: ApObject, object: ApObject) =>
      receive(instance, activity, { actor, target, object }),
  });
}

const ROUTES = {
  ...{ actor: '/users/:name', inbox: '/users/:name/inbox', outbox: '/users/:name/outbox' },
  ...{ followers: '/users/:name/followers', following: '/users/:name/following', liked: '/users/:name/liked' },
  ...{ object: '/objects/:id', activity: '/activities/:id', shares: '/activities/:id/shares' },
  ...{ likes: '/activities/:id/likes', collections: '/users/:name/collections/:id' },
  // Names for streams in the store; nothing answers there.
  ...{ blocked: '/users/:name/blocked', rejected: '/users/:name/rejected', rejections: '/users/:name/rejections' },
};
const SILENT = { error: () => {}, warn: () => {}, info: () => {} };

type Instance = ApexParts & {
  readonly net: { readonly activity: Readonly<Record<string, Middleware>> } & Readonly<Record<string, object>>;
};
type Factory = (settings: object) => Instance;

/** Everything that would reach outside, decide who is who, make a key, or trust what lies inside a message. */
function replacements({ ownOrigin, store, requestObject }: ApexSettings, instance: Instance): Record<string, unknown> {
  const refuse = (name: string) => () => {
    throw new AppError('unavailable', `activitypub-express must not call ${name} here.`);
  };
  const stored = async (id: unknown, includeMeta = false) =>
    typeof id === 'string' ? await store.getObject(id, includeMeta) : undefined;
  return {
    requestObject,
    resolveObject: async (value: unknown, includeMeta?: boolean, refresh?: boolean, localOnly?: boolean) => {
      const [first] = [value].flat() as (string | ApObject)[];
      const id = typeof first === 'string' ? first : first?.id; // an inline object is a reference
      const known = refresh ? undefined : await stored(id, includeMeta);
      if (known || localOnly || id === undefined || isOwnId(id, ownOrigin)) return known ?? undefined;
      return await requestObject(id);
    },
    resolveActivity: async (value: unknown, includeMeta?: boolean) =>
      typeof value === 'string' ? await store.getActivity(value, includeMeta) : undefined,
    resolveUnknown: async () => null,
    resolveReferences: async () => [],
    fromJSONLD: async (object: object) => ({ ...normalise(object as Json) }),
    toJSONLD: async (object: ApObject) => toWire(object),
    jsonldContextLoader: refuse('jsonldContextLoader'),
    isLocalIRI: (id: string) => isOwnId(id, ownOrigin),
    isPublic: (object: ApObject) => instance.audienceFromActivity(object).includes(PUBLIC),
    // It would tell all followers of each new follower, n² messages in all.
    publishUpdate: async () => undefined,
    publishUndoUpdate: async () => undefined,
    createActor: refuse('createActor'),
    publishActivity: refuse('publishActivity'),
    queueForDelivery: refuse('queueForDelivery'),
    startDelivery: async () => undefined,
    runDelivery: refuse('runDelivery'),
    deliver: refuse('deliver'),
    generateNodeInfo: refuse('generateNodeInfo'),
  };
}

/** The layout of `apex.net` that was read and judged; another one means another package than 4.4.2. */
const EXPECTED_NET: Readonly<Record<string, readonly string[]>> = {
  activity: ['save', 'forwardFromInbox', 'inboxSideEffects', 'outboxSideEffects', 'resolveThread'],
  'inbox.post': [
    ...['jsonld', 'targetActorWithMeta', 'verifySignature', 'actor', 'activityObject', 'inboxActivity'],
    ...['save', 'resolveThread', 'inboxSideEffects', 'forwardFromInbox', 'status'],
  ],
  'outbox.post': [
    ...['jsonld', 'targetActorWithMeta', 'verifyAuthorization', 'requireAuthorized', 'outboxCreate'],
    ...['outboxActivityObject', 'outboxActivity', 'save', 'outboxSideEffects', 'status'],
  ],
};
const KEPT = [
  ...['buildActivity', 'buildTombstone', 'buildCollection', 'buildCollectionPage', 'getFollowers', 'getFollowing'],
  ...['getOutbox', 'audienceFromActivity', 'validateOwner', 'addPageToIRI', 'mergeJSONLD', 'objectIdFromValue'],
];

/** The node refuses to start on a package that it does not know. */
export function checkParts(instance: object, replaced: readonly string[]): void {
  const parts = instance as Readonly<Record<string, unknown>>;
  const missing = [...replaced, ...KEPT].filter((name) => typeof parts[name] !== 'function');
  const net = parts.net as Readonly<Record<string, Readonly<Record<string, unknown>>>> | undefined;
  const changed = Object.entries(EXPECTED_NET).filter(([path, expected]) => {
    const [group = '', verb] = path.split('.');
    const found = verb === undefined ? Object.values(net?.[group] ?? {}) : net?.[group]?.[verb];
    const names = Array.isArray(found) ? found.map((one: unknown) => (typeof one === 'function' ? one.name : '')) : [];
    return names.join() !== expected.join();
  });
  if (missing.length === 0 && changed.length === 0) return;
  const what = [...missing, ...changed.map(([path]) => `net.${path}`)].join(', ');
  throw new AppError('unavailable', `activitypub-express is not the version that is known here: ${what}.`);
}

/** Its middleware, called with the least that it reads from Express. */
async function receive(
  instance: Instance,
  activity: ApObject,
  { actor, target, object }: { actor: ApObject; target: ApObject; object: ApObject },
): Promise<boolean> {
  const [inbox] = valuesOf(target, 'inbox');
  const request = { app: { locals: { apex: instance } }, body: { ...activity, _meta: { collection: [inbox] } } };
  const locals: Record<string, unknown> = { activity: true, actor, target, object, postWork: [] };
  for (const name of ['save', 'inboxSideEffects']) {
    const step = instance.net.activity[name];
    await new Promise<void>((resolve, reject) => {
      step?.(request, { locals: { apex: locals } }, (error) => (error ? reject(error) : resolve()));
    });
  }
  return locals.isNewActivity === true; // 'new collection' when only the stream is new
}

/**
 * What it would load and we replace: the MongoDB driver, an HTTP client, its signature library and a JSON-LD processor
 * with an HTTP client of its own: 370 modules, 40 MB. Empty modules are put in their place before it is loaded, so
 * they cannot run even by mistake.
 */
const DEAD_WEIGHT: Readonly<Record<string, unknown>> = {
  mongodb: {},
  'request-promise-native': null,
  'http-signature': {},
  jsonld: { documentLoaders: { node: () => null } },
};

function loadPackage(): Factory {
  const require = createRequire(import.meta.url);
  const path = require.resolve('activitypub-express');
  const inside = createRequire(path);
  for (const [name, exports] of Object.entries(DEAD_WEIGHT)) {
    const file = inside.resolve(name);
    if (require.cache[file]) continue;
    const module = {
      id: file,
      filename: file,
      path: file,
      loaded: true,
      exports,
      children: [],
      paths: [],
      require: inside,
    };
    require.cache[file] = { ...module, isPreloading: false, parent: null };
  }
  return require(path) as Factory;
}

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { checkParts, openApex } from '../../src/federation/apex.ts';
import type { ApexStore } from '../../src/federation/apex-parts.ts';
import { type ApObject, normalise } from '../../src/federation/normalise.ts';
import { AS_PUBLIC } from '../../src/federation/vocabulary/context.ts';
import { toWire } from '../../src/federation/wire.ts';
import { AppError } from '../../src/kit/errors.ts';

const OWN = 'https://node.example';
const ALICE = `${OWN}/users/alice`;
const VIC = 'https://v.example/users/vic';

/** A store in memory with the contract that the package expects of a real one. */
function memoryStore() {
  const activities = new Map<string, ApObject & { _meta: { collection: string[] } }>();
  let ids = 0;
  const missing = async () => null;
  const store: ApexStore = {
    generateId: () => `id-${++ids}`,
    getObject: missing,
    saveObject: missing,
    getActivity: async (id) => activities.get(id),
    findActivityByCollectionAndObjectId: missing,
    findActivityByCollectionAndActorId: missing,
    getStream: async () => [],
    getStreamCount: async (collection) =>
      [...activities.values()].filter((one) => one._meta.collection.includes(collection)).length,
    saveActivity: async (activity) => {
      if (activities.has(activity.id ?? '')) return false;
      activities.set(activity.id ?? '', structuredClone(activity) as never);
      return true;
    },
    removeActivity: async (activity) => activities.delete(activity.id ?? ''),
    updateActivity: missing,
    updateActivityMeta: async (activity, _key, value, remove) => {
      const row = activities.get(activity.id ?? '');
      if (!row) throw new Error('There is no such activity.');
      const others = row._meta.collection.filter((one) => one !== value);
      row._meta.collection = remove ? others : [...others, value];
      return row;
    },
    updateObject: missing,
    getUserCount: async () => 0,
  };
  return { store, activities };
}

const actor = (id: string) =>
  normalise({ id, type: 'Person', inbox: `${id}/inbox`, followers: `${id}/followers`, following: `${id}/following` });

function open() {
  const requests: string[] = [];
  const { store, activities } = memoryStore();
  const requestObject = async (id: string) => {
    requests.push(id);
    return null;
  };
  return { apex: openApex({ ownOrigin: OWN, store, requestObject }), activities, requests };
}

test('the package loads without its database driver, HTTP clients, JSON-LD processor and Express', () => {
  open();
  const { cache } = createRequire(import.meta.url);
  const loaded = Object.keys(cache);
  assert.ok(loaded.some((file) => file.includes('activitypub-express')));
  const dead = /node_modules\/(@mongodb-js|bson|express|@cypress\/request|tough-cookie|rdf-canonize|undici|ky|sshpk)\//;
  assert.deepEqual(
    loaded.filter((file) => dead.test(file)),
    [],
  );
});

test('the self-check refuses a package whose functions or pipelines differ from what was judged', () => {
  const { apex } = open();
  assert.doesNotThrow(() => checkParts(apex, ['requestObject', 'jsonldContextLoader']));
  const unknown = (error: unknown) => error instanceof AppError && /known here/.test(error.message);
  assert.throws(() => checkParts(apex, ['aFunctionThatIsGone']), unknown);
  const { net } = apex as unknown as { net: { inbox: { post: unknown[] } } };
  const rerouted = { ...net, inbox: { post: net.inbox.post.filter((_one, n) => n !== 2) } };
  assert.throws(() => checkParts({ ...apex, net: rerouted }, []), unknown);
});

test('its builders write our shape, and what goes out has lists, the full Public and no blind recipients', async () => {
  const { apex, requests } = open();
  const create = await apex.buildActivity('Create', ALICE, [AS_PUBLIC], { object: `${OWN}/posts/1`, bcc: [VIC] });
  assert.deepEqual(create.to, ['as:Public']);
  assert.match(create.id ?? '', /^https:\/\/node\.example\/activities\/id-\d+$/);
  const wire = toWire({ ...create, _meta: { privateKey: 'PRIVATE' } } as unknown as ApObject);
  assert.deepEqual(wire.to, [AS_PUBLIC]);
  assert.equal(wire.object, `${OWN}/posts/1`);
  assert.equal(wire.bcc, undefined);
  assert.ok(!JSON.stringify(wire).includes('PRIVATE'));
  const tombstone = await apex.buildTombstone(create);
  assert.deepEqual([tombstone.type, tombstone.id], ['Tombstone', create.id]);
  assert.deepEqual((await apex.buildCollection(`${ALICE}/followers`, true, 3)).totalItems, [3]);
  assert.deepEqual(requests, []);
});

test('O25 an address that begins like ours is not local; streams are named by the routes of this node', () => {
  const { apex } = open();
  assert.equal(apex.isLocalIRI('https://node.example.evil.test/users/alice'), false);
  assert.equal(apex.isLocalIRI(ALICE), true);
  assert.equal(apex.utils.usernameToIRI('alice'), ALICE);
  assert.equal(apex.utils.iriToCollectionInfo(`${ALICE}/followers`)?.name, 'followers');
});

test('S11 R05 the same Follow twice is one effect; an Accept of our own Follow counts, of a stranger it does not', async () => {
  const { apex, activities, requests } = open();
  const [alice, vic] = [actor(ALICE), actor(VIC)];
  const follow = {
    ...normalise({ id: 'https://v.example/f/1', type: 'Follow', actor: VIC, object: ALICE }),
    type: 'Follow' as const,
  };
  assert.equal(await apex.receive(follow, vic, alice, alice), true);
  assert.equal(await apex.receive(follow, vic, alice, alice), false);
  assert.equal(activities.size, 1);

  const ours = normalise({ id: `${OWN}/f/2`, type: 'Follow', actor: ALICE, object: VIC });
  activities.set(`${OWN}/f/2`, { ...ours, _meta: { collection: [] } } as never);
  const accept = {
    ...normalise({ id: 'https://v.example/a/1', type: 'Accept', actor: VIC, object: `${OWN}/f/2` }),
    type: 'Accept' as const,
  };
  await apex.receive(accept, vic, alice, ours);
  assert.deepEqual(activities.get(`${OWN}/f/2`)?._meta.collection, [`${ALICE}/following`]);

  const bobs = normalise({ id: `${OWN}/f/3`, type: 'Follow', actor: `${OWN}/users/bob`, object: VIC });
  activities.set(`${OWN}/f/3`, { ...bobs, _meta: { collection: [] } } as never);
  await apex.receive({ ...accept, id: 'https://v.example/a/2' }, vic, alice, bobs);
  assert.deepEqual(activities.get(`${OWN}/f/3`)?._meta.collection, []);
  assert.deepEqual(requests, []);
});

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { TestContext } from 'node:test';
import type { EntityManager } from '@mikro-orm/core';
import { acceptFollow, followAccount } from '../../../src/accounts/follow.ts';
import { Account, Follow } from '../../../src/accounts/model.ts';
import { ENTITIES } from '../../../src/entities.ts';
import { type ActorKeys, generateActorKeys } from '../../../src/federation/signatures/keys.ts';
import { rows } from '../../../src/kit/database/sql.ts';
import { isPublicAddress } from '../../../src/kit/net/addresses.ts';
import type { Reach } from '../../../src/kit/net/target.ts';
import { givenMember } from '../../factories/accounts.ts';
import { type TestNode, testNode } from '../../node.ts';
import { here } from '../signing.ts';
import { makeAuthority } from './certificates.ts';
import { deliver, nextId, nextNumber, type Place } from './client.ts';
import { type Actor, type ScriptedHost, type Site, scriptedHost } from './hosts.ts';
import { attempts, ownDoors } from './sockets.ts';
import { probe } from './stall.ts';

/**
 * The set-up of spec/federation.md, section 4: node N with alice (open), bob (locked) and carol, the honest host V with
 * vic and fan, the hostile host E with mallory; fan follows bob. V and E lie on loopback under names of their own; their
 * two sockets are the only private ones that N may open.
 */
export interface World extends Place, Pick<TestNode, 'node' | 'clock' | 'settle' | 'workAs' | 'start'> {
  readonly alice: Account;
  readonly bob: Account;
  readonly carol: Account;
  readonly aliceUri: string;
  readonly bobUri: string;
  readonly v: ScriptedHost;
  readonly e: ScriptedHost;
  readonly vic: Actor;
  readonly fan: Actor;
  readonly mallory: Actor;
  /** Names and addresses beside those of V and E; what is not here does not exist. */
  readonly names: Map<string, () => readonly string[]>;
  /** Names that N asked the name server about. */
  readonly lookups: string[];
  /** A key pair that is nobody's. */
  readonly otherKeys: ActorKeys;
  em(): EntityManager;
  /** A name of V, or of E, that nothing was heard of yet. */
  freshV(): Site;
  freshE(): Site;
  /** A fresh actor of V whom this account follows, by a Follow and its Accept. */
  followed(by: Account): Promise<Actor>;
  mark(): Promise<Mark>;
  /** Asserts that nothing came of it since the mark. */
  nothing(mark: Mark, exceptions?: Exceptions): Promise<void>;
}

interface Exceptions {
  /** URLs that N may ask for, in any order and number. */
  readonly asks?: readonly string[];
  /** Hosts whose actors may have become known. */
  readonly knows?: readonly Site[];
  /** It was let in at the door: its own row and job are there. */
  readonly admitted?: true;
  /** The name server may be asked, though nobody is connected to. */
  readonly looksUp?: true;
}

interface Mark {
  readonly rows: ReadonlyMap<string, string>;
  readonly attempts: number;
  readonly lookups: number;
  readonly askedOfV: number;
  readonly askedOfE: number;
  readonly received: number;
}

export async function openWorld(t: TestContext, env: Readonly<Record<string, string>> = {}): Promise<World> {
  const authority = makeAuthority();
  const [vKeys, eKeys, otherKeys] = [
    await generateActorKeys(),
    await generateActorKeys(),
    await generateActorKeys(),
  ] as const;
  const v = await scriptedHost(t, '127.0.0.2', authority, ['v.example', '*.v.example'], vKeys);
  const eNames = ['e.example', '*.e.example', 'v.e.example', 'xn--v-0ga.example', 'v.example.e.example'];
  const e = await scriptedHost(t, '127.0.0.3', authority, eNames, eKeys);
  const names = new Map<string, () => readonly string[]>();
  const lookups: string[] = [];
  const sockets = new Set([v, e].map(({ address, port }) => `${address}:${port}`));
  const reach: Reach = {
    allowAddress: (address, port) => sockets.has(`${address}:${port}`) || isPublicAddress(address),
    // the peers of the suite cannot have the usual port; that others are refused is shown in test/kit/net.test.ts
    ...{ anyPort: true, plainHttp: false, localNames: false },
  };
  const resolve = async (name: string) => {
    lookups.push(name);
    const known = names.get(name);
    if (known) return known();
    if (name === 'v.example' || /^v\d+\.v\.example$/.test(name)) return [v.address];
    return /(^|\.)e\.example$/.test(name) ? [e.address] : [];
  };
  const n = await testNode(t, {
    env: { PUBLIC_URL: here.origin, ...env },
    net: { reach, resolve, ca: authority.certificatePem },
  });
  n.clock.set(here.now);
  const listening = await n.start('web', 'worker');
  ownDoors.add(listening.host);
  // where every connection is counted, nobody is asked what they run when the clock is moved
  await rows(n.node.orm.em.fork(), `delete from job where name = 'federation.sweep-peers' returning id`);
  const [alice, bob, carol] = [
    await givenMember(n.em, 'alice'),
    await givenMember(n.em, 'bob'),
    await givenMember(n.em, 'carol'),
  ];
  const em = () => n.node.orm.em.fork();
  await em().nativeUpdate(Account, { id: bob.id }, { isLocked: true });
  const [vSite, eSite] = [v.site('v.example'), e.site('e.example')];
  const uriOf = (name: string) => `${here.origin}/users/${name}`;
  const sites: Site[] = [vSite, eSite];
  const fresh = (host: ScriptedHost, letter: string) => {
    const made = host.site(`${letter}${nextNumber()}.${letter}.example`);
    sites.push(made);
    return made;
  };
  const receivedCount = () => sites.reduce((sum, { received }) => sum + received.length, 0);
  const world: World = {
    ...{ node: n.node, clock: n.clock, settle: n.settle, workAs: n.workAs, start: n.start },
    ...{ listening, origin: here.origin, now: n.clock.now, replies: [] },
    ...{ alice, bob, carol, aliceUri: uriOf('alice'), bobUri: uriOf('bob') },
    ...{ v, e, names, lookups, otherKeys, em },
    vic: vSite.actor('vic'),
    fan: vSite.actor('fan'),
    mallory: eSite.actor('mallory'),
    freshV: () => fresh(v, 'v'),
    freshE: () => fresh(e, 'e'),
    async followed(by) {
      const site = fresh(v, 'v');
      const actor = site.actor('followed');
      assert.equal((await deliver(world, actor, { type: 'Like', object: world.aliceUri })).status, 202);
      await world.settle();
      const target = await em().findOneOrFail(Account, { uri: actor.id });
      await followAccount(n.workAs(by), target.id);
      await world.settle();
      const asked = site.received.find(({ body }) => body.type === 'Follow')?.body;
      assert.ok(asked, 'the Follow arrived');
      assert.equal((await deliver(world, actor, { type: 'Accept', object: asked })).status, 202);
      await world.settle();
      assert.equal(await em().count(Follow, { target: target.id, state: 'accepted' }), 1);
      return actor;
    },
    async mark() {
      await world.settle();
      const [dump, counts] = [
        await probe.pausedFor(() => dumpRows(n)),
        { attempts: attempts.length, lookups: lookups.length },
      ];
      return { rows: dump, ...counts, askedOfV: v.asked.length, askedOfE: e.asked.length, received: receivedCount() };
    },
    async nothing(mark, { asks = [], knows = [], admitted, looksUp } = {}) {
      await world.settle();
      const asked = [...v.asked.slice(mark.askedOfV), ...e.asked.slice(mark.askedOfE)];
      for (const url of asked) assert.ok(asks.includes(url), `asked for ${url}`);
      const opened = attempts.slice(mark.attempts);
      assert.deepEqual(
        opened.filter((socket) => !sockets.has(socket)),
        [],
        'connections to others',
      );
      if (asks.length === 0) {
        assert.deepEqual(opened, [], 'connections');
        if (!looksUp) assert.deepEqual(lookups.slice(mark.lookups), [], 'names asked for');
      }
      assert.equal(receivedCount(), mark.received, 'something was sent');
      const after = await probe.pausedFor(() => dumpRows(n));
      const changes = [...after].filter(([key, value]) => mark.rows.get(key) !== value);
      const gone = [...mark.rows.keys()].filter((key) => !after.has(key));
      const isNamed = ([key, value]: [string, string]) => {
        const table = key.split(' ')[0] ?? '';
        if (admitted && (table === 'inbox_item' || table === 'job')) return true;
        // its key is the host's name
        const isOfActor = ['account', 'remote_actor', 'peer_host', 'recorded_event', 'job', 'policy_state'].includes(
          table,
        );
        if (knows.length > 0 && (table === 'recorded_event' || table === 'job')) return true;
        return (
          isOfActor && knows.some(({ origin, host }) => value.includes(table === 'peer_host' ? `"${host}"` : origin))
        );
      };
      assert.deepEqual(changes.filter((change) => !isNamed(change)).map(describe), [], 'rows');
      assert.deepEqual(gone, [], 'rows that are gone');
    },
  };

  // everybody is known, and fan's request to bob was granted
  for (const actor of [world.vic, world.mallory]) {
    assert.equal((await deliver(world, actor, { type: 'Like', object: world.aliceUri })).status, 202);
  }
  const asks = { id: nextId(world.fan), type: 'Follow', object: world.bobUri };
  assert.equal((await deliver(world, world.fan, asks)).status, 202);
  await world.settle();
  const request = await em().findOneOrFail(Follow, { target: bob.id });
  assert.equal(request.state, 'pending');
  await acceptFollow(n.workAs(bob), request.id);
  await world.settle();
  return world;
}

const describe = ([key, value]: [string, string]): string => `${key}: ${value.slice(0, 400)}`;

/** Housekeeping that goes on by itself. */
const isOwnWork = (row: object): boolean => 'lane' in row && row.lane === 'clock';

/** A page that somebody looks at books the allowance of their day. */
const BY_LOOKING: ReadonlySet<string> = new Set(['credit_account', 'credit_posting', 'credit_entry']);

/** Every row of every table, by table and place. */
async function dumpRows({ node }: Pick<TestNode, 'node'>): Promise<Map<string, string>> {
  const em = node.orm.em.fork();
  const dump = new Map<string, string>();
  for (const { meta } of ENTITIES) {
    const { tableName, primaryKeys, properties } = node.orm.getMetadata().get(meta.className);
    if (BY_LOOKING.has(tableName)) continue;
    const columns = primaryKeys.flatMap((key) => properties[key as keyof typeof properties]?.fieldNames ?? []);
    for (const row of await rows<Record<string, unknown>>(em, `select * from "${tableName}"`)) {
      if (isOwnWork(row)) continue;
      const key = columns.map((column) => String(row[column])).join('/');
      const text = JSON.stringify(row);
      const value =
        text.length > 4_000 ? `${text.slice(0, 400)}…${createHash('sha256').update(text).digest('hex')}` : text;
      dump.set(`${tableName} ${key}`, value);
    }
  }
  return dump;
}

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { ROLE_PERMISSIONS } from '../../src/accounts/permissions.ts';
import { ENTITIES } from '../../src/entities.ts';
import { migrate } from '../../src/kit/database/migrate.ts';
import { migrations as forPostgresql } from '../../src/kit/database/migrations/postgresql/list.ts';
import { migrations as forSqlite } from '../../src/kit/database/migrations/sqlite/list.ts';
import { openDatabase } from '../../src/kit/database/open.ts';
import { rows } from '../../src/kit/database/sql.ts';
import { makeLog } from '../../src/kit/log.ts';
import { freshDatabase } from '../kit/queue-setup.ts';

const AT = '2026-01-02 03:04:05';

/** A row with a value for whatever the table asks for. */
const insert = (table: string, facts: Readonly<Record<string, string | number | boolean>>): string =>
  `insert into ${table} (${Object.keys(facts).join(', ')}) values (${Object.values(facts)
    .map((fact) => (typeof fact === 'string' ? `'${fact}'` : String(fact)))
    .join(', ')})`;

const image = (id: number, postId: number, facts: Readonly<Record<string, string | number | boolean>> = {}) =>
  insert('image', {
    ...{ id, post_id: postId, owner_id: 1, media_type: 'image/png', width: 8, height: 8, level: 1, created_at: AT },
    ...facts,
  });

/** A database with the first so many migrations alone. */
async function databaseBefore(t: TestContext, dialect: 'sqlite' | 'postgresql', migrationCount: number) {
  const endings: (() => Promise<unknown>)[] = [];
  t.after(async () => {
    for (const end of endings.reverse()) await end();
  });
  const { url, folder } = await freshDatabase(endings, dialect === 'postgresql');
  const orm = await openDatabase({ url, dataDir: folder, entities: ENTITIES, log: makeLog('silent') });
  endings.push(() => orm.close(true));
  const all = dialect === 'sqlite' ? forSqlite : forPostgresql;
  await migrate(orm, all.slice(0, migrationCount));
  return { orm, all };
}

for (const dialect of ['sqlite', 'postgresql'] as const) {
  const skip = dialect === 'postgresql' && !process.env.TEST_DATABASE_URL && 'TEST_DATABASE_URL names no PostgreSQL';
  test(`a node from before audiences keeps everything and shows it to the same people, on ${dialect}`, {
    skip,
  }, async (t) => {
    const { orm, all } = await databaseBefore(t, dialect, 2);
    const em = orm.em.fork();

    const post = (id: number, visibility: string, state = 'published') =>
      insert('post', {
        ...{ id, owner_id: 1, state, visibility, published_at: AT, created_at: AT, updated_at: AT, image_count: 1 },
        ...(visibility === 'public' && state === 'published' ? { listed_at: AT } : {}),
      });
    for (const sql of [
      insert('account', { id: 1, name: 'ada', created_at: AT, links: '[]' }),
      insert('model', {
        id: 1,
        owner_id: 1,
        name: 'Ink',
        type: 'LORA',
        allow_commercial_use: '[]',
        created_at: AT,
        updated_at: AT,
        listed_at: AT,
      }),
      insert('model', {
        id: 2,
        owner_id: 1,
        name: 'Draft',
        type: 'LORA',
        allow_commercial_use: '[]',
        created_at: AT,
        updated_at: AT,
      }),
      ...[post(1, 'public'), post(2, 'followers'), post(3, 'public', 'draft'), post(4, 'unlisted')],
      ...[image(1, 1, { listed_at: AT }), image(2, 2), image(3, 3), image(4, 4), image(5, 1, { level: 32 })],
      insert('policy_state', { target_kind: 'post', target_id: 4, restrictions: 1, changed_at: AT }),
      insert('peer_host', { host: 'peer.example', failure_count: 2 }),
      insert('outbox_item', {
        ...{ id: '018f0000-0000-7000-8000-000000000001', uri: 'https://n.example/models/1#create' },
        ...{ actor_id: 1, document: '{}', created_at: AT },
      }),
    ]) {
      await rows(em, sql);
    }

    assert.deepEqual(
      await migrate(orm),
      all.slice(2).map(({ name }) => name),
    );

    const shown = async (table: string) =>
      (await rows<{ id: number }>(orm.em.fork(), `select id from ${table} where shown_at is not null order by id`)).map(
        ({ id }) => id,
      );
    assert.deepEqual(await shown('model'), [1]);
    assert.deepEqual(await shown('image'), [1, 2], 'no draft, nothing withheld, nothing blocked');
    assert.deepEqual(await shown('post'), [1, 2]);
    const [said] = await rows<{ about: string }>(orm.em.fork(), 'select about from outbox_item');
    assert.equal(said?.about, 'https://n.example/models/1');
    const [counted] = await rows<{ n: number }>(orm.em.fork(), 'select count(*) as n from image');
    assert.equal(Number(counted?.n), 5);
    const [peer] = await rows<{ failure_count: number; turns: unknown }>(orm.em.fork(), 'select * from peer_host');
    assert.equal(peer?.failure_count, 2);
    assert.deepEqual(typeof peer?.turns === 'string' ? JSON.parse(peer.turns) : peer?.turns, []);
  });
}

for (const dialect of ['sqlite', 'postgresql'] as const) {
  const skip = dialect === 'postgresql' && !process.env.TEST_DATABASE_URL && 'TEST_DATABASE_URL names no PostgreSQL';
  test(`collections from before there was an order keep the one they were shown in, on ${dialect}`, {
    skip,
  }, async (t) => {
    const { orm } = await databaseBefore(t, dialect, 4);
    const em = orm.em.fork();
    const dates = { created_at: AT, updated_at: AT };
    const uuid = (n: number) => `01900000-0000-7000-8000-00000000000${n}`;
    const model = (id: number) =>
      insert('model', { id, owner_id: 1, name: `M${id}`, type: 'LORA', allow_commercial_use: '[]', ...dates });
    const item = (n: number, collectionId: number, modelId: number, day: number) =>
      insert('collection_item', {
        ...{ id: uuid(n), collection_id: collectionId, model_id: modelId, added_at: `2026-01-0${day} 00:00:00` },
      });
    for (const sql of [
      insert('account', { id: 1, name: 'ada', created_at: AT, links: '[]' }),
      ...[1, 2, 3].map(model),
      ...[1, 2].map((id) => insert('collection', { id, owner_id: 1, name: 'Ink', ...dates })),
      ...[item(1, 1, 1, 1), item(2, 1, 2, 3), item(3, 1, 3, 2), item(4, 2, 1, 1), item(5, 2, 2, 2)],
    ]) {
      await rows(em, sql);
    }
    await migrate(orm);
    const order = async (collectionId: number) =>
      (
        await rows<{ model_id: number }>(
          orm.em.fork(),
          'select model_id from collection_item where collection_id = ? order by position, id',
          [collectionId],
        )
      ).map(({ model_id }) => model_id);
    assert.deepEqual(
      [await order(1), await order(2)],
      [
        [2, 3, 1],
        [2, 1],
      ],
      'the newest first',
    );
  });
}

for (const dialect of ['sqlite', 'postgresql'] as const) {
  const skip = dialect === 'postgresql' && !process.env.TEST_DATABASE_URL && 'TEST_DATABASE_URL names no PostgreSQL';
  test(`pictures of words from before bounties had some stay with them, on ${dialect}`, { skip }, async (t) => {
    const { orm, all } = await databaseBefore(t, dialect, 25);
    const em = orm.em.fork();
    const commentId = '01900000-0000-7000-8000-000000000001';
    const bountyId = '01900000-0000-7000-8000-000000000002';
    const dates = { created_at: AT, updated_at: AT };
    const post = { owner_id: 1, state: 'published', visibility: 'direct', ...dates };
    for (const sql of [
      insert('account', { id: 1, name: 'ada', created_at: AT, links: '[]' }),
      insert('post', { ...post, id: 1, talk_kind: 'comment', talk_id: commentId, like_count: 3 }),
      insert('post', { ...post, id: 2, visibility: 'public', title: 'Ink' }),
      ...[image(1, 1), image(2, 2)],
      insert('bounty', {
        ...{ id: bountyId, owner_id: 1, title: 'A fish', text: 'Please.', kind: 'Other', mode: 'Split' },
        ...{ deadline_at: AT, award_by: AT, ...dates },
      }),
      insert('bounty_reference', { bounty_id: bountyId, image_id: 2, position: 0 }),
    ])
      await rows(em, `${sql} returning 1 as one`);
    assert.deepEqual(
      await migrate(orm),
      all.slice(25).map(({ name }) => name),
    );
    const posts = await rows(orm.em.fork(), 'select id, title, talk_kind, talk_id, like_count from post order by id');
    assert.deepEqual(
      posts.map((row) => Object.values(row)),
      [
        [1, '', 'comment', commentId, 3],
        [2, 'Ink', null, null, 0],
      ],
    );
    const references = () => rows<{ image_id: number }>(orm.em.fork(), 'select image_id from bounty_reference');
    assert.deepEqual(
      (await references()).map((row) => row.image_id),
      [2],
    );
    await rows(orm.em.fork(), 'delete from image where id = 2 returning id');
    assert.deepEqual(await references(), []);
    const third = insert('post', { ...post, id: 3, talk_kind: 'bounty', talk_id: bountyId });
    await rows(orm.em.fork(), `${third} returning id`);
  });
}

for (const dialect of ['sqlite', 'postgresql'] as const) {
  const skip = dialect === 'postgresql' && !process.env.TEST_DATABASE_URL && 'TEST_DATABASE_URL names no PostgreSQL';
  test(`a node from before moderation gives its roles what they may now do, and restrictions a source, on ${dialect}`, {
    skip,
  }, async (t) => {
    const { orm, all } = await databaseBefore(t, dialect, 8);
    const em = orm.em.fork();
    const account = (id: number, role: string, host: string, permissions: number) =>
      insert('account', { id, name: `${role}${id}`, role, host, permissions, created_at: AT, links: '[]' });
    const state = (kind: string, id: number, restrictions: number) =>
      insert('policy_state', { target_kind: kind, target_id: id, epoch: 1, restrictions, changed_at: AT });
    for (const sql of [
      account(1, 'moderator', '', 127),
      account(2, 'owner', '', 8191),
      account(3, 'member', '', 7),
      account(4, 'member', `${'a'.repeat(200)}.example`, 7),
      state('account', 4, 1),
      state('image', 9, 33),
      state('image', 10, 0),
    ])
      await rows(em, `${sql} returning 1 as one`);
    await migrate(orm, all);

    const permissions = await rows<{ permissions: number }>(em, 'select permissions from account order by id');
    assert.deepEqual(
      permissions.map((row) => row.permissions),
      [ROLE_PERMISSIONS.moderator, ROLE_PERMISSIONS.owner, 7, 7],
    );
    const sources = await rows<{ source: string; bits: number }>(
      em,
      'select source, bits from policy_restriction order by target_kind, target_id',
    );
    assert.deepEqual(
      sources.map(({ source, bits }) => [source.slice(0, 12), bits]),
      [
        ['domain:aaaaa', 1],
        ['before', 33],
      ],
    );
  });
}

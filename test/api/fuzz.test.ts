import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { MergeRun } from '../../src/compute/merging/model.ts';
import { Generation } from '../../src/compute/model.ts';
import { rows } from '../../src/kit/database/sql.ts';
import { newId } from '../../src/kit/ids.ts';
import { givenMember } from '../factories/accounts.ts';
import { Caller } from './calls.ts';
import { type Furnished, furnishedShelf, type Json } from './shelf.ts';

const DEEP = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
const ODD_TEXTS = ['', '💥\ud800', '\u202egnp', "'; drop table model; --"];
const ODD: readonly unknown[] = [null, 1e308, {}, [[null]], 'a\u0000b', 'x'.repeat(60_000)];
const ODD_QUERIES = [
  '',
  '-1',
  '1e9',
  '9'.repeat(40),
  'x'.repeat(3_000),
  '💥',
  'null',
  '\u0000',
  "'; drop table model; --",
];
const ODD_PLACES = ['0', '1.5', '9'.repeat(40), '💥', '%2500'];

/** The least that a schema takes. */
function leastOf(schema: Json): Json {
  if (schema.default !== undefined) return schema.default;
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return schema.enum[0];
  if (schema.anyOf) return leastOf(schema.anyOf[0]);
  if (schema.type === 'object') {
    const needed: string[] = schema.required ?? [];
    return Object.fromEntries(needed.map((name) => [name, leastOf(schema.properties[name])]));
  }
  if (schema.type === 'array') return Array.from({ length: schema.minItems ?? 0 }, () => leastOf(schema.items));
  if (schema.type === 'integer' || schema.type === 'number') return Math.max(1, schema.minimum ?? 1);
  if (schema.type === 'boolean') return true;
  if (schema.format === 'uuid') return newId();
  if (schema.pattern?.startsWith('^[a-z]+:')) return 'image:1';
  return 'abc';
}

/** Things of Ada's that have a UUID, by the word of their address; each is hers alone, or before everybody. */
async function givenOwn({ em, ada, address, ids, clock, tokenOf }: Furnished): Promise<Record<string, string>> {
  const api = await Caller.open(address, await tokenOf(ada, ['all']));
  const cy = await Caller.open(address, await tokenOf(await givenMember(em, 'cy'), ['all']));
  const made = async (name: string, body: unknown, given: Record<string, string | number> = {}) =>
    (await api.call(name, { with: given, body })).id as string;
  const deadline = new Date(clock.now().getTime() + 5 * 86_400_000).toISOString().slice(0, 10);
  const words = { title: 'A fish', text: 'Please.', tags: [], references: [], subject: 'fictional', deadline };
  const wish = { ...words, kind: 'Other', mode: 'Individual', amount: 60 };
  const offer = { title: 'Prints', uses: ['commercial'], text: 'A hundred.', priceCredits: 5 };
  const work = { id: newId(), createdAt: clock.now() };
  const fork = em.fork();
  await fork.insert(Generation, { ...work, account: ada.id, state: 'done', request: {} as never });
  const merge = { name: 'Alloy', kind: 'lora', family: 'sd15', baseModel: 'SD 1.5', parts: [], params: {}, round: 0 };
  await fork.insert(MergeRun, { ...work, owner: ada.id, ...merge } as never);
  await api.call('createCollection', { body: { name: 'Mine', visibility: 'private' } });
  await api.call('editProfile', { body: { locked: true } });
  await cy.call('followUser', { with: { id: ada.id } });
  await api.call('hide', { body: { kind: 'domain', key: 'far.example' } });
  return {
    ...{ generations: work.id, merges: work.id },
    webhooks: await made('createWebhook', { url: 'https://hook.example/in', events: ['job.ended'] }),
    searches: await made('saveSearch', { name: 'Ink', kind: 'models', query: 'tag=ink' }),
    datasets: await made('createDataset', { name: 'Tiles' }),
    bounties: await made('openBounty', wish),
    'licence-offers': await made('offerLicence', offer, { id: ids.model }),
    imports: await made('beginImport', { source: 'civitai', place: 'civitai.example', who: 'ada', own: true }),
    comments: await made('commentOnPost', { text: 'Mine.' }, { id: ids.post }),
    hidden: (await api.call('listHidden')).items[0].id,
    'follow-requests': (await api.call('listFollowRequests')).items[0].id,
  };
}

/** Every row of every table, apart from marks of when a token was used. */
async function stateOf({ em }: Pick<Furnished, 'em'>): Promise<Record<string, string>> {
  const fork = em.fork();
  const isSqlite = fork.getPlatform().constructor.name.toLowerCase().includes('sqlite');
  const tables = await rows<{ name: string }>(
    fork,
    isSqlite
      ? `select name from sqlite_master where type = 'table' and name not like 'sqlite%' and name not like '%search%'`
      : `select tablename as name from pg_tables where schemaname = current_schema()`,
  );
  const state: Record<string, string> = {};
  for (const { name } of tables) {
    if (name === 'api_token') continue;
    const found = (await rows(fork, `select * from "${name}"`)).map((row) => JSON.stringify(row)).sort();
    state[name] = `${found.length} ${createHash('sha256').update(found.join('\n')).digest('hex')}`;
  }
  return state;
}

test('whatever is sent to whichever operation is refused with a reason, and changes nothing', async (t) => {
  const shelf = await furnishedShelf(t);
  const { address, em, clock, tokenOf } = shelf;
  const ids = { ...shelf.ids, ...(await givenOwn(shelf)) };
  const eve = await givenMember(em, 'eve');
  const api = await Caller.open(address, await tokenOf(eve, ['all']));
  const reader = await tokenOf(eve, ['read']);
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  const before = await stateOf(shelf);
  let sent = 0;

  const refused = async (name: string, call: Parameters<Caller['send']>[1], statuses?: readonly number[]) => {
    const answer = await api.send(name, call);
    const text = await answer.text();
    const what = `${name} ${JSON.stringify(call)?.slice(0, 300)}: ${answer.status} ${text.slice(0, 300)}`;
    assert.ok(answer.status >= 400 && answer.status < 500, what);
    if (statuses) assert.ok(statuses.includes(answer.status), what);
    const { error } = JSON.parse(text);
    assert.ok(typeof error === 'string' ? error.length > 3 : error, what);
    sent += 1;
    return text;
  };

  for (const name of api.names) {
    const { path, method, operation } = api.find(name);
    const scopes: string[] = operation.security[0].bearer ?? [];
    // limits of an hour are not what this is about
    clock.pass(3_600_000);
    const own = placesOf(path, ids);
    if (scopes.length > 0) {
      await refused(name, { with: own, body: method === 'get' ? undefined : {}, token: null }, [401]);
      const missing = scopes.find((scope) => scope !== 'read');
      const said = missing && (await refused(name, { with: own, token: reader }, [403]));
      if (missing)
        assert.match(
          said ?? '',
          /lacks the scope (?:write:\w+|generate|train|moderate|notifications|webhooks|credits|transfer)/,
          name,
        );
    }
    const schema: Json = operation.requestBody?.content['application/json']?.schema;
    const body = schema ? leastOf(schema) : undefined;
    for (const { name: place, in: where, schema: its } of operation.parameters as Json[]) {
      const isText = its.type === 'string' && its.format !== 'uuid' && !its.enum;
      if (where !== 'path' || isText) continue;
      for (const odd of ODD_PLACES) await refused(name, { with: { ...own, [place]: odd }, body }, [400, 404]);
    }
    // what is Ada's is not Eve's, and what everybody may do with it stands elsewhere
    if (isOwn(operation, path)) await refused(name, { with: own, body }, [400, 401, 403, 404, 409, 410]);
    if (!schema) continue;
    clock.pass(3_600_000);
    const fits = ajv.compile(schema);
    for (const raw of ['[', 'null', DEEP, 'x'.repeat(200_000)])
      if (raw === DEEP || !isFitting(fits, raw)) {
        const answer = await fetch(new URL(filled(path, own), address), {
          ...{ method: method.toUpperCase(), body: raw },
          headers: { authorization: `Bearer ${api.token}`, 'content-type': 'application/json' },
        });
        const text = await answer.text();
        assert.ok(
          [400, 413].includes(answer.status),
          `${name} ${raw.slice(0, 20)}: ${answer.status} ${text.slice(0, 200)}`,
        );
      }
    if (schema.type !== 'object') continue;
    for (const field of [...Object.keys(schema.properties ?? {}), 'unknown']) {
      for (const odd of ODD) {
        const wrong = { ...body, [field]: odd };
        // what fits is what a person may say; a NUL fits the schema and no database
        const isNul = typeof odd === 'string' && odd.includes('\0');
        if (!isNul && fits(JSON.parse(JSON.stringify(wrong)))) continue;
        await refused(name, { with: own, body: wrong }, [400, 413]);
        if (sent % 300 === 0) clock.pass(60_000);
      }
    }
  }
  assert.deepEqual(await stateOf(shelf), before);
  assert.ok(sent > 1_000, `${sent} requests`);

  // what fits and is odd is taken or refused, and is never a fault
  for (const name of api.names) {
    const { path, method, operation } = api.find(name);
    const schema: Json = operation.requestBody?.content['application/json']?.schema;
    clock.pass(3_600_000);
    for (const { name: place, in: where } of operation.parameters as Json[]) {
      if (where === 'header') continue;
      for (const odd of ODD_QUERIES) {
        const given = { with: { ...placesOf(path, ids), [place]: odd }, body: schema && leastOf(schema) };
        const answer = await api.send(name, given);
        assert.ok(answer.status < 500, `${name} ${place}=${odd.slice(0, 20)}: ${answer.status}`);
        await answer.body?.cancel();
      }
    }
    if (method === 'get' || schema?.type !== 'object') continue;
    clock.pass(3_600_000);
    for (const [field, its] of Object.entries<Json>(schema.properties)) {
      if (its.type !== 'string' || its.enum || its.format) continue;
      for (const odd of ODD_TEXTS) {
        const body = { ...leastOf(schema), [field]: odd };
        const answer = await api.send(name, { with: placesOf(path, ids), body });
        assert.ok(
          answer.status < 500 || answer.status === 503,
          `${name} ${field} ${JSON.stringify(odd)}: ${answer.status}`,
        );
        await answer.arrayBuffer();
      }
    }
  }
});

const filled = (path: string, places: Readonly<Record<string, string | number>>): string =>
  path.replace(/\{(\w+)\}/g, (_, name: string) => String(places[name]));

function isFitting(fits: (value: unknown) => unknown, raw: string): boolean {
  try {
    return Boolean(fits(JSON.parse(raw)));
  } catch {
    return false;
  }
}

/** Of something of somebody else's, so that only they may change it. */
const isOwn = ({ security }: Json, path: string): boolean =>
  security[0].bearer?.length > 0 &&
  path.includes('{') &&
  !/\/(?:like|share|pin|follow|block|mute|comments|review|credits|entries|grants|similar)$/.test(path);

type Ids = Furnished['ids'] & Readonly<Record<string, string | number>>;

/** Things of Ada's in the places of a path; what has a UUID and was not made is of nobody. */
function placesOf(path: string, ids: Ids): Record<string, string | number> {
  const own = ids[/^\/api\/v1\/([a-z-]+)\//.exec(path)?.[1] ?? ''];
  const id = /model-versions/.test(path)
    ? ids.version
    : /model-files/.test(path)
      ? ids.file
      : /\/models/.test(path)
        ? ids.model
        : /\/posts/.test(path)
          ? ids.post
          : /\/images\/\{id\}/.test(path)
            ? ids.image
            : /users|collections/.test(path)
              ? 1
              : newId();
  const isText =
    /reviews|comments\/|generations|trainings|training-epochs|datasets|uploads|dataset-images|webhooks|browsers|searches|hidden|imports|merges|bount|licences|licence-offers\/\{/.test(
      path,
    );
  const isTalkOfThing = /\/(?:models|posts|images)\/\{id\}\/comments/.test(path);
  return {
    ...{ id: own ?? (isText && !isTalkOfThing ? newId() : id), hash: 'ffffffff', kind: 'model', thing: ids.model },
    ...{ image: newId(), tag: 'nothing-of-that-name', delivery: newId() },
  };
}

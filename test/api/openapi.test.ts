import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OPERATIONS } from '../../src/api/v1/operations.ts';
import { Browser } from '../accounts/browser.ts';
import { checker } from './calls.ts';
import { furnishedShelf, type Json, SHA } from './shelf.ts';

/** The rest is called in writing.test.ts. */
const READING = 'Reading, as Civitai';

/** What each operation is asked, by its parameters' names; one that is not here has a value of its schema. */
const VALUES: Readonly<Record<string, string>> = {
  ...{ hash: SHA, query: 'ink', tag: 'style', username: 'ada', baseModels: 'SD 1.5', cursor: '' },
};

const refOf = (response: Json): string => response.content['application/json'].schema.$ref;

test('every reading operation answers each of its parameters, and what it answers fits the document', async (t) => {
  const { ask, ids, ada, tokenOf } = await furnishedShelf(t);
  const { json: document, headers } = await ask('/api/openapi.json');
  assert.match(headers.get('content-type') ?? '', /json/);
  assert.equal(document.openapi, '3.1.0');
  const check = checker(document);
  const token = await tokenOf(ada);
  let called = 0;
  for (const [path, methods] of Object.entries<Json>(document.paths)) {
    for (const [method, operation] of Object.entries<Json>(methods)) {
      if (!operation.tags.includes(READING)) continue;
      const idValue = String(path.includes('model-versions') ? ids.version : ids.model);
      const address = path.replace(/\{(\w+)\}/g, (_, name: string) => (name === 'id' ? idValue : (VALUES[name] ?? '')));
      const body = operation.requestBody ? [SHA] : undefined;
      const options = { method: method.toUpperCase(), ...(body ? { body } : {}) };
      for (const who of [{}, { token }]) {
        const answer = await ask(address, { ...options, ...who });
        const response = operation.responses[answer.status];
        assert.ok(response, `${method} ${address}: ${answer.status} is in the document`);
        assert.equal(check(refOf(response), answer.json), '', `${method} ${address}`);
        if ('token' in who) assert.equal(answer.status, 200, address);
        called += 1;
      }
      // each parameter by itself
      for (const { name, in: place, schema } of operation.parameters as Json[]) {
        if (place !== 'query') continue;
        for (const value of valuesOf(name, schema)) {
          const query = `${address}?${name}=${encodeURIComponent(value)}`;
          const answer = await ask(query, { ...options, token });
          const response = operation.responses[answer.status];
          assert.ok(response, `${query}: ${answer.status} is in the document`);
          assert.equal(check(refOf(response), answer.json), '', query);
          assert.equal(answer.status, 200, query);
          called += 1;
        }
      }
    }
  }
  assert.ok(called > 100, `${called} calls`);
});

function valuesOf(name: string, schema: Json): string[] {
  if (VALUES[name] !== undefined) return VALUES[name] === '' ? [] : [VALUES[name]];
  if (schema.enum) return schema.enum;
  if (schema.type === 'boolean') return ['true', 'false'];
  if (schema.type === 'array') return [schema.items.enum ? schema.items.enum.slice(0, 2).join(',') : '1,2'];
  if (schema.type === 'integer') return [String(Math.max(schema.minimum, 1))];
  return ['ink'];
}

test('an answer that does not fit is told apart from one that does', async (t) => {
  const { ask, ids } = await furnishedShelf(t);
  const check = checker((await ask('/api/openapi.json')).json);
  const { json } = await ask(`/api/v1/models/${ids.model}`);
  assert.equal(check('#/components/schemas/Model', json), '');
  assert.match(check('#/components/schemas/Model', { ...json, id: 'one' }), /id must be integer/);
  assert.match(check('#/components/schemas/Model', { ...json, extra: 1 }), /additional properties/);
  const { modelVersions, ...without } = json;
  assert.match(check('#/components/schemas/Model', without), /required property 'modelVersions'/);
  assert.match(
    check('#/components/schemas/Model', { ...json, modelVersions: [{ ...modelVersions[0], files: null }] }),
    /files must be array/,
  );
});

test('refusals fit the document too', async (t) => {
  const { ask } = await furnishedShelf(t);
  const { json: document } = await ask('/api/openapi.json');
  const check = checker(document);
  for (const path of [
    '/api/v1/models?limit=x',
    '/api/v1/models/99999',
    '/api/v1/me',
    '/api/v1/models?limit=100&page=99',
  ]) {
    const answer = await ask(path);
    assert.ok(answer.status >= 400);
    assert.equal(check('#/components/schemas/Error', answer.json), '', path);
  }
});

test('whatever is sent for a parameter, no answer is a fault of ours', async (t) => {
  const { ask, ids } = await furnishedShelf(t);
  const { json: document } = await ask('/api/openapi.json');
  const odd = ['', '-1', '0', '1e9', '9'.repeat(40), 'x'.repeat(5_000), '💥', "'; drop table model; --", '[]', 'null'];
  for (const [path, { get: operation }] of Object.entries<Json>(document.paths)) {
    if (!operation?.tags.includes(READING)) continue;
    const address = path.replace('{id}', String(ids.model)).replace('{hash}', SHA);
    for (const { name, in: place } of operation.parameters as Json[]) {
      for (const value of odd) {
        const text = encodeURIComponent(value);
        const url = place === 'query' ? `${address}?${name}=${text}` : path.replace(`{${name}}`, text || '%20');
        const { status } = await ask(url);
        assert.ok(status < 500, `${url.slice(0, 200)}: ${status}`);
      }
    }
  }
  for (const path of ['/api/v1/model-versions/by-hash', '/api/v1/model-versions/by-hash/ids']) {
    for (const body of [
      '',
      '[',
      '{}',
      '[[[[]]]]',
      `${'['.repeat(5_000)}${']'.repeat(5_000)}`,
      '[null]',
      '"x"',
      '[1e999]',
    ]) {
      const { status } = await ask(path, { method: 'POST', body, headers: { 'content-type': 'application/json' } });
      assert.ok(status >= 400 && status < 500, `${body.slice(0, 20)}: ${status}`);
    }
  }
});

test('the page of the API shows every operation', async (t) => {
  const { address } = await furnishedShelf(t);
  const { status, text } = await new Browser(address).get('/api');
  assert.equal(status, 200);
  for (const { name } of OPERATIONS) assert.match(text, new RegExp(`id="${name}"`));
  assert.doesNotMatch(text, /https?:\/\/(?!node\.example)[^"]*\.(?:js|css)/);
});

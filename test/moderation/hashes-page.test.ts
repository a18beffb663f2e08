import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { AuditEntry } from '../../src/kit/audit/model.ts';
import { HashBlock } from '../../src/safety/hashes/model.ts';
import { Browser, textOf } from '../accounts/browser.ts';
import { givenMember } from '../factories/accounts.ts';
import { testNode } from '../node.ts';
import { drawn } from '../safety/drawings.ts';
import { sha256Of } from '../safety/watch.ts';

const HASH = 'AB'.repeat(32);

async function site(t: TestContext) {
  const its = await testNode(t);
  await givenMember(its.em, 'olga', { role: 'owner' });
  await givenMember(its.em, 'mia', { role: 'moderator' });
  const address = await its.start('web');
  const open = async (name: string) => {
    const browser = new Browser(address);
    await browser.signIn(name);
    return browser;
  };
  const fork = () => its.node.orm.em.fork();
  const olga = await open('olga');
  const send = (fields: Record<string, string>, picture?: Uint8Array, browser = olga) => {
    const form = new FormData();
    for (const [key, value] of Object.entries({ category: 'other', ...fields })) form.append(key, value);
    if (picture) form.append('picture', new Blob([new Uint8Array(picture)]), 'a.png');
    return browser.postForm('/moderation/hashes', form);
  };
  const blocks = () => fork().find(HashBlock, { id: { $ne: null } }, { orderBy: { kind: 'asc' } });
  return { ...its, fork, olga, open, send, blocks };
}

test('who manages rules blocks a hash, with a note, and finds it in the list by its kind and reason', async (t) => {
  const { fork, olga, send } = await site(t);
  assert.match(textOf((await olga.get('/moderation/hashes')).text), /Nothing is blocked/);
  const answer = await send({ kind: 'tensors', hash: ` ${HASH} `, category: 'copyright', note: 'By a letter' });
  assert.equal(answer.location, '/moderation/hashes?said=block-added');
  const block = await fork().findOneOrFail(HashBlock, { hash: HASH.toLowerCase() });
  assert.deepEqual([block.kind, block.category, block.isSevere], ['tensors', 'copyright', false]);
  const entry = await fork().findOneOrFail(AuditEntry, { action: 'hash.block' });
  assert.deepEqual([entry.subjectId, entry.reason], [block.id, 'By a letter']);

  const shown = async (query: string) => (await olga.get(`/moderation/hashes?${query}`)).text.includes(block.hash);
  assert.equal(await shown('kind=tensors&category=copyright'), true);
  assert.equal(await shown('kind=file'), false);
  assert.equal(await shown('category=minor'), false);
  assert.equal(await shown('state=lifted'), false);
  assert.equal(await shown('kind=nonsense&before=nonsense'), true);
});

test('a picture is blocked by its bytes and by its look, and nothing of it is kept', async (t) => {
  const { blocks, node, send } = await site(t);
  const bytes = await drawn(5);
  assert.equal((await send({ category: 'ncii' }, bytes)).status, 302);
  const [byBytes, byLook] = await blocks();
  assert.deepEqual([byBytes?.kind, byBytes?.hash, byBytes?.isSevere], ['file', sha256Of(bytes), true]);
  assert.equal(byLook?.kind, 'picture');
  assert.ok((byLook?.variants.length ?? 0) > 64, 'its turns and crops are known too');
  assert.equal(await node.files.has(sha256Of(bytes)), false);
});

test('a block is lifted once, on record, and is found among the lifted', async (t) => {
  const { blocks, fork, olga, send } = await site(t);
  await send({ hash: HASH });
  const [block] = await blocks();
  for (let n = 0; n < 2; n += 1) {
    const { location } = await olga.post(`/moderation/hashes/${block?.id}/removal`, {});
    assert.equal(location, '/moderation/hashes?said=block-lifted');
  }
  assert.ok((await blocks())[0]?.liftedAt);
  assert.equal(await fork().count(AuditEntry, { action: 'hash.lift' }), 1);
  assert.match((await olga.get('/moderation/hashes?state=lifted')).text, /<code class="stranger">abab/);
  assert.equal((await olga.post('/moderation/hashes/0197b1a0-0000-7000-8000-0123456789ab/removal', {})).status, 404);
});

test('what is no hash, no picture, or neither is refused with the form as it was', async (t) => {
  const { blocks, send } = await site(t);
  for (const [fields, picture] of [
    [{ hash: 'xyz', note: 'mine' }],
    [{ note: 'mine' }],
    [{ hash: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', note: 'mine' }],
    [{ note: 'mine' }, Buffer.from('no picture')],
    [{ hash: HASH, category: 'nonsense', note: 'mine' }],
    [{ hash: HASH, note: `mine ${'x'.repeat(600)}` }],
  ] as const) {
    const answer = await send(fields, picture);
    assert.equal(answer.status, 422, JSON.stringify(fields));
    assert.match(answer.text, /value="mine/);
  }
  assert.equal((await blocks()).length, 0);
});

test('a moderator who does not manage rules neither sees nor changes the list', async (t) => {
  const { blocks, open, send } = await site(t);
  const mia = await open('mia');
  assert.equal((await mia.get('/moderation/hashes')).status, 403);
  assert.equal((await send({ hash: HASH }, undefined, mia)).status, 403);
  assert.equal((await blocks()).length, 0);
});

test('the list goes on after fifty blocks', async (t) => {
  const { olga, em } = await site(t);
  for (let n = 0; n < 51; n += 1) {
    const id = `0197b1a0-0000-7000-8000-${String(n).padStart(12, '0')}`;
    const hash = n.toString(16).padStart(64, '0');
    const fields = { kind: 'file', hash, category: 'other', isSevere: false, addedAt: new Date() } as const;
    em.create(HashBlock, { id, ...fields }, { persist: true });
  }
  await em.flush();
  const { text } = await olga.get('/moderation/hashes');
  assert.equal(text.match(/<tr id="block-/g)?.length, 50);
  const [, next = ''] = /href="(\/moderation\/hashes\?[^"]*before=[^"]+)"/.exec(text) ?? [];
  const second = await olga.get(next.replaceAll('&amp;', '&'));
  assert.equal(second.text.match(/<tr id="block-/g)?.length, 1);
});

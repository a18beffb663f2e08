import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Account, Follow } from '../../src/accounts/model.ts';
import { setRole } from '../../src/accounts/staff/roles.ts';
import { Model, ModelFile } from '../../src/catalogue/model.ts';
import { refreshActor } from '../../src/federation/actors/load.ts';
import { findPeerFile, mayKeep } from '../../src/federation/copies/rules.ts';
import { decidePeer, endPolicy, PolicyForm } from '../../src/federation/peers/decide.ts';
import { DomainPolicy } from '../../src/federation/peers/model.ts';
import { Image, Post } from '../../src/gallery/model.ts';
import { AuditEntry } from '../../src/kit/audit/model.ts';
import { verifyAudit } from '../../src/kit/audit/verify.ts';
import { PolicyState, RESTRICTION } from '../../src/safety/policy.ts';
import { restrict } from '../../src/safety/restrict.ts';
import { post } from './strangers.ts';
import { note, PUBLIC, world } from './world.ts';

const DAY = 86_400_000;

async function given(t: TestContext) {
  const w = await world(t);
  const { n, v, vic, follows, em } = w;
  const olga = await n.member('olga');
  const roles = em();
  await setRole({ em: roles }, await roles.findOneOrFail(Account, olga.account.id), 'owner');
  await roles.flush();
  const host = new URL(v.origin).host;
  await follows(vic);
  const decide = async (form: Record<string, string>) => {
    const boss = await em().findOneOrFail(Account, olga.account.id);
    await decidePeer(n.workAs(boss), n.node.federation, PolicyForm.parse({ host, stance: 'none', ...form }));
    await n.settle();
  };
  const say = async (path: string, more: object = {}) => {
    const object = note(vic.id, path, more);
    v.documents.set(path, object);
    assert.equal(await post(n, vic, { type: 'Create', to: [PUBLIC], object }), 202);
    await n.settle();
    return object.id;
  };
  const postAt = (uri: string) => em().findOneOrFail(Post, { uri });
  const given = async (uri: string, level = 1) => {
    const work = em();
    const row = await work.findOneOrFail(Post, { uri });
    const bytes = { sha256: 'aa'.repeat(32), mediaType: 'image/png', totalBytes: 9, width: 8, height: 8 };
    const facts = {
      post: row,
      owner: row.owner,
      isLocal: false,
      position: 0,
      level,
      ...bytes,
      createdAt: n.clock.now(),
    };
    work.create(Image, { ...facts, uri: `${uri}#picture-0` } as never, { persist: true });
    await work.flush();
  };
  return { ...w, host, olga, decide, say, postAt, given };
}

test('a limit takes a host out of lists, also who comes from there later; who follows goes on seeing it', async (t) => {
  const { n, v, vic, decide, say, postAt, given: picturesOf, em, host } = await given(t);
  const uri = await say('/p/1');
  await picturesOf(uri);
  await decide({ isLimited: '1' });
  const limited = await postAt(uri);
  assert.deepEqual([limited.listedAt, limited.shownAt != null], [null, true]);
  assert.equal(await em().count(Follow, { target: { uri: vic.id }, state: 'accepted' }), 1, 'follows stay');
  assert.equal((await fetch(`${n.origin}/posts/${limited.id}`)).status, 200, 'it keeps its page');
  assert.equal((await fetch(`${n.origin}/@vic@${host}`)).status, 200);
  const late = await v.actor('late');
  await refreshActor(n.workAs(null), n.node.federation, late.id);
  const account = await em().findOneOrFail(Account, { uri: late.id });
  const state = await em().findOneOrFail(PolicyState, { targetKind: 'account', targetId: account.id });
  assert.equal(state.restrictions, RESTRICTION.list);
  await decide({});
  assert.ok((await postAt(uri)).listedAt);
  assert.equal(
    (await em().findOneOrFail(PolicyState, { targetKind: 'account', targetId: account.id })).restrictions,
    0,
  );
});

test('what a moderator forbids an account of a blocked host stays forbidden when the block ends', async (t) => {
  const { vic, decide, em, n } = await given(t);
  const { id } = await em().findOneOrFail(Account, { uri: vic.id });
  const work = em();
  await restrict(work, { kind: 'account', id }, 'case:1', RESTRICTION.generate, n.clock.now());
  await work.flush();
  await decide({ stance: 'blocked' });
  const sum = async () => (await em().findOneOrFail(PolicyState, { targetKind: 'account', targetId: id })).restrictions;
  assert.equal(await sum(), RESTRICTION.generate | RESTRICTION.view);
  await decide({});
  assert.equal(await sum(), RESTRICTION.generate);
  assert.equal((await em().findOneOrFail(Account, id)).state, 'active');
});

test('pictures are not fetched from a host whose media are rejected, files not listed, and ratings raised', async (t) => {
  const { n, v, decide, say, em, postAt, given: picturesOf } = await given(t);
  const before = await say('/p/1');
  await picturesOf(before, 1);
  await decide({ rejectsMedia: '1', rejectsFiles: '1', forcedLevel: '8' });
  assert.equal((await em().findOneOrFail(Image, { post: { uri: before } })).level, 8, 'what is here is raised too');
  const asked = v.asked.length;
  const uri = await say('/p/2');
  assert.equal(await em().count(Image, { post: { uri } }), 0);
  assert.ok(!v.asked.slice(asked).includes('/p.png'));
  const model = {
    ...{ kind: 'Model', name: 'Ink', attachment: [] },
    model: {
      ...{ type: 'tessera:Model', modelType: 'LORA', rating: 1, permissions: { generation: true } },
      versions: [
        {
          ...{ id: `${v.origin}/v/1`, type: 'tessera:ModelVersion', versionName: 'v1', baseModel: 'SD 1.5' },
          files: [
            {
              ...{ type: 'Document', name: 'a.safetensors', url: `${v.origin}/f.safetensors`, size: 10 },
              hashes: { sha256: 'ef'.repeat(32) },
            },
          ],
        },
      ],
    },
  };
  const modelUri = await say('/m/1', model);
  assert.equal((await em().findOneOrFail(Model, { uri: modelUri })).level, 8);
  assert.equal(await em().count(ModelFile), 0);
  await decide({ forbidsMirror: '1' });
  await say('/m/2', {
    ...model,
    model: { ...model.model, versions: model.model.versions.map((one) => ({ ...one, id: `${v.origin}/v/2` })) },
  });
  const [file] = await em().find(ModelFile, {});
  assert.ok(file);
  const work = n.workAs(null);
  const found = await findPeerFile(work, file.id);
  assert.ok(found);
  assert.equal(await mayKeep(work, n.node.federation, found), false, 'no copy is kept');
  await decide({});
  assert.equal(await mayKeep(n.workAs(null), n.node.federation, found), true);
  assert.ok((await postAt(before)).id);
});

test('what holds for a while ends by itself, in the audit chain too; the form keeps what was typed', async (t) => {
  const { n, decide, em, host, olga } = await given(t);
  await decide({ isLimited: '1', rejectsReports: '1', days: '2', publicComment: 'noise', reasonCode: 'spam' });
  const held = await em().findOneOrFail(DomainPolicy, host);
  assert.deepEqual([held.isLimited, held.publicComment, held.reasonCode], [true, 'noise', 'spam']);
  const page = (await olga.browser.get(`/admin/federation/peer?host=${host}`)).text;
  assert.match(page, /name="isLimited"[^>]* checked/);
  assert.match(page, /name="publicComment"[^>]*value="noise"/);
  await endPolicy(n.workAs(null), n.node.federation, host);
  assert.equal((await em().findOneOrFail(DomainPolicy, host)).isLimited, true, 'not before its time');
  n.clock.pass(2 * DAY + 1_000);
  await n.settle();
  const over = await em().findOneOrFail(DomainPolicy, host);
  assert.deepEqual([over.isLimited, over.rejectsReports, over.expiresAt], [false, false, null]);
  const acts = await em().find(AuditEntry, { action: 'peer.decide' }, { orderBy: { seq: 'asc' } });
  assert.deepEqual(
    acts.map(({ subjectId, actorRole }) => [subjectId, actorRole]),
    [
      [host, 'staff'],
      [host, 'node'],
    ],
  );
  assert.ok((await verifyAudit(em())).isWhole);
  const refused = await olga.browser.post('/admin/federation/policy', {
    host: 'co.uk',
    stance: 'none',
    isLimited: '1',
  });
  assert.equal(refused.status, 422);
  assert.match(refused.text, /name="isLimited"[^>]* checked/);
});

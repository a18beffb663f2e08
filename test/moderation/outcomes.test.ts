import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Account } from '../../src/accounts/model.ts';
import { can } from '../../src/accounts/permissions.ts';
import { saveVersion, VersionForm } from '../../src/catalogue/edit.ts';
import { Lineage, Model, ModelVersion } from '../../src/catalogue/model.ts';
import { editImage } from '../../src/gallery/images/edit.ts';
import { Image } from '../../src/gallery/model.ts';
import { newId } from '../../src/kit/ids.ts';
import { QueueRow } from '../../src/moderation/queue/model.ts';
import { LOCK_DAYS } from '../../src/moderation/takedown/start.ts';
import { PolicyState, RESTRICTION } from '../../src/safety/policy.ts';
import { restrict } from '../../src/safety/restrict.ts';
import { textOf } from '../accounts/browser.ts';
import { givenFile, givenImage, givenModel, givenPost, givenVersion } from '../factories/content.ts';
import { bytesAt, painter } from '../gallery/painter.ts';
import { testNode } from '../node.ts';
import { givenThings, MARK } from './reach.ts';
import { blobsOf, carryOut, vaultCount } from './takedowns.ts';

test('a limit forbids what it names and no more, keeps out of lists, and stands on the page', async (t) => {
  const site = await painter(t);
  const { visitor, browser } = site;
  const things = await givenThings(site);
  const target = { kind: 'model', id: things.modelId } as const;
  const { download, generate, list, commercial, derive } = RESTRICTION;
  const bits = download | generate | list | commercial | derive;
  const takedown = await carryOut(site, { target, outcome: 'limit', parameters: { bits } });

  const page = await visitor.get(`/models/${things.modelId}`);
  assert.equal(page.status, 200);
  assert.doesNotMatch(page.text, /\/api\/download\/models\//);
  assert.doesNotMatch(page.text, /\/generate\?version=/);
  assert.match(textOf(page.text), /Do not share merges/);
  for (const who of [visitor, browser])
    assert.equal((await bytesAt(who, `/api/download/models/${things.versionId}`)).status, 451);
  for (const url of ['/models', '/', `/search?q=${MARK}&kind=models`, '/@ada?show=models'])
    assert.doesNotMatch((await visitor.get(url)).text, new RegExp(`/models/${things.modelId}/`), url);

  await carryOut(site, { target, outcome: 'undo', parameters: { undoes: takedown } });
  assert.equal((await bytesAt(visitor, `/api/download/models/${things.versionId}`)).status, 200);
  assert.match((await visitor.get('/models')).text, new RegExp(`/models/${things.modelId}/`));
});

test('a picture that is delisted keeps its page and leaves every list; one for PG alone is withheld above it', async (t) => {
  const site = await painter(t);
  const { visitor, em, ada, post } = site;
  const { imageIds } = await post(ada, [{}, { level: 4 }]);
  const [first = 0, second = 0] = imageIds;
  await carryOut(site, {
    target: { kind: 'image', id: first },
    outcome: 'limit',
    parameters: { bits: RESTRICTION.list },
  });
  assert.equal((await visitor.get(`/images/${first}`)).status, 200);
  assert.doesNotMatch((await visitor.get('/images')).text, new RegExp(`/images/${first}"`));
  const delisted = await em.fork().findOneOrFail(Image, first);
  assert.deepEqual([delisted.shownAt != null, delisted.listedAt ?? null], [true, null]);

  await carryOut(site, { target: { kind: 'image', id: second }, outcome: 'age_lock' });
  assert.equal((await bytesAt(visitor, `/media/full/${second}.webp`)).status, 451);
});

test('rating, licence and credit are set, hold against their owner, and come back with the undoing', async (t) => {
  const site = await painter(t);
  const { visitor, em, workAs, ada } = site;
  const things = await givenThings(site);
  const target = { kind: 'model', id: things.modelId } as const;
  const licence = await carryOut(site, { target, outcome: 'licence', parameters: { text: 'cc-by-4.0' } });
  await carryOut(site, { target, outcome: 'credit', parameters: { text: 'After Hokusai' } });
  const rated = await carryOut(site, {
    target: { kind: 'image', id: things.imageId },
    outcome: 're_rate',
    parameters: { level: 4 },
  });

  const model = await em.fork().findOneOrFail(Model, things.modelId);
  assert.deepEqual([model.creditLine, model.allowNoCredit], ['After Hokusai', false]);
  assert.match(textOf((await visitor.get(`/models/${things.modelId}`)).text), /Credit: After Hokusai/);
  assert.equal((await em.fork().findOneOrFail(Image, things.imageId)).level, 4);
  const form = {
    ...{ name: 'Fish', type: 'LORA', description: '', versionName: 'v1', baseModel: 'SD 1.5', level: '1' },
    ...{ licenseId: '', allowNoCredit: '1' },
  };
  await assert.rejects(saveVersion(workAs(ada), things.versionId, VersionForm.parse(form)), { kind: 'invalid' });
  await assert.rejects(
    editImage(workAs(ada), things.imageId, { rating: 1, alt: '', caption: '', hideRecipe: undefined }, 31),
    { kind: 'invalid' },
  );
  await editImage(workAs(ada), things.imageId, { rating: 4, alt: 'x', caption: '', hideRecipe: undefined }, 31);

  await carryOut(site, { target, outcome: 'undo', parameters: { undoes: licence } });
  await carryOut(site, {
    target: { kind: 'image', id: things.imageId },
    outcome: 'undo',
    parameters: { undoes: rated },
  });
  assert.equal((await em.fork().findOneOrFail(Image, things.imageId)).level, 1);
});

test('an account loses its uploads, is suspended, and gets both back', async (t) => {
  const site = await painter(t);
  const { em, other } = site;
  const { account } = await other();
  const target = { kind: 'account', id: account.id } as const;
  const locked = await carryOut(site, { target, outcome: 'account_action', parameters: { action: 'lock_uploads' } });
  assert.equal(can(await em.fork().findOneOrFail(Account, account.id), 'publish'), false);
  const suspended = await carryOut(site, { target, outcome: 'account_action', parameters: { action: 'suspend' } });
  assert.equal((await em.fork().findOneOrFail(Account, account.id)).state, 'suspended');
  for (const undoes of [suspended, locked]) await carryOut(site, { target, outcome: 'undo', parameters: { undoes } });
  const back = await em.fork().findOneOrFail(Account, account.id);
  assert.deepEqual([back.state, can(back, 'publish')], ['active', true]);
  await carryOut(site, { target, outcome: 'account_action', parameters: { action: 'terminate' } });
  assert.equal((await em.fork().findOneOrFail(Account, account.id)).state, 'deleted');
});

test('a lock of uploads ends by itself when its days are over', async (t) => {
  const site = await painter(t);
  const { em, other, clock, settle } = site;
  const { account } = await other();
  const target = { kind: 'account', id: account.id } as const;
  const parameters = { action: 'lock_uploads', days: LOCK_DAYS } as const;
  await carryOut(site, { target, outcome: 'account_action', parameters });
  const mayPublish = async () => can(await em.fork().findOneOrFail(Account, account.id), 'publish');
  clock.pass(LOCK_DAYS * 24 * 3_600_000 - 60_000);
  await settle();
  assert.equal(await mayPublish(), false);
  clock.pass(2 * 60_000);
  await settle();
  assert.equal(await mayPublish(), true);
});

test('a dismissal lifts what its case had forbidden, and what others forbid stays', async (t) => {
  const site = await testNode(t);
  const { em, clock } = site;
  await site.start('worker');
  const image = givenImage(em, { post: givenPost(em) });
  await em.flush();
  const target = { kind: 'image', id: image.id } as const;
  const caseId = newId();
  await em.fork().transactional((tx) => restrict(tx, target, `case:${caseId}`, RESTRICTION.view, clock.now()));
  await em.fork().transactional((tx) => restrict(tx, target, 'domain:x', RESTRICTION.train, clock.now()));
  await carryOut(site, { target, outcome: 'dismiss', caseId });
  const state = await em.fork().findOneOrFail(PolicyState, { targetKind: 'image', targetId: image.id });
  assert.deepEqual([state.restrictions, state.epoch >= 4], [RESTRICTION.train, true]);
});

test('of what a peer owns the local copy goes and nothing is vaulted', async (t) => {
  const site = await painter(t);
  const { em, ada, post, visitor } = site;
  const { imageIds } = await post(ada, [{}]);
  const [id = 0] = imageIds;
  const { sha256 } = await em.fork().findOneOrFail(Image, id);
  await em.fork().nativeUpdate(Image, { id }, { isLocal: false, uri: 'https://v.example/i/1' });
  await carryOut(site, { target: { kind: 'image', id }, outcome: 'hash_only' });
  assert.equal((await bytesAt(visitor, `/media/full/${id}.webp`)).status, 410);
  assert.deepEqual([(await blobsOf(site)).has(sha256 ?? ''), await vaultCount(site)], [false, 0]);
});

test('what was made from a removed model is withheld, kept from generation or left, as the category says', async (t) => {
  const site = await painter(t);
  const { em } = site;
  const make = async () => {
    const parent = givenVersion(em, { model: givenModel(em) });
    const file = givenFile(em, { version: parent });
    const child = givenVersion(em, { model: givenModel(em) });
    const grandchild = givenVersion(em, { model: givenModel(em) });
    await em.flush();
    const edge = (of: number, more: object) =>
      em.insert(Lineage, { id: newId(), child: of, kind: 'merged_from', parentName: '', ...more } as never);
    await edge(child.id, { parent: parent.id });
    await edge(grandchild.id, { parent: child.id });
    // a mixture that names its parent by hash alone
    const byHash = givenVersion(em, { model: givenModel(em) });
    await em.flush();
    await edge(byHash.id, { parentHash: file.sha256 });
    return { model: parent.model.id, children: [child.id, grandchild.id, byHash.id] };
  };
  const bitsOf = async (ids: readonly number[]) => {
    const found = await em.fork().find(PolicyState, { targetKind: 'version', targetId: { $in: [...ids] } });
    return ids.map((id) => found.find(({ targetId }) => targetId === id)?.restrictions ?? 0);
  };
  const modelPages = async (ids: readonly number[]) => {
    const versions = await em.fork().find(ModelVersion, { id: { $in: [...ids] } });
    const pages = versions.map(({ model }) => site.visitor.get(`/models/${model.id}`));
    return (await Promise.all(pages)).map(({ status, text }) => {
      assert.equal(status, 200);
      return text;
    });
  };

  const severe = await make();
  const takedown = await carryOut(site, {
    target: { kind: 'model', id: severe.model },
    outcome: 'remove',
    category: 'likeness',
  });
  const quarantined = RESTRICTION.view | RESTRICTION.list;
  assert.deepEqual(await bitsOf(severe.children), [quarantined, quarantined, quarantined]);
  assert.equal(await em.fork().count(QueueRow, { state: 'open' }), 3);

  const rights = await make();
  await carryOut(site, { target: { kind: 'model', id: rights.model }, outcome: 'remove', category: 'copyright' });
  assert.deepEqual(await bitsOf(rights.children), [4, 4, 4]);

  const style = await make();
  const asked = await em.fork().count(QueueRow, { state: 'open' });
  const styled = { target: { kind: 'model', id: style.model }, category: 'style' } as const;
  const parameters = { names: ['Jane Doe'] };
  const scrubbed = await carryOut(site, { ...styled, outcome: 'de_attribute', parameters });
  const label = RESTRICTION.label;
  assert.deepEqual(await bitsOf(style.children), [label, label, label], 'a label and nothing that forbids');
  assert.equal(await em.fork().count(QueueRow, { state: 'open' }), asked, 'nobody has to look');
  const shown = await modelPages(style.children);
  for (const page of shown) assert.match(page, /id="label"[\s\S]*made with a model that was changed or taken down/);
  await carryOut(site, { ...styled, outcome: 'undo', parameters: { undoes: scrubbed } });
  assert.deepEqual(await bitsOf(style.children), [0, 0, 0]);
  for (const page of await modelPages(style.children)) assert.doesNotMatch(page, /id="label"/);
  await carryOut(site, { ...styled, outcome: 'remove' });
  assert.deepEqual(await bitsOf(style.children), [label, label, label]);

  await carryOut(site, {
    target: { kind: 'model', id: severe.model },
    outcome: 'undo',
    category: 'likeness',
    parameters: { undoes: takedown },
  });
  assert.deepEqual(await bitsOf(severe.children), [0, 0, 0]);
});

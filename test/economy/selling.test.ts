import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createModel } from '../../src/catalogue/create.ts';
import { Lineage, Model, ModelVersion } from '../../src/catalogue/model.ts';
import { publishVersion } from '../../src/catalogue/publish.ts';
import { Bounty, BountyEntry } from '../../src/economy/bounties/model.ts';
import { LicenceGrant, LicenceOffer } from '../../src/economy/licences/model.ts';
import { newId } from '../../src/kit/ids.ts';
import { Notification } from '../../src/notifications/model.ts';
import { RESTRICTION } from '../../src/safety/policy.ts';
import { restrict } from '../../src/safety/restrict.ts';
import { textOf } from '../accounts/browser.ts';
import { publisher } from '../catalogue/publisher.ts';
import { kohyaLoraSd1 } from '../factories/safetensors.ts';

const DAY_MS = 86_400_000;

/** Bert's model may not be sold; Ada made one of it. */
async function withChild(t: Parameters<typeof publisher>[0]) {
  const site = await publisher(t);
  const { ada, em, workAs } = site;
  const [bert, cleo] = [await site.other('bert'), await site.other('cleo')];
  const parent = await createModel(workAs(bert.account), { name: 'Brass', type: 'LORA', baseModel: 'SD 1.5' });
  const [listedAt, publishedAt] = [site.clock.now(), site.clock.now()];
  await em.fork().nativeUpdate(Model, { id: parent.model.id }, { state: 'published', listedAt });
  await em.fork().nativeUpdate(ModelVersion, { id: parent.id }, { state: 'published', publishedAt });
  const child = await createModel(workAs(ada), { name: 'Patina', type: 'LORA', baseModel: 'SD 1.5' });
  await site.give(child.id, kohyaLoraSd1(), 'patina.safetensors');
  const fork = em.fork();
  const edge = { id: newId(), child: child.id, parent: parent.id, parentName: '', kind: 'finetuned_from' as const };
  await fork.insert(Lineage, { ...edge, basis: 'owner' });
  await em.fork().nativeUpdate(Model, { id: parent.model.id }, { allowCommercialUse: ['Image'] });
  const grant = async (uses: ('resale' | 'personal')[], revocation = 'When I say so.') => {
    const terms = { title: 'Resale', uses, text: 'Do.', forbids: '', revocation };
    const [id, offer] = [newId(), newId()];
    const at = site.clock.now();
    await em
      .fork()
      .insert(LicenceOffer, { id: offer, model: parent.model.id, owner: bert.account.id, ...terms, createdAt: at });
    const held = { offer, model: parent.model.id, holder: ada.id, state: 'granted' as const };
    await em.fork().insert(LicenceGrant, { id, ...held, ...terms, askedAt: at, decidedAt: at });
    return id;
  };
  const early = `/versions/${child.id}/early-access`;
  const endsAt = new Date(site.clock.now().getTime() + 5 * DAY_MS).toISOString().slice(0, 16);
  const sell = () => site.browser.post(early, { endsAt, price: '40' });
  return { ...site, bert, cleo, child, grant, early, endsAt, sell };
}

test('early access for credits asks the parents, and a licence for resale frees who holds it', async (t) => {
  const site = await withChild(t);
  const { bert, cleo, browser, em, early, endsAt, sell, child } = site;
  const late = await site.other('late');
  assert.match(
    textOf((await browser.get(early)).text),
    /Brass v1\S* does not allow that what was made from it is sold/,
  );
  const refused = await sell();
  assert.equal(refused.status, 422);
  assert.match(textOf(refused.text), /Ask its creator for a licence for resale/);
  assert.equal((await browser.post(early, { endsAt, followers: '1' })).status, 302, 'for nothing it may be early');
  await site.grant(['personal']);
  assert.equal((await sell()).status, 422, 'that is no licence for resale');
  const grant = await site.grant(['resale']);
  assert.equal((await sell()).status, 302);
  await publishVersion(site.workAs(site.ada), child.id);
  assert.equal((await cleo.browser.post(`${early}/purchase`, { price: '40' })).status, 302);

  // both see what depends on it
  for (const who of [browser, bert.browser]) {
    assert.match(textOf((await who.get(`/licences/${grant}`)).text), /Sold by this licence .*Patina Early access/);
  }
  // it ends: nobody can pay any more, and who held it is told
  assert.equal((await bert.browser.post(`/licences/${grant}/revocation`, { answer: 'I say so.' })).status, 302);
  await site.settle();
  const told = await em.fork().find(Notification, { account: site.ada.id, kind: 'licence-end' });
  assert.equal(told.length, 1);
  assert.match(textOf((await browser.get(`/licences/${grant}`)).text), /nobody can pay for this any more/);
  assert.equal((await late.browser.post(`${early}/purchase`, { price: '40' })).status, 409);
  assert.equal((await cleo.browser.get(`/api/download/models/${child.id}`)).status, 200, 'who paid before has it');
});

test('a bounty takes and pays no entry that may not be sold', async (t) => {
  const site = await withChild(t);
  const { cleo, em, child, clock } = site;
  const at = clock.now();
  const until = new Date(at.getTime() + 9 * DAY_MS);
  const id = newId();
  await em.fork().insert(Bounty, {
    ...{ id, owner: cleo.account.id, title: 'A fish', text: 'Please.', kind: 'Other', mode: 'Individual' },
    ...{ deadlineAt: until, awardBy: until, createdAt: at, updatedAt: at },
  });
  const enter = () =>
    site.browser.post(`/bounties/${id}/entries`, { key: newId(), text: 'It', model: `/versions/${child.id}/edit` });
  const refused = await enter();
  assert.equal(refused.status, 422);
  assert.match(textOf(refused.text), /does not allow that what was made from it is sold/);
  const grant = await site.grant(['resale']);
  assert.equal((await enter()).status, 302);
  const [entry] = await em.fork().find(BountyEntry, { bounty: id });
  assert.ok(entry);
  await em.fork().nativeUpdate(LicenceGrant, { id: grant }, { state: 'revoked' });
  const award = `/bounties/${id}/entries/${entry.id}/award`;
  assert.match(textOf((await cleo.browser.post(award)).text), /its maker has no licence for resale/);
  await em.fork().nativeUpdate(LicenceGrant, { id: grant }, { state: 'granted' });
  assert.doesNotMatch(textOf((await cleo.browser.post(award)).text), /no licence for resale/);
});

test('a decision against commercial use binds whoever holds a licence, and the author too', async (t) => {
  const site = await withChild(t);
  await site.grant(['resale']);
  await site.em.fork().transactional(async (tx) => {
    await restrict(tx, { kind: 'model', id: site.child.model.id }, 'test', RESTRICTION.commercial, site.clock.now());
    await tx.flush();
  });
  const refused = await site.sell();
  assert.equal(refused.status, 422);
  assert.match(textOf(refused.text), /is not for sale: a moderation decision/);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { viewerOf } from '../../src/accounts/access/identify.ts';
import type { Account } from '../../src/accounts/model.ts';
import { createModel } from '../../src/catalogue/create.ts';
import { Model } from '../../src/catalogue/model.ts';
import { publishVersion } from '../../src/catalogue/publish.ts';
import { loadClosure } from '../../src/compute/gates/load-closure.ts';
import { findOffersByVersion, LORA_TYPES } from '../../src/compute/models/offers.ts';
import { grantsOf } from '../../src/economy/licences/grants-of.ts';
import { LicenceOffer } from '../../src/economy/licences/model.ts';
import { newId } from '../../src/kit/ids.ts';
import { QUARANTINE } from '../../src/safety/policy.ts';
import { restrict } from '../../src/safety/restrict.ts';
import { type Browser, textOf } from '../accounts/browser.ts';
import { publisher } from '../catalogue/publisher.ts';
import { kohyaLoraSd1 } from '../factories/safetensors.ts';
import { assertWhole, purseOf } from './purses.ts';

const DAY_MS = 86_400_000;

test('terms are offered, asked for or paid, granted, shown, enforced, and end as they say', async (t) => {
  const site = await publisher(t);
  const { ada, browser, visitor, em, workAs, clock } = site;
  const [bert, cleo] = [await site.other('bert'), await site.other('cleo')];
  const { id: versionId, model } = await createModel(workAs(ada), { name: 'Brass', type: 'LORA', baseModel: 'SD 1.5' });
  await site.give(versionId, kohyaLoraSd1(), 'brass.safetensors');
  await publishVersion(workAs(ada), versionId);
  await em.nativeUpdate(Model, { id: model.id }, { forbidsGeneration: true, allowDerivatives: false });
  const page = `/licence-offers/model/${model.id}`;
  const terms = {
    title: 'One year',
    uses: 'personal',
    text: 'As long as you like it.',
    forbids: 'Weapons',
    revocation: '',
  };

  assert.equal((await bert.browser.get(page)).status, 404);
  assert.equal((await browser.post(page, { ...terms, title: '' })).status, 422);
  const wrong = await browser.post(page, { ...terms, priceCredits: '60000', text: 'Kept words' });
  assert.match(textOf(wrong.text), /At most 50,000 credits/);
  assert.match(wrong.text, /Kept words/);
  assert.equal((await browser.post(page, { ...terms, title: 'nude loli' })).status, 422);
  assert.equal((await browser.post(page, { ...terms, priceCredits: '80', days: '365' })).status, 302);
  assert.equal(
    (
      await browser.post(page, {
        ...terms,
        title: 'Ask me',
        uses: ['commercial', 'merge'],
        revocation: 'If you sell it on.',
      })
    ).status,
    302,
  );
  const [paid, asked] = await em.fork().find(LicenceOffer, {}, { orderBy: { id: 1 } });
  assert.ok(paid && asked);
  assert.match(
    textOf((await visitor.get(`/models/${model.id}`)).text),
    /Licence offers .*One year Personal use · 80 credits .*Ask me Commercial use, Merging · ask/,
  );
  assert.match(textOf((await visitor.get(`/licence-offers/${paid.id}`)).text), /It may not be used for .*Weapons/);

  const file = { sha256: 'x', fileId: 1, versionId, name: 'brass', title: 'Brass v1' };
  const may = async (account: Account) => {
    const [resource] = await loadClosure(em.fork(), viewerOf(account), [file], clock.now());
    const offers = await findOffersByVersion(em.fork(), viewerOf(account), [versionId], LORA_TYPES);
    return [!resource?.serviceForbiddenBy, offers.length > 0];
  };
  const mayDerive = async (account: Account) =>
    (await loadClosure(em.fork(), viewerOf(account), [file], clock.now()))[0]?.derivativesForbiddenBy === null;
  assert.deepEqual(await may(bert.account), [false, false]);

  const buy = (who: Browser, offer: string, fields: Record<string, string>) =>
    who.post(`/licence-offers/${offer}/grants`, { key: newId(), purpose: '', price: '', ...fields });
  assert.equal((await buy(browser, paid.id, { price: '80' })).status, 422, 'one’s own');
  assert.equal((await buy(bert.browser, paid.id, { price: '8' })).status, 409, 'another price');
  assert.equal((await buy(bert.browser, paid.id, {})).status, 409, 'nothing is free that has a price');
  const key = newId();
  const answers = await Promise.all([1, 2].map(() => buy(bert.browser, paid.id, { key, price: '80' })));
  assert.ok(answers.some(({ status, location }) => status === 302 && location === `/licences/${key}`));
  assert.equal((await buy(bert.browser, paid.id, { price: '80' })).status, 409, 'held already');
  assert.deepEqual([(await purseOf(em, bert.account)).balance, (await purseOf(em, ada)).balance], [520, 680]);
  assert.deepEqual(await may(bert.account), [true, true]);
  assert.deepEqual(await may(cleo.account), [false, false]);

  // asked for, and decided by the owner alone
  assert.equal((await buy(cleo.browser, asked.id, {})).status, 422);
  const { location: grant } = await buy(cleo.browser, asked.id, { purpose: 'A book cover' });
  assert.equal((await bert.browser.get(grant)).status, 404);
  assert.equal((await bert.browser.post(`${grant}/decision`, { choice: 'grant' })).status, 404);
  assert.equal((await cleo.browser.post(`${grant}/decision`, { choice: 'grant' })).status, 404);
  assert.match(textOf((await browser.get('/licences')).text), /Of your models .*Ask me .*@cleo .*Asked for/);
  assert.match(textOf((await browser.get(grant)).text), /A book cover/);
  assert.deepEqual(await may(cleo.account), [false, false]);
  assert.equal((await browser.post(`${grant}/decision`, { choice: 'grant', answer: 'With pleasure' })).status, 302);
  assert.equal((await browser.post(`${grant}/decision`, { choice: 'decline' })).status, 409);
  await site.settle();
  const told = textOf((await browser.get('/notifications')).text);
  assert.match(told, /cleo asks for your licence “Ask me”/, 'also after it was decided');
  assert.match(told, /bert took your licence “One year”/);
  const certificate = textOf((await cleo.browser.get(grant)).text);
  assert.match(certificate, /Granted .*By @ada .*To @cleo .*With pleasure .*If you sell it on.*Number/s);
  assert.deepEqual(await may(cleo.account), [true, true]);
  assert.deepEqual([await mayDerive(bert.account), await mayDerive(cleo.account)], [false, true], 'merging is of hers');
  const shelf = textOf((await visitor.get(`/models/${model.id}`)).text);
  assert.match(shelf, /Who holds one .*@cleo Ask me .*Granted .*@bert One year .*Granted/);
  assert.doesNotMatch(shelf, /book cover/);
  assert.equal(
    (await buy(cleo.browser, paid.id, { price: '80', purpose: 'this looks like a naked child' })).status,
    422,
  );

  // taken back where the terms say so, and nowhere else
  assert.equal((await browser.post(`/licences/${key}/revocation`, { answer: 'No' })).status, 403);
  assert.equal((await cleo.browser.post(`${grant}/revocation`, { answer: 'No' })).status, 404);
  assert.equal((await browser.post(`${grant}/revocation`, { answer: 'Sold on' })).status, 302);
  assert.deepEqual(await may(cleo.account), [false, false]);
  assert.equal(await mayDerive(cleo.account), false);
  assert.match(textOf((await visitor.get(`/models/${model.id}`)).text), /@cleo Ask me .*Taken back/);

  // closed, what was granted stays; it runs out at its time
  assert.equal((await browser.post(`/licence-offers/${paid.id}/removal`)).status, 302);
  assert.equal((await buy(cleo.browser, paid.id, { price: '80' })).status, 409);
  assert.equal((await grantsOf(em.fork(), bert.account.id, [model.id], clock.now())).length, 1);
  clock.pass(366 * DAY_MS);
  assert.deepEqual(await may(bert.account), [false, true], 'the gate says that it ran out');
  await bert.browser.signIn('bert');
  assert.match(textOf((await bert.browser.get(`/licences/${key}`)).text), /Ran out/);

  await em.fork().transactional(async (tx) => {
    await restrict(tx, { kind: 'model', id: model.id }, 'test', QUARANTINE, clock.now());
    await tx.flush();
  });
  assert.equal((await visitor.get(`/licence-offers/${paid.id}`)).status, 451);
  assert.equal((await bert.browser.get(`/licences/${key}`)).status, 200, 'a certificate stays');
  await assertWhole(em.fork());
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newId } from '../../src/kit/ids.ts';
import { ClaimCase } from '../../src/moderation/cases/model/case.ts';
import { givenMember } from '../factories/accounts.ts';
import { testNode } from '../node.ts';
import { signIn, skip, withChromium } from './chromium.ts';
import { glance } from './faults.ts';
import { fillSite } from './site.ts';

const browser = withChromium();

test('a rights holder offers terms, is asked from the case, grants, and a moderator puts the model back', {
  skip,
}, async (t) => {
  const node = await testNode(t, { realTime: true });
  const address = await node.start('web', 'worker');
  const { ada, model } = await fillSite(node, { postCount: 1 });
  const [rita] = [await givenMember(node.em, 'rita'), await givenMember(node.em, 'mia', { role: 'moderator' })];
  const number = 'C-0123456789';
  const [caseId, at] = [newId(), new Date()];
  await node.em.fork().insert(ClaimCase, {
    ...{ id: caseId, number, type: 'copyright', state: 'executed', origin: 'form', url: `/models/${model.id}` },
    ...{ answers: { work: 'The Ink Wash series' }, missing: [], filerId: rita.id, uploaderId: ada.id },
    ...{ targetKind: 'model', targetId: model.id, submittedAt: at, uploaderToldAt: at, executedAt: at, decidedAt: at },
    ...{ outcome: 'limit', parameters: { bits: 1 }, rule: '3', facts: 'It is hers.' },
    snapshot: { title: 'Ink', ownerName: 'ada', madeAt: null, hashes: [] },
  });
  const faults: string[] = [];
  const [hers, his, staff] = [await browser.open(), await browser.open(), await browser.open()];
  const sound = async (window: typeof hers, path: string) => {
    for (const fault of await glance(window, new URL(path, address))) faults.push(`${path} ${fault}`);
  };
  const pathOf = (window: typeof hers) => new URL(window.page.url()).pathname;
  await signIn(hers.page, address, 'rita');
  await signIn(his.page, address, 'ada');
  await signIn(staff.page, address, 'mia');

  await sound(his, '/rights');
  await sound(hers, '/rights');
  await hers.page.getByRole('link', { name: 'The Ink Wash series' }).click();
  await sound(hers, `/rights/claims/${number}`);
  await hers.page.getByLabel('Name', { exact: true }).fill('Fan models');
  await hers.page.getByLabel('Personal use').check();
  await hers.page.getByLabel('Terms', { exact: true }).fill('Name me on the page of the model.');
  await hers.page.getByLabel('It can be taken back when').fill('If you do not name me.');
  await hers.page.getByLabel('Days of notice').fill('14');
  await hers.page.getByRole('button', { name: 'Offer it' }).click();
  await hers.page.getByRole('link', { name: 'Fan models' }).waitFor();
  await sound(his, '/rights/offers');

  await sound(his, `/cases/${number}`);
  await his.page.getByRole('link', { name: 'Fan models' }).click();
  await sound(his, `${pathOf(his)}?model=${model.id}`);
  await his.page.getByLabel('What for').fill('A model for fans');
  await his.page.getByRole('button', { name: 'Ask for it' }).click();
  await his.page.waitForURL(/\/rights\/licences\//);
  const licence = pathOf(his);
  await sound(hers, licence);
  await hers.page.getByRole('button', { name: 'Grant it' }).click();
  await hers.page.getByText('Granted', { exact: true }).waitFor();
  await sound(hers, '/rights');

  await his.page.goto(new URL(`/cases/${number}`, address).href);
  await his.page.getByRole('button', { name: 'Answer with the licence' }).click();
  await his.page.getByText('A moderator looks at the licence.').waitFor();
  await sound(staff, `/moderation/cases/${caseId}`);
  await staff.page.getByRole('button', { name: 'It covers this: put it back' }).click();
  await staff.page.getByText('Put back, by the licence.').waitFor();
  await sound(his, `/models/${model.id}`);
  await his.page.getByText('With permission of').waitFor();

  await hers.page.goto(new URL(licence, address).href);
  await hers.page.getByText('Take the licence back').first().click();
  await hers.page.getByLabel('By which of its terms').fill('You do not name me.');
  await hers.page.getByRole('button', { name: 'Take the licence back' }).click();
  await his.page.goto(new URL(licence, address).href);
  await his.page.getByText('Taken back. It holds until').waitFor();
  await sound(his, licence);
  assert.deepEqual(faults, []);
});

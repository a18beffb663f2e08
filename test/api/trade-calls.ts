import assert from 'node:assert/strict';
import { picture } from '../gallery/painter.ts';
import type { Caller } from './calls.ts';
import type { Json } from './shelf.ts';

const DAY_MS = 86_400_000;

/** Ada made the things; Eve thanks, pays and asks. */
export interface Traded {
  readonly api: Caller;
  readonly theirs: Caller;
  readonly modelId: number;
  readonly versionId: number;
  readonly imageId: number;
}

export async function credits({ api, theirs, imageId, modelId }: Traded) {
  const { balance } = await theirs.call('listCredits');
  await theirs.call('sendTip', { body: { about: `image:${imageId}`, amount: 5, note: 'Bright.' }, key: 'tip' });
  await theirs.call('sendTip', { body: { about: `image:${imageId}`, amount: 5, note: 'Bright.' }, key: 'tip' });
  await theirs.call('sendTip', { body: { about: `image:${imageId}`, amount: 100_000 }, status: 400 });
  const after = await theirs.call('listCredits');
  assert.deepEqual([after.balance, after.items[0].username, after.items[0].amount], [balance - 5, 'ada', -5]);

  const { id } = await api.call('createVersion', { with: { id: modelId }, body: { name: 'early' } });
  const endsAt = new Date(Date.now() + 2 * DAY_MS).toISOString();
  await api.call('setEarlyAccess', { with: { id }, body: { endsAt, price: 7 } });
  await theirs.call('setEarlyAccess', { with: { id }, body: { endsAt, price: 1 }, status: 404 });
  await api.call('setEarlyAccess', { with: { id }, body: { endsAt: '2020-01-01T00:00:00Z' }, status: 400 });
  assert.equal((await api.call('getEarlyAccess', { with: { id } })).early.price, 7);
  await api.call('endEarlyAccess', { with: { id } });
  assert.equal((await api.call('getEarlyAccess', { with: { id } })).early, null);
}

/** A version that is out, with a price. */
export async function buying({ theirs }: Traded, versionId: number) {
  const { early } = await theirs.call('getEarlyAccess', { with: { id: versionId } });
  assert.deepEqual([early.price, early.isIn], [9, false]);
  await theirs.call('buyEarlyAccess', { with: { id: versionId }, body: { price: 8 }, status: 409 });
  await theirs.call('buyEarlyAccess', { with: { id: versionId }, body: { price: 9 } });
  assert.equal((await theirs.call('getEarlyAccess', { with: { id: versionId } })).early.isIn, true);
}

export async function licences({ api, theirs, modelId }: Traded) {
  const terms = { title: 'For prints', uses: ['commercial'], text: 'Print it.', revocation: 'When it is resold.' };
  const { id } = await api.call('offerLicence', { with: { id: modelId }, body: terms });
  const priced = await api.call('offerLicence', { with: { id: modelId }, body: { ...terms, priceCredits: 3 } });
  await theirs.call('offerLicence', { with: { id: modelId }, body: terms, status: 404 });
  const offers = await theirs.call('listLicenceOffers', { with: { id: modelId }, token: null });
  assert.deepEqual(
    offers.items.map(({ priceCredits }: Json) => priceCredits),
    [null, 3],
  );
  await theirs.call('askForLicence', { with: { id: priced.id }, body: { price: 2 }, status: 409 });
  const bought = await theirs.call('askForLicence', { with: { id: priced.id }, body: { price: 3 } });
  assert.deepEqual([bought.state, bought.paidCredits, bought.holder, bought.owner], ['granted', 3, 'eve', 'ada']);
  const asked = await theirs.call('askForLicence', { with: { id }, body: { purpose: 'A poster.' } });
  assert.equal((await theirs.call('withdrawLicenceRequest', { with: { id: asked.id } })).state, 'withdrawn');
  const again = await theirs.call('askForLicence', { with: { id }, body: { purpose: 'Two posters.' } });
  await theirs.call('decideLicence', { with: { id: again.id }, body: { choice: 'grant' }, status: 404 });
  const decision = { choice: 'grant', answer: 'Gladly.' };
  assert.equal((await api.call('decideLicence', { with: { id: again.id }, body: decision })).state, 'granted');
  const ended = await api.call('revokeLicence', { with: { id: again.id }, body: { answer: 'It was resold.' } });
  assert.equal(ended.state, 'revoked');
  assert.equal((await theirs.call('listLicences')).held.length, 3);
  await api.call('closeLicenceOffer', { with: { id } });
}

/** Pictures come out of a draft into a bounty, which waits for somebody to look at them. */
async function sentIn(theirs: Caller, api: Caller, { kind, mode, amount, ...words }: Json) {
  const draft = await theirs.call('createPost', { body: {} });
  const files = { 'a.png': await picture(), 'b.png': await picture() };
  const [one, two] = (await theirs.call('addImages', { with: { id: draft.id }, files })).images.map(
    ({ id }: Json) => id,
  );
  const pictures = [{ id: one, nsfwLevel: 1, alt: 'A fin' }];
  const body = { ...words, title: 'A brass fin', kind, mode, amount };
  await api.call('openBounty', { body: { ...body, pictures }, status: 400 });
  await theirs.call('openBounty', { body: { ...body, pictures: [{ id: one }] }, status: 400 });
  const { id, waiting, ...asked } = await theirs.call('openBounty', { body: { ...body, pictures } });
  assert.equal(waiting, true);
  assert.deepEqual(
    asked.pictures.map((shown: Json) => [shown.id, shown.nsfwLevel, shown.alt]),
    [[one, 1, 'A fin']],
  );
  await api.call('getBounty', { with: { id }, status: 404 });
  const change = async (more: Json) =>
    (await theirs.call('editBounty', { with: { id }, body: { ...words, ...more } })).pictures.map((s: Json) => s.id);
  assert.deepEqual(await change({}), [one]);
  assert.deepEqual(await change({ pictures: [{ id: two, nsfwLevel: 2 }, { id: one }] }), [two, one]);
  assert.deepEqual(await change({ pictures: [] }), []);
  await theirs.call('cancelBounty', { with: { id } });
}

export async function bounties({ api, theirs, versionId }: Traded) {
  const words = { title: 'A brass fish', text: 'Swimming, **please**.', tags: ['brass'], subject: 'fictional' };
  const deadline = new Date(Date.now() + 5 * DAY_MS).toISOString().slice(0, 10);
  const body = { ...words, deadline, kind: 'LoraCreation', mode: 'Individual', amount: 60 };
  await theirs.call('openBounty', { body: { ...body, subject: 'own' }, status: 400 });
  const idle = await theirs.call('openBounty', { body });
  assert.equal((await theirs.call('cancelBounty', { with: { id: idle.id } })).state, 'cancelled');
  const { id, pot, state } = await theirs.call('openBounty', { body, key: 'bounty' });
  assert.deepEqual([pot, state], [60, 'open']);
  assert.equal((await theirs.call('openBounty', { body, key: 'bounty' })).id, id);
  await api.call('editBounty', { with: { id }, body: { ...words, deadline }, status: 404 });
  const change = { ...words, title: 'A brass carp', deadline };
  assert.equal((await theirs.call('editBounty', { with: { id }, body: change })).title, 'A brass carp');
  assert.equal((await api.call('addToBounty', { with: { id }, body: { amount: 4 }, key: 'more' })).pot, 64);
  await api.call('commentOnBounty', { with: { id }, body: { text: 'Which brass?' }, key: 'say-bounty' });
  const talk = await theirs.call('listBountyComments', { with: { id }, token: null });
  assert.match(talk.items[0].html, /Which brass/);
  await sentIn(theirs, api, body);
  const entry = { text: 'Here.', model: `/versions/${versionId}/edit` };
  const entered = await api.call('enterBounty', { with: { id }, body: entry });
  const [{ id: entryId }] = entered.entries;
  await theirs.call('editBountyEntry', { with: { id: entryId }, body: entry, status: 404 });
  await api.call('editBountyEntry', { with: { id: entryId }, body: { ...entry, text: 'There.' } });
  assert.equal((await api.call('withdrawBountyEntry', { with: { id: entryId } })).entries.length, 0);
  const second = (await api.call('enterBounty', { with: { id }, body: entry })).entries[0].id;
  assert.equal((await theirs.call('awardBountyEntry', { with: { id: second } })).state, 'awarded');
  assert.equal((await api.call('getBounty', { with: { id }, token: null })).entries[0].awardedCredits, 64);
  const over = await api.call('listBounties', { with: { show: 'over' }, token: null });
  assert.deepEqual(
    over.items.map(({ title }: Json) => title),
    ['A brass carp', 'A brass fish'],
  );
}

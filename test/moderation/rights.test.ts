import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eraseAccount } from '../../src/accounts/leaving/leave.ts';
import { Account } from '../../src/accounts/model.ts';
import { loadEffective, loadLines } from '../../src/catalogue/lineage/load-terms.ts';
import { forbidsDeriving } from '../../src/catalogue/lineage/terms.ts';
import { findSaleBan } from '../../src/economy/licences/selling.ts';
import { newId } from '../../src/kit/ids.ts';
import { DecideForm, decideCase } from '../../src/moderation/cases/decide/decide.ts';
import { ClaimCase } from '../../src/moderation/cases/model/case.ts';
import { CaseLicence } from '../../src/moderation/cases/model/redress.ts';
import { RightsGrant, RightsOffer } from '../../src/moderation/rights/model.ts';
import { Notification } from '../../src/notifications/model.ts';
import { PolicyState, RESTRICTION } from '../../src/safety/policy.ts';
import { Browser, textOf } from '../accounts/browser.ts';
import { assertWhole, purseOf } from '../economy/purses.ts';
import { givenMember } from '../factories/accounts.ts';
import { givenFile, givenModel, givenVersion } from '../factories/content.ts';
import { DAY, openDesk } from './cases/desk.ts';

const NO_USE = RESTRICTION.download | RESTRICTION.generate;
const TERMS = {
  ...{ covers: 'The Ink Wash series', title: 'Fan models', uses: ['personal', 'merge'], text: 'Name me.' },
  ...{ forbids: 'Adverts', revocation: 'If you do not name me.', noticeDays: '10' },
};

/** Rita's claim about Ada's model was upheld: it can be neither downloaded nor used. */
async function withClaim(t: Parameters<typeof openDesk>[0]) {
  const desk = await openDesk(t);
  const [ada, rita, eve] = [
    await givenMember(desk.em, 'ada'),
    await givenMember(desk.em, 'rita'),
    await givenMember(desk.em, 'eve'),
  ];
  const mod = await givenMember(desk.em, 'mod', { role: 'moderator' });
  const model = givenModel(desk.em, { owner: ada, name: 'Ink Wash' });
  givenFile(desk.em, { version: givenVersion(desk.em, { model }) });
  await desk.em.flush();
  const signedIn = async (name: string) => {
    const browser = new Browser(desk.address);
    await browser.signIn(name);
    return browser;
  };
  const url = `/models/${model.id}`;
  const uphold = async (as: typeof rita | null) => {
    const filed = await (as ? desk.file : desk.fileConfirmed)('copyright', url, { as, email: 'rita@example.org' });
    const form = DecideForm.parse({ rule: '3', facts: 'Hers.', outcome: 'limit', limits: ['download', 'generate'] });
    assert.equal(await decideCase(desk.workAs(mod), filed.caseId, form), 'decided');
    await desk.carryOut(filed.caseId);
    return filed;
  };
  const restricted = async () =>
    (await desk.em.fork().findOne(PolicyState, { targetKind: 'model', targetId: model.id }))?.restrictions ?? 0;
  const told = async (account: typeof rita) => {
    await desk.settle();
    const rows = await desk.em.fork().find(Notification, { account: account.id }, { orderBy: { id: 1 } });
    return rows.map(({ kind }) => kind);
  };
  return { ...desk, ada, rita, eve, mod, model, url, signedIn, uphold, restricted, told };
}

test('a rights holder offers terms, the uploader is granted them, a moderator puts the model back by them', async (t) => {
  const desk = await withClaim(t);
  const [hers, his, staff] = [await desk.signedIn('rita'), await desk.signedIn('ada'), await desk.signedIn('mod')];
  const stranger = await desk.signedIn('eve');
  const { number, caseId } = await desk.uphold(desk.rita);
  assert.equal(await desk.restricted(), NO_USE);

  const place = `/rights/claims/${number}`;
  assert.equal((await stranger.get(place)).status, 404);
  assert.equal((await stranger.post(place, TERMS)).status, 404);
  assert.match(textOf((await hers.get('/rights')).text), /The work\. · Your work · C-/);
  const wrong = await hers.post(place, { ...TERMS, covers: '', text: 'Kept words', noticeDays: '900' });
  assert.equal(wrong.status, 422);
  assert.match(textOf(wrong.text), /Say what is yours\..*At most 365\./s);
  assert.match(wrong.text, /Kept words/);
  assert.equal((await hers.post(place, { ...TERMS, title: 'nude loli' })).status, 422);
  assert.equal((await hers.post(place, TERMS)).status, 302);
  const [offer] = await desk.em.fork().find(RightsOffer, {});
  assert.ok(offer);
  assert.match(textOf((await new Browser(desk.address).get('/rights/offers')).text), /Fan models The Ink Wash series/);

  // seen from the case, and asked for
  const seen = await his.get(`/cases/${number}`);
  assert.match(textOf(seen.text), /Whoever made this claim offers licences .*Fan models Personal use, Merging · ask/);
  assert.match(seen.text, new RegExp(`/rights/offers/${offer.id}\\?model=${desk.model.id}`));
  assert.equal((await his.post(`/cases/${number}/licence`)).status, 409, 'nothing is granted yet');
  const ask = (who: Browser, fields: Record<string, string>) =>
    who.post(`/rights/offers/${offer.id}/grants`, { key: newId(), price: '', purpose: '', modelId: '', ...fields });
  assert.equal((await ask(his, {})).status, 422, 'says what for');
  assert.equal((await ask(hers, { purpose: 'Mine' })).status, 422, 'one’s own');
  assert.equal((await ask(stranger, { purpose: 'It', modelId: String(desk.model.id) })).status, 422, 'not her model');
  const { location: licence, status } = await ask(his, { purpose: 'A fan model', modelId: String(desk.model.id) });
  assert.equal(status, 302);
  assert.equal((await ask(his, { purpose: 'Again', modelId: String(desk.model.id) })).status, 409);
  assert.deepEqual(await desk.told(desk.rita), ['licence']);
  assert.equal((await stranger.get(licence)).status, 404);
  assert.equal((await stranger.post(`${licence}/decision`, { choice: 'grant' })).status, 404);
  assert.equal((await his.post(`${licence}/decision`, { choice: 'grant' })).status, 404, 'not one’s own asking');
  assert.equal((await hers.post(`${licence}/decision`, { choice: 'grant', answer: 'Gladly' })).status, 302);
  assert.deepEqual(await desk.told(desk.ada), ['licence-answer']);
  assert.equal(await desk.restricted(), NO_USE, 'nothing comes back by itself');
  assert.match(textOf((await stranger.get(desk.url)).text), /With permission of @rita ?: The Ink Wash series/);

  // cited, and judged by a person
  assert.equal((await his.post(`/cases/${number}/licence`)).status, 302);
  assert.equal(await desk.restricted(), NO_USE);
  assert.equal((await stranger.post(`/moderation/cases/${caseId}/licence`)).status, 403);
  const page = textOf((await staff.get(`/moderation/cases/${caseId}`)).text);
  assert.match(page, /answers with a licence .*The Ink Wash series .*Merging .*@rita .*@ada .*Granted/s);
  assert.equal((await staff.post(`/moderation/cases/${caseId}/licence`)).status, 302);
  await desk.settle();
  assert.equal(await desk.restricted(), 0);
  assert.equal((await desk.load(caseId)).state, 'reinstated');
  assert.match((await desk.mailsTo('ada@example.org')).join('\n'), /the licence covers/);
  assert.equal((await ask(stranger, { purpose: 'Mine too' })).status, 302, 'the claim was upheld all the same');
});

test('a new claim about what was licensed restricts nothing until a person has looked, and no timer decides it', async (t) => {
  const desk = await withClaim(t);
  const { caseId: first } = await desk.uphold(desk.rita);
  const staff = await desk.signedIn('mod');
  const fork = desk.em.fork();
  const at = desk.clock.now();
  const terms = { title: 'T', uses: ['personal' as const], text: 'T', forbids: '', revocation: '', covers: 'Ink' };
  const offerId = newId();
  await fork.insert(RightsOffer, { id: offerId, owner: desk.rita.id, caseId: first, ...terms, createdAt: at });
  const other = givenModel(desk.em, { owner: desk.ada, name: 'Ink Wash two' });
  givenFile(desk.em, { version: givenVersion(desk.em, { model: other }) });
  await desk.em.flush();
  const grant = { licensee: desk.ada.id, model: other.id, ...terms, askedAt: at, decidedAt: at };
  const grantId = newId();
  await fork.insert(RightsGrant, { id: grantId, offer: offerId, state: 'granted', ...grant });
  const held = async () =>
    (await desk.em.fork().findOne(PolicyState, { targetKind: 'model', targetId: other.id }))?.restrictions ?? 0;

  // by her account, and by her address without one
  const filed = await desk.file('copyright', `/models/${other.id}`, { as: desk.rita });
  assert.equal((await desk.load(filed.caseId)).state, 'open');
  assert.equal(await held(), 0);
  assert.equal((await desk.em.fork().findOneOrFail(CaseLicence, { caseId: filed.caseId })).citedBy, 'node');
  assert.match((await desk.mailsTo('ada@example.org')).join('\n'), /they granted you a licence/);
  await desk.later(4 * DAY);
  assert.equal((await desk.load(filed.caseId)).state, 'open', 'the clock decides nothing');
  assert.equal(await held(), 0);

  // another claimant is not bound by it
  const theirs = await desk.file('style', `/models/${other.id}`, { as: desk.eve });
  assert.equal(await desk.em.fork().count(CaseLicence, { caseId: theirs.caseId }), 0);
  // and what is severe has no licences
  const severe = await desk.file('ncii', `/models/${other.id}`, { as: desk.rita });
  assert.equal(await desk.em.fork().count(CaseLicence, { caseId: severe.caseId }), 0);
  assert.notEqual(await held(), 0);
  const answer = await staff.post(`/moderation/cases/${severe.caseId}/licence`);
  assert.ok(answer.status >= 400, 'no licence answers it');

  // a person says that it does not cover this: from here on the claim restricts
  const refusal = `/moderation/cases/${filed.caseId}/licence-refusal`;
  assert.equal((await staff.post(refusal, { licenceReason: '' })).status, 422);
  assert.equal((await staff.post(refusal, { licenceReason: 'It is for another work.' })).status, 302);
  assert.equal((await desk.load(filed.caseId)).interim, NO_USE);
  const his = await desk.signedIn('ada');
  assert.equal((await his.post(`/cases/${filed.number}/licence`)).status, 409, 'not cited again');
  assert.match(textOf((await his.get(`/cases/${filed.number}`)).text), /does not cover .*It is for another work/s);
});

test('a licence that is taken back warns and holds for the notice that its terms give', async (t) => {
  const desk = await withClaim(t);
  const { number } = await desk.uphold(desk.rita);
  const [hers, his] = [await desk.signedIn('rita'), await desk.signedIn('ada')];
  assert.equal((await hers.post(`/rights/claims/${number}`, { ...TERMS, priceCredits: '80' })).status, 302);
  assert.equal((await hers.post(`/rights/claims/${number}`, { ...TERMS, title: 'Firm', revocation: '' })).status, 302);
  const [paid, firm] = await desk.em.fork().find(RightsOffer, {}, { orderBy: { id: 1 } });
  assert.ok(paid && firm);
  const buy = (offer: string, fields: Record<string, string>) =>
    his.post(`/rights/offers/${offer}/grants`, { key: newId(), price: '', purpose: '', modelId: '', ...fields });
  assert.equal((await buy(paid.id, { price: '8' })).status, 409);
  const before = await purseOf(desk.em, desk.rita);
  const { location: licence } = await buy(paid.id, { price: '80' });
  assert.equal((await purseOf(desk.em, desk.rita)).balance - before.balance, 80);
  await assertWhole(desk.em.fork());

  // planned, and named once
  assert.match(textOf((await his.get(licence)).text), /One that I plan/);
  assert.doesNotMatch(textOf((await his.get(desk.url)).text), /With permission/);
  assert.equal((await hers.post(`${licence}/model`, { modelId: String(desk.model.id) })).status, 404);
  assert.equal((await his.post(`${licence}/model`, { modelId: '99999' })).status, 422);
  assert.equal((await his.post(`${licence}/model`, { modelId: String(desk.model.id) })).status, 302);
  assert.equal((await his.post(`${licence}/model`, { modelId: String(desk.model.id) })).status, 409);
  assert.match(textOf((await his.get(desk.url)).text), /With permission of @rita/);

  assert.equal((await his.post(`${licence}/revocation`, { answer: 'No' })).status, 404);
  assert.equal((await hers.post(`${licence}/revocation`, { answer: '' })).status, 422);
  assert.equal((await hers.post(`${licence}/revocation`, { answer: 'You did not name me.' })).status, 302);
  assert.ok((await desk.told(desk.ada)).includes('licence-end'));
  assert.match(textOf((await his.get(licence)).text), /It holds until .*You did not name me/s);
  assert.match(textOf((await his.get(desk.url)).text), /With permission of @rita/);
  desk.clock.pass(11 * DAY);
  await his.signIn('ada');
  assert.doesNotMatch(textOf((await his.get(desk.url)).text), /With permission/);
  assert.equal((await his.post(`/cases/${number}/licence`)).status, 409, 'it holds no more');

  const { location: asked } = await buy(firm.id, { purpose: 'More' });
  await hers.signIn('rita');
  assert.equal((await hers.post(`${asked}/decision`, { choice: 'grant' })).status, 302);
  assert.equal((await hers.post(`${asked}/revocation`, { answer: 'No' })).status, 403);
  assert.equal((await hers.post(`/rights/offers/${firm.id}/removal`)).status, 302);
  assert.equal((await buy(firm.id, { purpose: 'Late' })).status, 409);
});

test('a claim that was filed without an account is taken into one, once, by its secret', async (t) => {
  const desk = await withClaim(t);
  const { number, secret } = await desk.uphold(null);
  const hers = await desk.signedIn('rita');
  assert.equal((await hers.get(`/rights/claims/${number}`)).status, 404);
  assert.equal((await hers.post(`/claims/${number}/account`)).status, 404, 'not opened');
  await hers.post(`/claims/${number}/key`, { secret });
  assert.match(textOf((await hers.get(`/claims/${number}`)).text), /Take it into my account/);
  assert.equal((await hers.post(`/claims/${number}/account`)).status, 302);
  assert.equal((await hers.get(`/rights/claims/${number}`)).status, 200);
  const other = await desk.signedIn('eve');
  await other.post(`/claims/${number}/key`, { secret });
  assert.equal((await other.post(`/claims/${number}/account`)).status, 409);
});

test('who leaves offers and asks for nothing any more; what was granted stays without their words', async (t) => {
  const desk = await withClaim(t);
  const { number } = await desk.uphold(desk.rita);
  const [hers, his] = [await desk.signedIn('rita'), await desk.signedIn('ada')];
  await hers.post(`/rights/claims/${number}`, TERMS);
  const [offer] = await desk.em.fork().find(RightsOffer, {});
  assert.ok(offer);
  const ask = { key: newId(), price: '', purpose: 'My words', modelId: '' };
  assert.equal((await his.post(`/rights/offers/${offer.id}/grants`, ask)).status, 302);
  await eraseAccount(desk.workAs(null), await desk.em.fork().findOneOrFail(Account, desk.ada.id));
  await desk.settle();
  const left = await desk.em.fork().findOneOrFail(RightsGrant, { id: ask.key });
  assert.deepEqual([left.state, left.purpose], ['withdrawn', '']);
  await eraseAccount(desk.workAs(null), await desk.em.fork().findOneOrFail(Account, desk.rita.id));
  await desk.settle();
  assert.notEqual((await desk.em.fork().findOneOrFail(RightsOffer, { id: offer.id })).closedAt ?? null, null);
});

test('what a rights holder’s licence leaves out is done with the model by nobody, as long as the claim stands', async (t) => {
  const desk = await withClaim(t);
  const { caseId } = await desk.uphold(desk.rita);
  const fork = desk.em.fork();
  const sold = givenModel(fork, { owner: desk.ada, name: 'Ink Wash two', allowCommercialUse: ['Image', 'Sell'] });
  const version = givenVersion(fork, { model: sold, state: 'draft', publishedAt: null });
  await fork.flush();
  const at = desk.clock.now();
  const words = { title: 'T', text: 'T', forbids: '', revocation: '', covers: 'Ink' };
  /** Rita offers these uses, and Ada takes them. */
  const granted = async (uses: ('personal' | 'commercial' | 'merge' | 'resale')[], days: number | null = null) => {
    const terms = { ...words, uses };
    const offer = newId();
    await fork.insert(RightsOffer, { id: offer, owner: desk.rita.id, caseId, ...terms, createdAt: at });
    const expiresAt = days === null ? null : new Date(at.getTime() + days * DAY);
    const grant = { licensee: desk.ada.id, model: sold.id, ...terms, askedAt: at, decidedAt: at, expiresAt };
    await fork.insert(RightsGrant, { id: newId(), offer, state: 'granted', ...grant });
  };
  const seen = async () => {
    const now = desk.clock.now();
    const effective = await loadEffective(fork, version.id, now);
    const line = (await loadLines(fork, [version.id], now)).get(version.id);
    assert.ok(effective && line);
    return {
      uses: effective.terms.uses,
      derives: forbidsDeriving([line.own], desk.ada.id) === null,
      sells: (await findSaleBan(fork, version.id, desk.ada.id, now)) === null,
    };
  };
  const free = { uses: ['Image', 'Sell'], derives: true, sells: true };
  assert.deepEqual(await seen(), free);

  await granted(['personal']);
  assert.deepEqual(await seen(), { uses: [], derives: false, sells: false });
  const his = await desk.signedIn('ada');
  const ends = new Date(at.getTime() + 3 * DAY).toISOString().slice(0, 16);
  const early = await his.post(`/versions/${version.id}/early-access`, { endsAt: ends, price: '50' });
  assert.equal(early.status, 422);
  assert.match(textOf(early.text), /is not for sale: .*the licence of a rights holder/);

  await granted(['commercial', 'merge']);
  assert.deepEqual(await seen(), { uses: ['Image'], derives: true, sells: false });
  await granted(['resale'], 5);
  assert.deepEqual(await seen(), free);
  desk.clock.pass(6 * DAY);
  assert.deepEqual(await seen(), { uses: ['Image'], derives: true, sells: false }, 'that for resale is over');

  // the claim was wrong after all
  await fork.nativeUpdate(ClaimCase, { id: caseId }, { state: 'reinstated' });
  assert.deepEqual(await seen(), free);
});

import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { eraseAccount } from '../../src/accounts/leaving/leave.ts';
import { Account } from '../../src/accounts/model.ts';
import { createModel } from '../../src/catalogue/create.ts';
import { Bounty, BountyEntry } from '../../src/economy/bounties/model.ts';
import { AuditEntry } from '../../src/kit/audit/model.ts';
import { newId } from '../../src/kit/ids.ts';
import { QueueRow } from '../../src/moderation/queue/model.ts';
import { withholdWords } from '../../src/moderation/reports/words.ts';
import { releaseHold } from '../../src/safety/holds/hold.ts';
import { QUARANTINE } from '../../src/safety/policy.ts';
import { restrict } from '../../src/safety/restrict.ts';
import { type Browser, textOf } from '../accounts/browser.ts';
import { publisher } from '../catalogue/publisher.ts';
import { givenMember } from '../factories/accounts.ts';
import { givenImage, givenPost } from '../factories/content.ts';
import { kohyaLoraSd1 } from '../factories/safetensors.ts';
import { assertWhole, purseOf } from './purses.ts';

const DAY_MS = 86_400_000;
const FORM = {
  ...{ title: 'A brass fish', text: 'Swimming, **please**.', subject: 'fictional', kind: 'LoraCreation' },
  ...{
    mode: 'Individual',
    tags: 'brass, fishes',
    references: '',
    baseModel: 'SD 1.5',
    amount: '100',
    deadline: '2026-01-12',
  },
};

const ask = async (browser: Browser, change: Record<string, string> = {}) => {
  const answer = await browser.post('/bounties', { key: newId(), ...FORM, ...change });
  return { ...answer, id: answer.location.split('/').at(-1) ?? '' };
};
const enter = async (browser: Browser, id: string, fields: Record<string, string>) => {
  const answer = await browser.post(`/bounties/${id}/entries`, { key: newId(), text: 'Here it is.', ...fields });
  return { ...answer, entryId: answer.location.split('#entry-').at(-1) ?? '' };
};

/** Ada publishes; Bert asks; Cleo puts in; Mia moderates. */
async function town(t: TestContext) {
  const site = await publisher(t);
  const [bert, cleo] = [await site.other('bert'), await site.other('cleo')];
  const mia = await site.other('mia');
  const moderator = await givenMember(site.em, 'mod', { role: 'moderator' });
  const { id: versionId, model } = await createModel(site.workAs(site.ada), {
    name: 'Fish',
    type: 'LORA',
    baseModel: 'SD 1.5',
  });
  await site.give(versionId, kohyaLoraSd1(), 'fish.safetensors');
  const staff = new (site.visitor.constructor as typeof Browser)(site.address);
  await staff.signIn('mod');
  return { ...site, bert, cleo, mia, moderator, staff, versionId, modelId: model.id };
}

test('a bounty is asked, filled, answered and awarded once, and its files open', async (t) => {
  const { ada, browser, visitor, em, bert, cleo, mia, versionId, clock } = await town(t);
  for (const [change, says] of [
    [{ amount: '49' }, /At least 50 credits/],
    [{ amount: '700' }, /You have 600/],
    [{ deadline: '2026-04-01' }, /At most 60 days/],
    [{ deadline: '2026-01-01' }, /Choose a day to come/],
    [{ subject: 'own' }, /fictional subjects only/],
    [{ subject: 'consented' }, /fictional subjects only/],
    [{ title: 'nude loli' }, /./],
    [{ references: '/images/999' }, /not a public picture/],
    [{ references: 'https://elsewhere.example/x.png' }, /Addresses of pictures/],
    [{ mode: 'Hidden' }, /Choose how it is awarded/],
  ] as const) {
    const answer = await ask(bert.browser, change);
    assert.ok([402, 422].includes(answer.status), `${JSON.stringify(change)} ${answer.status}`);
    assert.match(textOf(answer.text), says);
    if (!('title' in change)) assert.match(answer.text, /value="A brass fish"/, 'what was typed stays');
  }
  assert.deepEqual(await purseOf(em, bert.account), { balance: 600, held: 0 });
  const form = (await bert.browser.get('/bounties/new')).text;
  assert.match(form, /value="own" disabled[\s\S]*?fictional subjects only/);

  const key = newId();
  const { id } = await ask(bert.browser, { key });
  await ask(bert.browser, { key });
  assert.deepEqual(await purseOf(em, bert.account), { balance: 500, held: 100 }, 'a form sent twice is one bounty');
  assert.equal((await cleo.browser.post(`/bounties/${id}/credits`, { key: newId(), amount: '30' })).status, 302);
  assert.equal((await cleo.browser.post(`/bounties/${id}/credits`, { key: newId(), amount: '5000' })).status, 402);
  const list = textOf((await visitor.get('/bounties')).text);
  assert.match(list, /A brass fish .*130 credits .*A LoRA .*0 entries · until/);
  assert.match(textOf((await visitor.get(`/bounties?kind=ImageCreation`)).text), /No bounties/);

  // the version is a draft of ada's: nobody else brings it, and its file is for few
  assert.equal((await enter(bert.browser, id, { model: `/versions/${versionId}/edit` })).status, 409);
  assert.match(
    textOf((await enter(mia.browser, id, { model: `/versions/${versionId}/edit` })).text),
    /not a version of yours/,
  );
  assert.equal((await enter(browser, id, {})).status, 422);
  const { entryId } = await enter(browser, id, { model: `/versions/${versionId}/edit` });
  const file = `/bounties/${id}/entries/${entryId}/file`;
  assert.deepEqual(
    await Promise.all([bert, cleo, mia].map(async (one) => (await one.browser.get(file)).status)),
    [200, 200, 403],
  );
  assert.equal((await visitor.get(file)).status, 403);
  assert.match(textOf((await visitor.get(`/bounties/${id}`)).text), /Its file opens to everybody when it is awarded/);
  assert.equal((await mia.browser.post(`/bounties/${id}/entries/${entryId}/award`)).status, 403);
  assert.equal((await cleo.browser.post(`/bounties/${id}/entries/${entryId}/award`)).status, 403, 'the owner chooses');
  assert.equal((await bert.browser.post(`/bounties/${id}/cancellation`)).status, 409, 'somebody has worked for it');

  // words of a bounty: talked about, and held where they are doubtful
  assert.equal((await mia.browser.post(`/bounties/${id}/comments`, { text: 'Lovely idea' })).status, 302);
  const page = (await visitor.get(`/bounties/${id}`)).text;
  assert.match(textOf(page), /Lovely idea/);
  const comment = /href="\/reports\/new\?about=comment:([0-9a-f-]+)"|id="comment-([0-9a-f-]{36})"/.exec(page);
  const commentUrl = `/comments/${comment?.[1] ?? comment?.[2]}`;
  assert.equal((await visitor.get(commentUrl)).location, `/bounties/${id}#comment-${comment?.[1] ?? comment?.[2]}`);
  const asPeer = { accept: 'application/activity+json' };
  for (const end of ['', '/replies', '/likes']) {
    assert.equal((await visitor.get(`${commentUrl}${end}`, asPeer)).status, 404, 'peers hear of none');
  }

  // nothing is paid for what is kept back
  const withhold = (bits: number) =>
    em.fork().transactional(async (tx) => {
      await restrict(tx, { kind: 'version', id: versionId }, 'test', bits, clock.now());
      await tx.flush();
    });
  await withhold(QUARANTINE);
  assert.equal((await bert.browser.post(`/bounties/${id}/entries/${entryId}/award`)).status, 409);
  await withhold(0);

  const before = (await purseOf(em, ada)).balance;
  const award = `/bounties/${id}/entries/${entryId}/award`;
  await Promise.all([1, 2, 3].map(() => bert.browser.post(award)));
  assert.equal((await purseOf(em, ada)).balance, before + 130, 'once');
  assert.deepEqual((await purseOf(em, bert.account)).held, 0);
  assert.equal((await visitor.get(file)).status, 200);
  assert.match(textOf((await visitor.get(`/bounties/${id}`)).text), /Awarded 130 credits/);
  assert.match(textOf((await browser.get('/credits')).text), /Awarded · a bounty/);
  assert.equal((await cleo.browser.post(`/bounties/${id}/credits`, { key: newId(), amount: '5' })).status, 409);
  assert.equal((await em.fork().findOneOrFail(Bounty, id)).state, 'awarded');
  // what a decision keeps back nobody gets
  await withhold(QUARANTINE);
  assert.equal((await visitor.get(file)).status, 451);
  await assertWhole(em.fork());
});

test('what shows somebody waits for a moderator; what is looked into is not paid out; what is over goes back', async (t) => {
  const { browser, visitor, em, bert, cleo, mia, staff, moderator, workAs, clock, settle, ada, versionId, modelId } =
    await town(t);
  const post = givenPost(em, { owner: bert.account });
  const image = givenImage(em, { post, owner: bert.account });
  const made = givenImage(em, { post, owner: bert.account, hasRecipe: true });
  await em.flush();

  // a picture that may be a photograph
  const { id: held } = await ask(bert.browser, { references: `/images/${image.id}` });
  await settle();
  assert.equal((await visitor.get(`/bounties/${held}`)).status, 404);
  assert.equal((await cleo.browser.post(`/bounties/${held}/credits`, { key: newId(), amount: '5' })).status, 404);
  assert.match(textOf((await bert.browser.get(`/bounties/${held}`)).text), /A moderator looks at this first/);
  assert.doesNotMatch((await visitor.get('/bounties')).text, /A brass fish/);
  assert.equal(await em.fork().count(QueueRow, { kind: 'bounty', subjectId: `hold:bounty:${held}`, state: 'open' }), 1);
  assert.match(textOf((await staff.get('/moderation')).text), /Held bounty/);
  const releasing = em.fork();
  await releaseHold(releasing, 'bounty', held, { byId: moderator.id, now: clock.now() });
  await releasing.flush();
  await settle();
  assert.equal((await visitor.get(`/bounties/${held}`)).status, 200);
  // edited, it is read anew
  const edit = {
    title: 'A brass fish',
    text: 'More',
    tags: '',
    subject: 'fictional',
    references: '',
    deadline: '2026-01-12',
  };
  assert.match(textOf((await bert.browser.post(`/bounties/${held}/edit`, { ...edit, title: 'nude loli' })).text), /./);
  assert.equal((await bert.browser.post(`/bounties/${held}/edit`, { ...edit, deadline: '2026-01-05' })).status, 422);
  assert.equal(
    (await bert.browser.post(`/bounties/${held}/edit`, { ...edit, references: `/images/${image.id}` })).status,
    302,
  );
  assert.equal((await visitor.get(`/bounties/${held}`)).status, 404, 'held again');
  await settle();

  // what a moderator releases is what they saw, not what its owner made of it meanwhile
  const row = await em.fork().findOneOrFail(QueueRow, { subjectId: `hold:bounty:${held}`, state: 'open' });
  const page = `/moderation/queue/${row.id}`;
  const seenIn = (html: string) => /name="seen" value="([0-9a-f]+)"/.exec(html)?.[1] ?? '';
  const release = { key: newId(), choice: 'release', facts: 'A fish of brass.' };
  const before = seenIn((await staff.get(page)).text);
  const changed = { ...edit, text: 'Something else', references: `/images/${image.id}` };
  assert.equal((await bert.browser.post(`/bounties/${held}/edit`, changed)).status, 302);
  await settle();
  const refused = await staff.post(`${page}/decision`, { ...release, seen: before });
  assert.equal(refused.status, 409);
  assert.match(textOf(refused.text), /A brass fish[\s\S]*Something else[\s\S]*changed after you opened it/);
  assert.match(refused.text, /A fish of brass\./, 'nothing typed is lost');
  assert.equal((await staff.post(`${page}/decision`, { ...release, seen: seenIn(refused.text) })).status, 302);

  // made by a program, it is open at once
  const { id } = await ask(cleo.browser, { references: `/images/${made.id}`, mode: 'Split' });
  assert.match((await visitor.get(`/bounties/${id}`)).text, new RegExp(`/media/320/${made.id}.webp`));
  await mia.browser.post(`/bounties/${id}/credits`, { key: newId(), amount: '60' });
  const { entryId } = await enter(browser, id, { model: `/models/${modelId}?version=${versionId}` });
  const award = `/bounties/${id}/entries/${entryId}/award`;

  // a dispute stops the payout; two people cannot take what is not theirs
  assert.equal((await visitor.get(`/reports/new?about=entry:${entryId}`)).status, 302);
  assert.equal(
    (await bert.browser.post('/reports', { about: `entry:${entryId}`, reason: 'other', text: 'Stolen' })).status < 400,
    true,
  );
  assert.equal(await em.fork().count(QueueRow, { aboutKind: 'entry', aboutId: entryId, state: 'open' }), 1);
  assert.equal((await cleo.browser.post(award)).status, 409);
  assert.match(textOf((await visitor.get(`/bounties/${id}`)).text), /nothing is paid out until they have decided/);
  clock.pass(30 * DAY_MS);
  await settle();
  assert.equal((await em.fork().findOneOrFail(Bounty, id)).state, 'open', 'it waits for the decision');
  await em.fork().nativeUpdate(QueueRow, { aboutKind: 'entry' }, { state: 'done', openKey: newId() });
  const [cleoBefore, miaBefore] = [await purseOf(em, cleo.account), await purseOf(em, mia.account)];
  clock.pass(2 * DAY_MS);
  await settle();
  const over = await em.fork().findOneOrFail(Bounty, id);
  assert.equal(over.state, 'expired');
  assert.equal((await purseOf(em, cleo.account)).balance, cleoBefore.balance + 100);
  assert.equal((await purseOf(em, mia.account)).balance, miaBefore.balance + 60);
  assert.equal((await purseOf(em, bert.account)).held, 0, 'the one that was held went back too');

  // shared out: each gives their own share
  const later = { deadline: '2026-02-20', mode: 'Split' };
  const { id: shared } = await ask(cleo.browser, later);
  await mia.browser.post(`/bounties/${shared}/credits`, { key: newId(), amount: '60' });
  const { entryId: first } = await enter(browser, shared, { model: `/versions/${versionId}/edit` });
  const { entryId: second } = await enter(bert.browser, shared, { post: `/posts/${post.id}` });
  const secondEntry = await em.fork().findOneOrFail(BountyEntry, second);
  assert.notEqual(secondEntry.heldAt, null, 'its pictures may be photographs');
  const adaBefore = (await purseOf(em, ada)).balance;
  assert.equal((await mia.browser.post(`/bounties/${shared}/entries/${first}/award`)).status, 302);
  assert.equal((await purseOf(em, ada)).balance, adaBefore + 60);
  assert.equal((await em.fork().findOneOrFail(Bounty, shared)).state, 'open');
  // a moderator ends the quarrel by giving the rest back, on record
  assert.equal((await bert.browser.post(`/bounties/${shared}/refund`)).status, 404);
  assert.equal((await staff.post(`/bounties/${shared}/refund`)).status, 302);
  await settle();
  assert.equal(await em.fork().count(AuditEntry, { action: 'bounty.cancel' }), 1);
  assert.equal((await purseOf(em, cleo.account)).held, 0);

  // withheld, it answers as everything that is
  const { id: shut } = await ask(cleo.browser, later);
  await withholdWords(workAs(null), { kind: 'bounty', id: shut });
  assert.deepEqual(
    [
      (await visitor.get(`/bounties/${shut}`)).status,
      (await visitor.get(`/bounties/${shut}/entries/${first}/file`)).status,
    ],
    [451, 451],
  );
  // whoever leaves: the words go, what others put in comes back
  const { id: left } = await ask(cleo.browser, later);
  await mia.browser.post(`/bounties/${left}/credits`, { key: newId(), amount: '7' });
  const leaving = em.fork();
  await eraseAccount({ em: leaving, now: () => clock.now() }, await leaving.findOneOrFail(Account, cleo.account.id));
  await settle();
  assert.equal((await visitor.get(`/bounties/${left}`)).status, 410);
  assert.equal((await em.fork().findOneOrFail(Bounty, left)).title, '');
  assert.equal((await purseOf(em, mia.account)).held, 0);
  await assertWhole(em.fork());
});

test('a report of one picture of an entry, or of one that shows what is meant, stops the payout as well', async (t) => {
  const { em, visitor, bert, cleo, mia } = await town(t);
  const pictureOf = async (owner: Account) => {
    const post = givenPost(em, { owner });
    const image = givenImage(em, { post, owner, hasRecipe: true });
    await em.flush();
    return { post, image };
  };
  const [shown, brought] = [await pictureOf(mia.account), await pictureOf(bert.account)];
  const { id } = await ask(cleo.browser, { kind: 'ImageCreation', references: `/images/${shown.image.id}` });
  const { entryId } = await enter(bert.browser, id, { post: `/posts/${brought.post.id}` });
  const award = `/bounties/${id}/entries/${entryId}/award`;
  for (const { image } of [shown, brought]) {
    const report = { about: `image:${image.id}`, reason: 'other', text: 'This is me.' };
    const reporter = image === shown.image ? bert : mia;
    assert.ok((await reporter.browser.post('/reports', report)).status < 400);
    assert.equal((await cleo.browser.post(award)).status, 409);
    assert.match(textOf((await visitor.get(`/bounties/${id}`)).text), /nothing is paid out until they have decided/);
    const about = { aboutKind: 'image', aboutId: String(image.id) };
    assert.equal(await em.fork().nativeUpdate(QueueRow, about, { state: 'done', openKey: newId() }), 1);
  }
  assert.equal((await cleo.browser.post(award)).status, 302);
  assert.deepEqual((await purseOf(em, cleo.account)).held, 0);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OutboxMail } from '../../../src/accounts/mail/model.ts';
import { rows } from '../../../src/kit/database/sql.ts';
import { makeTicket } from '../../../src/moderation/cases/intake/ticket.ts';
import { ClaimCase } from '../../../src/moderation/cases/model/case.ts';
import { CaseClaimant } from '../../../src/moderation/cases/model/claimant.ts';
import { CLAIM_TYPES, type ClaimType } from '../../../src/moderation/cases/types/types.ts';
import { Browser, textOf } from '../../accounts/browser.ts';
import { givenMember } from '../../factories/accounts.ts';
import { givenImage, givenModel, givenPost, givenVersion } from '../../factories/content.ts';
import { answersFor, DAY, HOUR, openDesk } from './desk.ts';

async function withSite(t: Parameters<typeof openDesk>[0]) {
  const desk = await openDesk(t, { env: { PUBLIC_URL: 'http://localhost:3000' } });
  const ada = await givenMember(desk.em, 'ada');
  const mod = await givenMember(desk.em, 'mod', { role: 'moderator' });
  const model = givenModel(desk.em, { owner: ada, name: 'Ink <b>Wash</b>' });
  givenVersion(desk.em, { model });
  const image = givenImage(desk.em, { post: givenPost(desk.em, { owner: ada }) });
  await desk.em.flush();
  const browser = () => new Browser(desk.address);
  const ticket = () => makeTicket(desk.node.claims.secretKey, new Date(desk.clock.now().getTime() - 30_000));
  const send = (who: Browser, type: ClaimType, fields: Record<string, string> = {}) =>
    who.post('/claims', {
      ...answersFor(type),
      ...{ type, url: `/models/${model.id}`, email: type === 'minor' ? '' : 'sender@example.net', ticket: ticket() },
      ...fields,
    });
  const filed = (html: string) => ({
    number: /C-[0-9A-Z]{10}/.exec(html)?.[0] ?? '',
    secret: /#([\w-]{43})/.exec(html)?.[1] ?? '',
  });
  const open = async (who: Browser, { number, secret }: { number: string; secret: string }) =>
    who.post(`/claims/${number}/key`, { secret });
  return { ...desk, ada, mod, model, image, browser, send, filed, open, ticket };
}

test('anybody files each of the claim types by its form, and opens the case with number and secret', async (t) => {
  const { browser, send, filed, open, node, settle } = await withSite(t);
  for (const type of CLAIM_TYPES) {
    const who = browser();
    const page = await who.get(`/claims/new?type=${type}&about=/models/1`);
    assert.equal(page.status, 200, type);
    assert.doesNotMatch(page.text, /type="file"/);
    const answer = await send(who, type);
    assert.equal(answer.status, 200, textOf(answer.text));
    await settle();
    const key = filed(answer.text);
    assert.equal((await open(who, key)).location, `/claims/${key.number}`);
    const shown = await who.get(`/claims/${key.number}`);
    assert.match(textOf(shown.text), new RegExp(key.number));
    assert.doesNotMatch(shown.text, new RegExp(key.secret));
  }
  assert.equal(await node.orm.em.fork().count(ClaimCase, {}), 8);
});

test('a form that lacks what its type asks for comes back filled, and a child needs nothing but a tick', async (t) => {
  const { browser, send } = await withSite(t);
  const refused = await send(browser(), 'ncii', { goodFaith: '', name: 'Mia' });
  assert.equal(refused.status, 422);
  assert.match(refused.text, /value="Mia"/);
  assert.match(refused.text, /This statement is needed/);
  assert.equal((await send(browser(), 'minor', { details: '', belief: '1' })).status, 200);
});

test('scenario 36: the answer is the same for addresses, things and people that are known or not, by the same work', async (t) => {
  const { browser, send, model, node } = await withSite(t);
  const works: number[] = [];
  const answers: string[] = [];
  const probes = [
    { url: `/models/${model.id}`, email: 'ada@example.org' },
    { url: '/models/999999', email: 'nobody@example.net' },
    { url: 'https://elsewhere.example/x', email: 'someone@example.net' },
    { url: 'no address at all', email: 'mod@example.org' },
  ];
  for (const probe of probes) {
    const before = await countQueries(node.orm.em);
    const answer = await send(browser(), 'copyright', probe);
    works.push((await countQueries(node.orm.em)) - before);
    answers.push(`${answer.status} ${answer.text.replace(/C-[0-9A-Z]{10}/g, 'N').replace(/[\w-]{43}/g, 'S')}`);
  }
  assert.equal(new Set(answers).size, 1);
  const cases = await rows<{ n: number }>(node.orm.em.fork(), 'select count(*) as n from claim_case');
  assert.equal(Number(cases[0]?.n), probes.length);
  assert.equal(new Set(works).size, 1, works.join(' '));
});

/** Rows that stand behind a submission: the same number of each, whatever it names. */
async function countQueries(em: { fork(): import('@mikro-orm/core').EntityManager }): Promise<number> {
  const [row] = await rows<{ n: unknown }>(
    em.fork(),
    `select (select count(*) from claim_case) + (select count(*) from case_claimant) + (select count(*) from case_clock)
       + (select count(*) from audit_entry where action = 'case.move') + (select count(*) from job where name = 'moderation.take-in-case') as n`,
  );
  return Number(row?.n);
}

test('scenario 36: an address gets three letters a day, however many claims name it', async (t) => {
  const { browser, send, node, settle, later } = await withSite(t);
  for (let n = 0; n < 8; n += 1) assert.equal((await send(browser(), 'copyright')).status, 200);
  await settle();
  const count = () => node.orm.em.fork().count(OutboxMail, { toAddress: 'sender@example.net' });
  assert.equal(await count(), 3);
  await later(DAY + HOUR);
  await send(browser(), 'copyright');
  await settle();
  assert.equal(await count(), 4);
});

test('ten cases a day come from one network; severe ones always, and another network is not held back', async (t) => {
  const { browser, send, later } = await withSite(t);
  const who = browser();
  for (let n = 0; n < 10; n += 1) assert.equal((await send(who, 'other')).status, 200);
  assert.equal((await send(who, 'other')).status, 429);
  assert.equal((await send(who, 'ncii')).status, 200);
  assert.equal((await send(who, 'minor')).status, 200);
  await later(DAY + HOUR);
  assert.equal((await send(who, 'other')).status, 200);
});

test('without a script the form is twenty seconds old; with one a small sum stands in for that; nobody sends it twice', async (t) => {
  const { browser, send, clock, node, ticket } = await withSite(t);
  const page = await browser().get('/claims/new?type=other');
  const fresh = /name="ticket" value="([^"]+)"/.exec(page.text)?.[1] ?? '';
  assert.equal((await send(browser(), 'other', { ticket: fresh })).status, 422);
  const { isEarned } = await import('../../../src/moderation/cases/intake/ticket.ts');
  let proof = 0;
  while (!isEarned(node.claims.secretKey, fresh, String(proof), clock.now())) proof += 1;
  assert.equal((await send(browser(), 'other', { ticket: fresh, sum: String(proof) })).status, 200);
  assert.equal((await send(browser(), 'other', { ticket: fresh, sum: String(proof) })).status, 422);
  assert.equal((await send(browser(), 'other', { ticket: ticket(), website: 'https://spam.example' })).status, 422);
});

test('scenario 37: the letter carries number and link, and nothing that the sender typed', async (t) => {
  const { browser, send, node, settle, mailsTo } = await withSite(t);
  await send(browser(), 'copyright', {
    ...{
      url: 'https://evil.example/BUY-NOW',
      name: 'BUY NOW',
      work: 'BUY NOW at https://evil.example',
      signature: 'BUY NOW',
    },
  });
  await settle();
  const [text] = await mailsTo('sender@example.net');
  const mail = await node.orm.em.fork().findOneOrFail(OutboxMail, { toAddress: 'sender@example.net' });
  assert.doesNotMatch(`${text} ${mail.subject} ${mail.html}`, /BUY|evil/);
  assert.match(text ?? '', /http:\/\/localhost:3000\/claims\/C-\w+\/confirmation\?token=/);
});

test('scenario 37: who would bomb somebody with insults by the form sends them three letters a day without a word of theirs', async (t) => {
  const { browser, send, node, settle, later } = await withSite(t);
  const victim = 'victim@example.net';
  const insult = { name: 'You IDIOT', work: 'IDIOT', signature: 'IDIOT', url: 'https://evil.example/IDIOT' };
  for (const type of ['copyright', 'style', 'trademark', 'privacy', 'ncii', 'ncii', 'minor'] as const) {
    const words = Object.fromEntries(Object.entries(answersFor(type)).filter(([, value]) => value.startsWith('The ')));
    const typed = Object.fromEntries(Object.keys(words).map((name) => [name, 'IDIOT']));
    assert.equal((await send(browser(), type, { ...typed, ...insult, email: victim })).status, 200);
  }
  await settle();
  await later(HOUR);
  const mails = await node.orm.em.fork().find(OutboxMail, { toAddress: victim });
  assert.equal(mails.length, 3, 'of seven claims');
  for (const { subject, text, html } of mails) assert.doesNotMatch(`${subject} ${text} ${html}`, /IDIOT|evil/i);
});

test('scenario 38: opening the link of the letter changes nothing, its button works once', async (t) => {
  const { browser, send, filed, settle, mailsTo, node } = await withSite(t);
  const { number } = filed((await send(browser(), 'copyright')).text);
  await settle();
  const token = /token=([\w-]+)/.exec((await mailsTo('sender@example.net'))[0] ?? '')?.[1] ?? '';
  const state = async () => (await node.orm.em.fork().findOneOrFail(ClaimCase, { number })).state;
  for (let n = 0; n < 3; n += 1) {
    const page = await browser().get(`/claims/${number}/confirmation?token=${token}`);
    assert.equal(page.status, 200);
    assert.equal(page.headers.get('referrer-policy'), 'no-referrer');
  }
  assert.equal(await state(), 'received');
  assert.equal((await browser().post(`/claims/${number}/confirmation`, { token: 'wrong' })).status, 404);
  assert.equal((await browser().post(`/claims/${number}/confirmation`, { token })).status, 200);
  assert.equal(await state(), 'open');
  assert.equal((await browser().post(`/claims/${number}/confirmation`, { token })).status, 404);
});

test('scenario 38: a GET of any address of the desk moves no case', async (t) => {
  const { browser, send, filed, settle, node } = await withSite(t);
  const { number } = filed((await send(browser(), 'ncii')).text);
  await settle();
  const kase = await node.orm.em.fork().findOneOrFail(ClaimCase, { number });
  const who = browser();
  await who.signIn('mod');
  const count = async () => (await rows(node.orm.em.fork(), 'select seq from audit_entry')).length;
  const before = await count();
  const acts =
    'decision rejection question notice escalation verification target merge messages offers source-undo misuse hold';
  for (const act of acts.split(' '))
    assert.equal((await who.get(`/moderation/cases/${kase.id}/${act}`)).status, 404, act);
  for (const path of ['withdrawal', 'answers', 'joint', 'appeal']) await who.get(`/claims/${number}/${path}`);
  await who.get(`/moderation/cases/${kase.id}`);
  assert.equal(await count(), before);
});

test('scenario 39: what parties write is text, wherever it is shown', async (t) => {
  const { browser, send, filed, open, settle, ada, node } = await withSite(t);
  const nasty = '<script>alert(1)</script> <img src=x onerror=alert(1)> https://evil.example/x [a](javascript:1)';
  const who = browser();
  const key = filed((await send(who, 'other', { details: nasty, name: nasty })).text);
  await settle();
  await node.orm.em.fork().nativeUpdate(ClaimCase, { number: key.number }, { verifiedAt: node.now() });
  await open(who, key);
  const mod = browser();
  await mod.signIn('mod');
  const { id } = await node.orm.em.fork().findOneOrFail(ClaimCase, { number: key.number });
  assert.equal((await mod.post(`/moderation/cases/${id}/verification`)).status, 302);
  assert.equal((await who.post(`/claims/${key.number}/messages`, { thread: 'claimant', text: nasty })).status, 302);
  const uploader = browser();
  await uploader.signIn('ada');
  assert.equal((await uploader.post(`/cases/${key.number}/messages`, { thread: 'uploader', text: nasty })).status, 302);
  const pages = [
    await who.get(`/claims/${key.number}`),
    await uploader.get(`/cases/${key.number}`),
    await mod.get(`/moderation/cases/${id}`),
    await mod.post(`/moderation/cases/${id}/claimant`),
  ];
  for (const page of pages) {
    assert.equal(page.status, 200);
    assert.doesNotMatch(page.text, /<script>alert|<img src=x|href="https:\/\/evil|href="javascript/);
    assert.match(page.text, /&lt;script&gt;/);
  }
  assert.ok(ada);
});

test('scenario 56: an address that somebody wrote is shown as text and never fetched', async (t) => {
  const desk = await withSite(t);
  let asked = 0;
  const { createServer } = await import('node:http');
  const server = createServer((_request, response) => {
    asked += 1;
    response.end();
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => server.close());
  const { port } = server.address() as { port: number };
  const url = `http://127.0.0.1:${port}/bait`;
  const who = desk.browser();
  const key = desk.filed((await desk.send(who, 'style', { url, proof: url, works: url })).text);
  await desk.settle();
  await desk.open(who, key);
  const page = await who.get(`/claims/${key.number}`);
  assert.match(page.text, new RegExp(`127\\.0\\.0\\.1:${port}`));
  assert.doesNotMatch(page.text, new RegExp(`(href|src)="http://127\\.0\\.0\\.1:${port}`));
  assert.equal(asked, 0);
});

test('scenario 40: a case that is not yours answers as one that is not there, and its number tells nothing', async (t) => {
  const { browser, send, filed, open, settle, node, model } = await withSite(t);
  const mine = browser();
  const first = filed((await send(mine, 'copyright')).text);
  const second = filed((await send(browser(), 'copyright', { url: `/models/${model.id}?x` })).text);
  await settle();
  const strip = (text: string, number: string) => text.replaceAll(number, 'N');
  const none = 'C-0000000000';
  const stranger = browser();
  const [there, notThere] = [await stranger.get(`/claims/${first.number}`), await stranger.get(`/claims/${none}`)];
  assert.equal(there.status, notThere.status);
  assert.equal(strip(there.text, first.number), strip(notThere.text, none));
  const request = /Request \S+|[0-9a-f-]{36}/g;
  const [wrong, absent] = [
    await open(stranger, { number: first.number, secret: second.secret }),
    await open(stranger, { number: none, secret: second.secret }),
  ];
  assert.deepEqual([wrong.status, absent.status], [404, 404]);
  assert.equal(strip(wrong.text, first.number).replace(request, ''), strip(absent.text, none).replace(request, ''));

  await open(mine, first);
  assert.doesNotMatch((await mine.get(`/claims/${second.number}`)).text, /Withdraw|Take the claim back/);
  assert.equal((await mine.post(`/claims/${second.number}/withdrawal`)).status, 404);
  const uploader = browser();
  await uploader.signIn('ada');
  // nobody confirmed it, so the uploader does not know of it
  const [secretCase, noCase] = [await uploader.get(`/cases/${first.number}`), await uploader.get(`/cases/${none}`)];
  assert.deepEqual([secretCase.status, noCase.status], [404, 404]);
  const { id } = await node.orm.em.fork().findOneOrFail(ClaimCase, { number: first.number });
  assert.equal((await uploader.get(`/moderation/cases/${id}`)).status, 403);
  assert.equal((await uploader.get('/moderation/cases/00000000-0000-7000-8000-000000000000')).status, 403);
  assert.match(first.number, /^C-[0-9A-HJKMNP-TV-Z]{10}$/);
});

test('the pages of a case are kept nowhere, found by nobody and send no referrer', async (t) => {
  const { browser, send, filed, open, settle } = await withSite(t);
  const who = browser();
  const filedPage = await send(who, 'ncii');
  await settle();
  const key = filed(filedPage.text);
  await open(who, key);
  for (const answer of [
    filedPage,
    await who.get(`/claims/${key.number}`),
    await browser().get(`/claims/${key.number}`),
  ]) {
    assert.equal(answer.headers.get('cache-control'), 'no-store');
    assert.equal(answer.headers.get('referrer-policy'), 'no-referrer');
    assert.match(answer.headers.get('x-robots-tag') ?? '', /noindex/);
    const loaded = [...answer.text.matchAll(/<(?:script|link|img|iframe)[^>]+(?:src|href)="([^"]+)"/g)].map(
      ([, url]) => url,
    );
    assert.deepEqual(
      loaded.filter((url) => !url?.startsWith('/') && !url?.startsWith('data:')),
      [],
    );
  }
});

test('every footer and the page of every thing lead to the form', async (t) => {
  const { browser, model, image } = await withSite(t);
  const who = browser();
  for (const path of ['/', `/models/${model.id}`, `/images/${image.id}`, '/@ada']) {
    const page = await who.get(path);
    assert.match(page.text, /<footer[\s\S]*href="\/claims\/new"/, path);
    if (path !== '/') assert.match(page.text, /href="\/claims\/new\?about=%2F/, path);
  }
});

test('who filed a case is encrypted in the database, and no column holds it in clear', async (t) => {
  const { browser, send, settle, node } = await withSite(t);
  await send(browser(), 'copyright', { name: 'Xanthippe Quill', address: 'Elm Street 77', email: 'xq@example.net' });
  await settle();
  const em = node.orm.em.fork();
  const dump = JSON.stringify([await em.find(ClaimCase, {}), await em.find(CaseClaimant, {})]);
  assert.doesNotMatch(dump, /Xanthippe|Elm Street|xq@example/);
  const jobs = await rows<{ payload: string }>(em, 'select cast(payload as text) as payload from job');
  assert.doesNotMatch(JSON.stringify(jobs), /Xanthippe|xq@/);
});

test('without mail the case is opened by a moderator who reached the claimant by another way', async (t) => {
  const { browser, send, filed, settle, node } = await withSite(t);
  const { number } = filed((await send(browser(), 'copyright')).text);
  await settle();
  const kase = await node.orm.em.fork().findOneOrFail(ClaimCase, { number });
  const waiting = await rows(node.orm.em.fork(), `select id from queue_row where subject_id = ? and state = 'open'`, [
    kase.id,
  ]);
  assert.equal(waiting.length, 1);
  const mod = browser();
  await mod.signIn('mod');
  assert.equal((await mod.post(`/moderation/cases/${kase.id}/verification`)).status, 302);
  const open = await node.orm.em.fork().findOneOrFail(ClaimCase, { number });
  assert.deepEqual([open.state, open.verifiedBy], ['open', 'staff']);
});

import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { AuditEntry } from '../../../src/kit/audit/model.ts';
import { isPublicAddress } from '../../../src/kit/net/addresses.ts';
import { ArtistProof } from '../../../src/moderation/cases/model/proofs.ts';
import { artistLink, artistToken, askArtist, hasMeLink } from '../../../src/moderation/cases/proof/artist.ts';
import { Browser, textOf } from '../../accounts/browser.ts';
import { givenMember } from '../../factories/accounts.ts';
import { givenModel } from '../../factories/content.ts';
import { makeAuthority } from '../../federation/attacks/certificates.ts';
import { HOUR, openDesk } from './desk.ts';

type Page = (request: IncomingMessage, response: ServerResponse) => void;

const html =
  (text: string, type = 'text/html; charset=utf-8'): Page =>
  (_request, response) =>
    response.writeHead(200, { 'content-type': type }).end(text);

/** A case of style, and the artist's site beside it, on a socket of its own that nobody else reaches. */
async function withSite(t: TestContext) {
  const authority = makeAuthority();
  const pages = new Map<string, Page>();
  const asked: string[] = [];
  const server = createServer({ ...authority.issue(['artist.example', 'evil.example']) }, (request, response) => {
    asked.push(`${request.headers.host?.split(':')[0]}${request.url}`);
    const page = pages.get(request.url ?? '');
    if (page) page(request, response);
    else response.writeHead(404).end();
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const reach = {
    allowAddress: (address: string, to: number) => isPublicAddress(address) || (address === '127.0.0.1' && to === port),
    ...{ anyPort: true, plainHttp: false, localNames: false },
  };
  const resolve = async (name: string) => (name === 'inside.example' ? ['10.0.0.8'] : ['127.0.0.1']);
  const desk = await openDesk(t, {
    env: { PUBLIC_URL: 'https://node.example' },
    net: { reach, resolve, ca: authority.certificatePem },
  });
  const ada = await givenMember(desk.em, 'ada');
  await givenMember(desk.em, 'mod', { role: 'moderator' });
  const model = givenModel(desk.em, { owner: ada });
  await desk.em.flush();
  const filed = await desk.fileConfirmed('style', `/models/${model.id}`);
  const { claims } = desk.node;
  const url = (path: string, host = 'artist.example') => `https://${host}:${port}${path}`;
  const ask = (page: string) => askArtist(desk.workAs(null), claims, filed.caseId, { page });
  const proof = () => desk.em.fork().findOneOrFail(ArtistProof, filed.caseId);
  /** Asks for a page and says what came of it. */
  const tried = async (page: string) => {
    desk.clock.pass(61_000);
    await ask(page);
    await desk.settle();
    const { state, reason, way } = await proof();
    return state === 'failed' ? reason : `${state} by ${way}`;
  };
  const [token, link] = [artistToken(claims, filed.caseId), artistLink(claims, filed.caseId)];
  return { ...desk, ...filed, ada, model, pages, asked, url, ask, tried, proof, token, link };
}

test('an artist puts the token of the case on their page, and the node finds it there and writes down when', async (t) => {
  const desk = await withSite(t);
  const { caseId, number, secret, pages, url, token, link } = desk;
  const artist = new Browser(desk.address);
  await artist.post(`/claims/${number}/key`, { secret });
  const page = await artist.get(`/claims/${number}`);
  assert.match(page.text, new RegExp(token));
  const wrong = await artist.post(`/claims/${number}/artist`, { page: 'http://artist.example/me' });
  assert.equal(wrong.status, 422, 'https alone');
  assert.match(wrong.text, /value="http:\/\/artist\.example\/me"/);
  pages.set('/me', html('<p>Hello</p>'));
  assert.equal((await artist.post(`/claims/${number}/artist`, { page: url('/me') })).status, 302);
  await desk.settle();
  const refused = textOf((await artist.get(`/claims/${number}`)).text);
  assert.match(refused, /neither token nor link stands on it.*9 tries are left/s);
  assert.equal((await artist.post(`/claims/${number}/artist`, { page: url('/me') })).status, 429, 'not at once again');

  desk.clock.pass(HOUR);
  pages.set('/me', html(`<p>Hello</p><a class="x" rel="me nofollow" href="${link}">node</a>`));
  assert.equal((await artist.post(`/claims/${number}/artist`, { page: url('/me') })).status, 302);
  await desk.settle();
  const { state, way, checkedAt } = await desk.proof();
  assert.deepEqual([state, way, checkedAt?.getTime()], ['proven', 'link', desk.clock.now().getTime()]);
  assert.match(textOf((await artist.get(`/claims/${number}`)).text), /Shown: the page carries the link of this case/);
  assert.equal((await artist.post(`/claims/${number}/artist`, { page: url('/me') })).status, 409);
  const mod = new Browser(desk.address);
  await mod.signIn('mod');
  assert.match(textOf((await mod.get(`/moderation/cases/${caseId}`)).text), /artist\.example:\d+\/me – Shown:/);
  const ada = new Browser(desk.address);
  await ada.signIn('ada');
  assert.doesNotMatch((await ada.get(`/cases/${number}`)).text, new RegExp(`artist\\.example|${token}`));
  const entries = await desk.em.fork().find(AuditEntry, { subjectId: caseId, action: 'case.check-artist' });
  assert.deepEqual(
    entries.map(({ after }) => (after as { state: string }).state),
    ['failed', 'proven'],
  );
});

test('what cannot be looked at says why: missing, too large, no text, elsewhere, inside, silent', async (t) => {
  const { pages, url, token, tried, asked } = await withSite(t);
  pages.set('/bare', html(`Find me: ${token}`, 'text/plain'));
  pages.set('/large', html(`${'x'.repeat(1_000_001)}${token}`));
  pages.set('/picture', html(token, 'image/png'));
  pages.set('/broken', (_request, response) => response.writeHead(500).end(token));
  pages.set('/cut', (request) => request.socket.destroy());
  pages.set('/out', (_request, response) =>
    response.writeHead(302, { location: url('/stolen', 'evil.example') }).end(),
  );
  pages.set('/stolen', html(token));
  pages.set('/inside', (_request, response) =>
    response.writeHead(302, { location: 'https://inside.example/latest/meta-data' }).end(),
  );
  for (const [page, found] of [
    ['/missing', 'missing'],
    ['/large', 'large'],
    ['/picture', 'type'],
    ['/broken', 'status'],
    ['/cut', 'silent'],
    ['/out', 'moved'],
  ] as const) {
    assert.equal(await tried(url(page)), found, page);
  }
  assert.match(await tried(url('/inside')), /^(address|silent)$/);
  assert.match(await tried('https://inside.example/'), /^(address|silent)$/);
  assert.equal(await tried('https://node.example/'), 'address', 'the node never asks itself');
  assert.ok(asked.every((one) => !one.startsWith('inside')));
  assert.equal(await tried(url('/bare')), 'proven by text');
});

test('a case has ten tries, and none before its claimant is known or once it is decided', async (t) => {
  const desk = await withSite(t);
  for (let n = 0; n < 10; n += 1) assert.equal(await desk.tried(desk.url('/missing')), 'missing');
  await assert.rejects(desk.tried(desk.url('/missing')), { kind: 'rate_limited' });
  assert.equal(desk.asked.length, 10);
  const unconfirmed = await desk.file('style', `/models/${desk.model.id}`, { ip: '198.51.100.3' });
  const asking = askArtist(desk.workAs(null), desk.node.claims, unconfirmed.caseId, { page: desk.url('/me') });
  await assert.rejects(asking, { kind: 'conflict' });
});

test('a link counts by rel=me alone, however the tag is written, and nothing that a page says takes long', () => {
  const yes = ["<a href='/x?t=TOK' rel='nofollow ME'>", '<link rel=me href=https://n.example/?artist=TOK>'];
  const no = [
    '<a rel="home" href="?TOK">',
    '<a rel="me" href="?TOK&x">',
    '<a data-rel="me" href="?TOK">',
    'rel=me TOK',
  ];
  for (const one of yes) assert.equal(hasMeLink(`<p>${one}</a>`, 'TOK'), true, one);
  for (const one of no) assert.equal(hasMeLink(`<p>${one}</a>`, 'TOK'), false, one);
  assert.equal(hasMeLink('<a '.repeat(300_000), 'TOK'), false);
});

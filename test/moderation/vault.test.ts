import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import sharp from 'sharp';
import { Account } from '../../src/accounts/model.ts';
import { PERMISSION, type Permission, ROLE_PERMISSIONS } from '../../src/accounts/permissions.ts';
import { Image } from '../../src/gallery/model.ts';
import { AuditEntry } from '../../src/kit/audit/model.ts';
import { verifyAudit } from '../../src/kit/audit/verify.ts';
import { StaffExposure } from '../../src/moderation/queue/model.ts';
import { TakedownTrace } from '../../src/moderation/takedown/trace.ts';
import { collectBlobs } from '../../src/operator/collect.ts';
import { bytesAt, painter } from '../gallery/painter.ts';
import { deskOf } from './desk.ts';
import { carryOut, vaultCount } from './takedowns.ts';

const DAY = 86_400_000;

/** A node where pictures were taken down, and moderators to look at them. */
async function given(t: TestContext) {
  const site = await painter(t);
  const { em, ada, post, other } = site;
  const staff = async (name: string, permissions: number = ROLE_PERMISSIONS.moderator) => {
    const { browser, account } = await other(name);
    await em.nativeUpdate(Account, { id: account.id }, { permissions });
    return { browser, account };
  };
  const remove = async (category: string): Promise<{ traceId: string; imageId: number; takedown: string }> => {
    const { imageIds } = await post(ada, [{}]);
    const [imageId = 0] = imageIds;
    const takedown = await carryOut(site, { target: { kind: 'image', id: imageId }, outcome: 'remove', category });
    const trace = await em.fork().findOneOrFail(TakedownTrace, { takedownId: takedown, kind: 'image' });
    return { traceId: trace.id, imageId, takedown };
  };
  const acts = async (action: string) => em.fork().find(AuditEntry, { action }, { orderBy: { seq: 1 } });
  return { ...site, staff, remove, acts };
}

const pictureIn = (text: string): string =>
  (/<div class="evidence[^"]*"><img src="([^"]+)"/.exec(text)?.[1] ?? '').replaceAll('&amp;', '&');
const bits = (...names: Permission[]): number => names.reduce((sum, name) => sum | PERMISSION[name], 0);

test('the vault lists what was taken and why, to those who may decide such cases and to nobody else', async (t) => {
  const { staff, remove, browser, visitor } = await given(t);
  const vera = await staff('vera');
  assert.match((await vera.browser.get('/moderation/vault')).text, /The vault is empty/);
  const ncii = await remove('ncii');
  const rights = await remove('copyright');
  const page = (await vera.browser.get('/moderation/vault')).text;
  for (const { traceId, imageId } of [ncii, rights]) {
    assert.match(page, new RegExp(`href="/moderation/vault/${traceId}">Picture ${imageId}<`));
  }
  assert.match(page, /Intimate, without consent/);
  assert.match(page, /Decided without a case/);
  assert.match(page, /kept until <time/);
  const some = await staff('rita', bits('moderateContent', 'decideRights'));
  const theirs = (await some.browser.get('/moderation/vault')).text;
  assert.ok(theirs.includes(rights.traceId) && !theirs.includes(ncii.traceId));
  assert.equal((await some.browser.get(`/moderation/vault/${ncii.traceId}`)).status, 404);
  assert.equal((await some.browser.post(`/moderation/vault/${ncii.traceId}/view`, { veil: 'none' })).status, 404);
  assert.equal((await browser.get('/moderation/vault')).status, 403);
  assert.equal((await visitor.get('/moderation/vault')).status, 302);
  const filtered = (await vera.browser.get('/moderation/vault?category=copyright')).text;
  assert.ok(filtered.includes(rights.traceId) && !filtered.includes(ncii.traceId));
  assert.match((await vera.browser.get('/moderation/vault?state=purged')).text, /Nothing was let go yet/);
});

test('the list goes on from page to page', async (t) => {
  const { staff, remove, em } = await given(t);
  const vera = await staff('vera');
  const { takedown } = await remove('other');
  const [first] = await em.fork().find(TakedownTrace, { takedownId: takedown });
  const work = em.fork();
  for (let n = 0; n < 60; n += 1) {
    const id = `01900000-0000-7000-8000-${String(n).padStart(12, '0')}`;
    const { takedownId = takedown, takenAt = new Date() } = first ?? {};
    const rest = { takenAt, clearedAt: takenAt, purgedAt: null, restoredAt: null, facts: {} };
    work.create(
      TakedownTrace,
      { id, takedownId, kind: 'image', subjectId: `9${n}`, digest: 'ab'.repeat(32), ...rest },
      { persist: true },
    );
  }
  await work.flush();
  const seen = new Set<string>();
  let url = '/moderation/vault';
  for (let pages = 0; url && pages < 9; pages += 1) {
    const { text } = await vera.browser.get(url);
    for (const [, id = ''] of text.matchAll(/id="vaulted-([0-9a-f-]+)"/g)) seen.add(id);
    url = (/rel="next" href="([^"]+)"/.exec(text)?.[1] ?? '').replaceAll('&amp;', '&');
  }
  assert.equal(seen.size, 61);
});

test('what lies in the vault is seen grey and blurred until asked for, and each look is counted and written down', async (t) => {
  const { staff, remove, em, acts } = await given(t);
  const { browser, account } = await staff('vera');
  const { traceId } = await remove('ncii');
  const veiled = pictureIn((await browser.get(`/moderation/vault/${traceId}`)).text);
  const blurred = await bytesAt(browser, veiled);
  assert.equal(blurred.status, 200);
  assert.match(blurred.headers.get('cache-control') ?? '', /no-store/);
  const { channels } = await sharp(blurred.bytes).stats();
  assert.ok((channels[0]?.stdev ?? 99) < 12, 'nothing can be made out');
  assert.equal(await em.fork().count(StaffExposure, { accountId: account.id }), 0);
  const shown = pictureIn((await browser.post(`/moderation/vault/${traceId}/view`, { veil: 'none' })).text);
  const clear = await bytesAt(browser, shown);
  assert.ok(((await sharp(clear.bytes).stats()).channels[0]?.stdev ?? 0) > 20);
  assert.equal((await em.fork().findOneOrFail(StaffExposure, { accountId: account.id })).count, 1);
  const [look] = await acts('vault.look');
  assert.deepEqual(
    [look?.actorId, look?.subjectId, JSON.stringify(look?.after).includes('"veil":"none"')],
    [account.id, traceId, true],
  );
});

test('a reviewer’s address of a picture dies in minutes, and in another session, or changed, it never lived', async (t) => {
  const { staff, remove, clock, visitor } = await given(t);
  const [vera, rita] = [await staff('vera'), await staff('rita')];
  const { traceId } = await remove('ncii');
  const url = pictureIn((await vera.browser.post(`/moderation/vault/${traceId}/view`, { veil: 'grey' })).text);
  assert.equal((await bytesAt(vera.browser, url)).status, 200);
  assert.equal((await bytesAt(rita.browser, url)).status, 404);
  assert.match((await visitor.get(url)).location, /^\/sign-in/);
  for (const wrong of [
    url.replace('/grey?', '/none?'),
    url.replace(/key=./, 'key=~'),
    url.replace(/until=\d+/, 'until=99999999999999'),
    url.split('?')[0] ?? '',
  ])
    assert.equal((await bytesAt(vera.browser, wrong)).status, 404, wrong);
  clock.pass(4 * 60_000);
  assert.equal((await bytesAt(vera.browser, url)).status, 200);
  clock.pass(2 * 60_000);
  assert.equal((await bytesAt(vera.browser, url)).status, 404);
  // the same person, signed in anew
  const again = pictureIn((await vera.browser.get(`/moderation/vault/${traceId}`)).text);
  await vera.browser.post('/sign-out');
  await vera.browser.signIn('vera');
  assert.equal((await bytesAt(vera.browser, again)).status, 404);
});

test('what shows a child is seen by nobody alone: one asks, another agrees, for a quarter of an hour', async (t) => {
  const { staff, remove, clock, acts } = await given(t);
  const vera = await staff('vera');
  const { traceId } = await remove('minor');
  const url = `/moderation/vault/${traceId}`;
  const alone = (await vera.browser.get(url)).text;
  assert.match(alone, /this node has one who may/);
  assert.equal(pictureIn(alone), '');
  const rita = await staff('rita');
  assert.match((await vera.browser.get(url)).text, /Another person must agree before you see it/);
  assert.equal((await vera.browser.post(`${url}/view`, { veil: 'none' })).status, 403);
  await vera.browser.post(`${url}/request`);
  assert.equal((await vera.browser.post(`${url}/agreement`, { who: String(vera.account.id) })).status, 409);
  assert.equal((await vera.browser.post(`${url}/view`, { veil: 'none' })).status, 403);
  assert.match((await rita.browser.get(url)).text, /@vera asks to look at this/);
  await rita.browser.post(`${url}/agreement`, { who: String(vera.account.id) });

  const shown = pictureIn((await vera.browser.post(`${url}/view`, { veil: 'none' })).text);
  assert.equal((await bytesAt(vera.browser, shown)).status, 200);
  assert.equal((await rita.browser.post(`${url}/view`, { veil: 'none' })).status, 403, 'who agreed did not ask');
  clock.pass(16 * 60_000);
  assert.equal((await vera.browser.post(`${url}/view`, { veil: 'none' })).status, 403);
  assert.deepEqual(
    [(await acts('vault.ask')).length, (await acts('vault.agree')).length, (await acts('vault.look')).length],
    [1, 1, 1],
  );
});

test('only a person lets bytes go, with a reason that stays; then there is nothing to give back', async (t) => {
  const site = await given(t);
  const { staff, remove, clock, em, acts, settle, node, visitor } = site;
  const { browser, account } = await staff('vera');
  const { traceId, imageId, takedown } = await remove('copyright');
  const url = `/moderation/vault/${traceId}`;
  const empty = await browser.post(`${url}/purge`, { reason: ' ', sure: '1' });
  assert.deepEqual([empty.status, /Say why\./.test(empty.text)], [422, true]);
  const early = await browser.post(`${url}/purge`, { reason: 'It was agreed.', sure: '1' });
  assert.equal(early.status, 422);
  assert.match(early.text, /It was agreed\./, 'the form comes back as it was filled');
  assert.equal(await vaultCount(site), 1);
  // ten years of clocks
  clock.pass(3_650 * DAY);
  await settle();
  await collectBlobs(node.openWork(null));
  assert.equal(await vaultCount(site), 1);
  await browser.signIn('vera');
  assert.match((await browser.get('/moderation/vault')).text, /May be let go/);

  const answer = await browser.post(`${url}/purge`, { reason: 'It was agreed.', sure: '1' });

  assert.equal(answer.location, `${url}?said=vault-purged`);
  assert.equal(await vaultCount(site), 0);
  const trace = await em.fork().findOneOrFail(TakedownTrace, traceId);
  assert.deepEqual(trace.purgedAt, clock.now());
  const [row] = await acts('vault.purge');
  assert.deepEqual([row?.actorId, row?.reason], [account.id, 'It was agreed.']);
  assert.equal((await verifyAudit(em.fork())).isWhole, true);
  assert.match((await browser.get(url)).text, /A person let this go for good/);
  assert.equal((await browser.post(`${url}/purge`, { reason: 'Again.', sure: '1' })).status, 409);
  const target = { kind: 'image', id: imageId } as const;
  await carryOut(site, { target, outcome: 'undo', parameters: { undoes: takedown } });
  assert.equal((await em.fork().findOneOrFail(Image, imageId)).sha256 ?? null, null);
  assert.notEqual((await bytesAt(visitor, `/media/original/${imageId}.png`)).status, 200);
});

test('two people let go of what shows a child; where there is one, it takes them three days', async (t) => {
  const site = await given(t);
  const { staff, remove, clock } = site;
  const vera = await staff('vera');
  const first = await remove('minor');
  const sent = { reason: 'The time is over.', sure: '1', early: '1' };
  const purge = (who: typeof vera, { traceId }: { traceId: string }) =>
    who.browser.post(`/moderation/vault/${traceId}/purge`, sent);
  assert.match((await purge(vera, first)).location, /said=vault-alone/);
  clock.pass(DAY);
  assert.match((await purge(vera, first)).location, /said=vault-alone/);
  assert.equal(await vaultCount(site), 1);
  clock.pass(2 * DAY + 1);
  assert.match((await purge(vera, first)).location, /said=vault-purged/);
  assert.equal(await vaultCount(site), 0);
  const rita = await staff('rita');
  const second = await remove('minor');
  assert.match((await purge(vera, second)).location, /said=vault-waits/);
  assert.match((await purge(vera, second)).location, /said=vault-waits/);
  assert.equal(await vaultCount(site), 1);
  assert.match((await purge(rita, second)).location, /said=vault-purged/);
  assert.equal(await vaultCount(site), 0);
});

test('what is kept back is served to reviewers by signed addresses alone, and by its own to nobody', async (t) => {
  const site = await given(t);
  const { staff, post, ada, clock, visitor } = site;
  const [vera, rita, nora] = [await staff('vera'), await staff('rita'), await staff('nora')];
  const { imageIds } = await post(ada, [{}]);
  const [imageId = 0] = imageIds;
  const desk = deskOf(site);
  await desk.report(nora.account, 'image', { id: imageId });
  await carryOut(site, { target: { kind: 'image', id: imageId }, outcome: 'quarantine' });
  const row = await desk.rowOf('image', { id: imageId });

  const url = pictureIn((await vera.browser.get(`/moderation/queue/${row.id}`)).text);

  assert.match(url, new RegExp(`^/moderation/queue/${row.id}/images/0\\?until=`));
  const seen = await bytesAt(vera.browser, url);
  assert.deepEqual([seen.status, seen.headers.get('cache-control')], [200, 'private, no-store']);
  assert.equal((await bytesAt(rita.browser, url)).status, 404);
  for (const who of [visitor, vera.browser, site.browser])
    for (const path of [`/media/640/${imageId}.webp`, `/media/full/${imageId}.webp`, `/media/original/${imageId}.png`])
      assert.equal((await bytesAt(who, path)).status, 451, path);
  assert.equal((await bytesAt(vera.browser, url.split('?')[0] ?? '')).status, 404);
  clock.pass(6 * 60_000);
  assert.equal((await bytesAt(vera.browser, url)).status, 404);
});

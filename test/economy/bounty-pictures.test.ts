import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import sharp from 'sharp';
import { eraseAccount } from '../../src/accounts/leaving/leave.ts';
import { Account } from '../../src/accounts/model.ts';
import { Bounty } from '../../src/economy/bounties/model.ts';
import { Image, Post } from '../../src/gallery/model.ts';
import { deletePost, UNDO_MS } from '../../src/gallery/posts/delete.ts';
import { sweepTalkPictures } from '../../src/gallery/talk-pictures/clear.ts';
import { rows } from '../../src/kit/database/sql.ts';
import { newId } from '../../src/kit/ids.ts';
import { embedTexts } from '../../src/kit/storage/carriers/embed.ts';
import { QueueRow } from '../../src/moderation/queue/model.ts';
import { findThing } from '../../src/moderation/reports/thing.ts';
import { refuseHold, releaseHold } from '../../src/safety/holds/hold.ts';
import { SafetyHold } from '../../src/safety/holds/model.ts';
import { Browser, textOf } from '../accounts/browser.ts';
import { givenMember } from '../factories/accounts.ts';
import { A1111, bytesAt, generated, painter, picture, sendFiles } from '../gallery/painter.ts';
import { drawn } from '../safety/drawings.ts';
import { ban, seenAt } from '../safety/watch.ts';
import { assertWhole, purseOf } from './purses.ts';

const WORDS = {
  ...{ title: 'A brass fish', text: 'Swimming, please.', subject: 'fictional', tags: 'brass', references: '' },
  deadline: '2026-01-12',
};
const FORM = { ...WORDS, kind: 'LoraCreation', mode: 'Individual', baseModel: 'SD 1.5', amount: '100' };
type Fields = Record<string, string>;
type File = { readonly bytes: Uint8Array; readonly name: string };

/** Bert asks, Cleo looks on, a moderator decides. */
async function town(t: TestContext) {
  const site = await painter(t);
  const [bert, cleo] = [await site.other('bert'), await site.other('cleo')];
  const moderator = await givenMember(site.em, 'mod', { role: 'moderator' });
  const staff = new Browser(site.address);
  await staff.signIn('mod');
  const fresh = () => site.em.fork();
  return {
    ...{ ...site, bert, cleo, staff, fresh },
    held: (id: string) =>
      fresh().find(Image, { post: { talkKind: 'bounty', talkId: id } }, { orderBy: { position: 1 } }),
    ask: async (files: readonly File[], change: Fields = {}) => {
      const answer = await sendFiles(bert.browser, '/bounties', files, { key: newId(), ...FORM, ...change });
      await site.settle();
      return { ...answer, id: answer.location.split('/').at(-1) ?? '' };
    },
    edit: async (id: string, files: readonly File[], change: Fields = {}) => {
      const answer = await sendFiles(bert.browser, `/bounties/${id}/edit`, files, { ...WORDS, ...change });
      await site.settle();
      return answer;
    },
    decide: async (id: string, decision: typeof releaseHold | typeof refuseHold = releaseHold) => {
      const em = fresh();
      await decision(em, 'bounty', id, { byId: moderator.id, now: site.clock.now() });
      await em.flush();
      await site.settle();
    },
  };
}
const file = async (name = 'a.png'): Promise<File> => ({ bytes: await picture(), name });
const photo = async (): Promise<Buffer> =>
  sharp(await picture({ format: 'jpeg' }))
    .withExif({
      IFD0: { Make: 'Canon', Model: 'EOS R5' },
      IFD2: { ExposureTime: '1/100' },
      IFD3: { GPSLatitudeRef: 'N', GPSLatitude: '51/1 30/1 0/1' },
    })
    .jpeg()
    .toBuffer();

test('pictures are sent in with a bounty, wait with it for a moderator, and are then seen by everybody', async (t) => {
  const its = await town(t);
  const { ask, held, decide, visitor, bert, cleo, staff, fresh } = its;
  const { id, status } = await ask([await file('a.png'), { bytes: await photo(), name: 'b.jpg' }], {
    ...{ 'alt-new-1': 'A fish, as I mean it', 'alt-new-2': 'Its scales' },
  });
  assert.equal(status, 302);
  const [first, second] = await held(id);
  assert.ok(first && second);
  assert.deepEqual([first.altText, second.altText, first.level], ['A fish, as I mean it', 'Its scales', 1]);
  assert.deepEqual([first.shownAt ?? null, first.listedAt ?? null], [null, null]);
  assert.equal(await fresh().count(Post, { state: 'draft' }), 0, 'the draft they came through is gone');

  const paths = [`/bounties/${id}`, `/images/${first.id}`, `/media/320/${first.id}.webp`];
  const original = `/media/original/${second.id}.jpg`;
  const seenBy = async (browser: Browser) =>
    Promise.all([...paths, original].map(async (path) => (await bytesAt(browser, path)).status));
  assert.deepEqual(await seenBy(visitor), [404, 404, 404, 404]);
  assert.deepEqual(await seenBy(cleo.browser), [404, 404, 404, 404]);
  assert.deepEqual(await seenBy(bert.browser), [200, 200, 200, 200]);
  assert.deepEqual(await seenBy(staff), [200, 200, 200, 200]);
  assert.match(textOf((await bert.browser.get(`/bounties/${id}`)).text), /A moderator looks at this first/);
  const row = await fresh().findOneOrFail(QueueRow, { kind: 'bounty', subjectId: `hold:bounty:${id}`, state: 'open' });
  const looked = (await staff.post(`/moderation/queue/${row.id}/view`, { veil: 'none' })).text;
  const [evidence = ''] = new RegExp(`/moderation/queue/${row.id}/images/1\\?[^"]+`).exec(looked) ?? [];
  assert.equal((await bytesAt(staff, evidence.replaceAll('&amp;', '&'))).status, 200);
  const thing = await findThing(fresh(), { kind: 'bounty', id });
  assert.deepEqual(
    [thing?.imageIds, thing?.hashes, thing?.level],
    [[first.id, second.id], [first.sha256, second.sha256], 1],
  );

  await decide(id);
  assert.deepEqual(await seenBy(visitor), [200, 200, 200, 200]);
  const page = (await visitor.get(`/bounties/${id}`)).text;
  assert.match(page, /alt="A fish, as I mean it"/);
  assert.ok(page.includes(`href="/images/${second.id}"`));
  const sent = await bytesAt(visitor, original);
  assert.ok(!sent.bytes.includes('Canon'), 'no camera and no place');
  assert.equal(sent.headers.get('cache-control'), 'private, no-store');
  const own = (await visitor.get(`/images/${first.id}`)).text;
  assert.ok(own.includes(`href="/bounties/${id}"`) && own.includes(`/images/${second.id}`));
  // a picture of a bounty is no post: it stands in no list, and nothing else is done with it
  for (const list of ['/', '/images', '/@bert', '/api/v1/images', '/bounties']) {
    assert.ok(!(await bert.browser.get(list)).text.includes(`/${first.id}.`), list);
  }
  assert.equal((await visitor.get(`/posts/${first.post.id}`)).status, 404);
  assert.equal((await cleo.browser.post(`/images/${first.id}/likes`, { on: '1' })).status, 404);
  assert.equal((await bert.browser.post(`/images/${first.id}/edit`, { rating: '16' })).status, 404);
  const asPeer = { accept: 'application/activity+json' };
  assert.equal((await visitor.get(`/images/${first.id}`, asPeer)).status, 404, 'peers hear of none');
  // higher than a visitor looks, it is a number
  await fresh().nativeUpdate(Image, { id: second.id }, { level: 4 });
  assert.match(textOf((await visitor.get(`/bounties/${id}`)).text), /1 picture is left out by your ratings/);
});

test('what is refused comes back with what was written and taken, and a form that is sent twice is one bounty', async (t) => {
  const { ask, held, bert, fresh, settle, post, ada, em } = await town(t);
  const bad = { bytes: Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'), name: 'bad.png' };
  const refused = await ask([await file('good.png'), bad], { 'alt-new-1': 'Good', amount: '7' });
  assert.equal(refused.status, 422);
  assert.match(textOf(refused.text), /bad\.png: /);
  assert.match(refused.text, /value="A brass fish"/);
  const [, kept = ''] = /name="picture\[\]" value="(\d+)"/.exec(refused.text) ?? [];
  assert.match(refused.text, new RegExp(`name="alt-${kept}" value="Good"`));
  assert.match(refused.text, /href="#pictures"[\s\S]* id="pictures"/, 'the error leads to its place');
  const keeping = { 'picture[]': kept, [`alt-${kept}`]: 'Good', rating: '1' };
  const again = await ask([], { ...keeping, amount: '700' });
  assert.equal(again.status, 402);
  assert.match(again.text, new RegExp(`value="${kept}"`), 'it is kept for every reason');
  const wordsOfIt = await ask([], { ...keeping, [`alt-${kept}`]: 'nude loli' });
  assert.equal(wordsOfIt.status, 422);
  assert.match(wordsOfIt.text, new RegExp(`id="alt-${kept}-error"`));

  const { imageIds } = await post(ada, [{}, {}, {}]);
  const references = imageIds.map((id) => `/images/${id}`).join('\n');
  const four = [await file('1.png'), await file('2.png'), await file('3.png'), await file('4.png')];
  const many = await ask(four, { references });
  assert.match(textOf(many.text), /At most 6 pictures in all/);
  const seven = await ask([...four, await file('5.png'), await file('6.png'), await file('7.png')]);
  assert.match(textOf(seven.text), /At most 6 pictures/);
  assert.equal(await fresh().count(Bounty), 0);
  assert.deepEqual(await purseOf(em, bert.account), { balance: 600, held: 0 });
  // nobody takes pictures of somebody else
  const stolen = await ask([], { 'picture[]': String(imageIds[0]), rating: '1' });
  assert.match(textOf(stolen.text), /not in a draft of yours/);

  const key = newId();
  const { id } = await ask([await file('new.png')], { ...keeping, key, references: `/images/${imageIds[0]}` });
  assert.deepEqual(
    (await held(id)).map(({ altText }) => altText),
    ['Good', ''],
  );
  const before = await fresh().count(Post, { owner: bert.account.id, state: 'draft' });
  assert.equal((await ask([await file('new.png')], { key })).location, `/bounties/${id}`);
  await settle();
  assert.equal((await held(id)).length, 2);
  assert.equal(await fresh().count(Post, { owner: bert.account.id, state: 'draft' }), before, 'nothing of it waits');
  const page = (await bert.browser.get(`/bounties/${id}`)).text;
  assert.equal(page.match(/<li class="tile /g)?.length, 3, 'with the one that it names');
});

test('an edit is looked at anew: pictures come, go and are described, and the words alone leave them', async (t) => {
  const { ask, edit, held, decide, visitor, bert, fresh } = await town(t);
  const { id } = await ask([await file('a.png'), await file('b.png')]);
  await decide(id);
  const isHeld = async () => (await fresh().findOneOrFail(Bounty, id)).heldAt != null;
  assert.equal(await isHeld(), false);
  const [one, two] = (await held(id)).map((image) => String(image.id));
  assert.ok(one && two);
  const form = (await bert.browser.get(`/bounties/${id}/edit`)).text;
  assert.ok(form.includes(`value="${one}"`) && form.includes(`value="${two}"`));

  const changed = await edit(id, [await file('c.png')], {
    ...{ 'picture[]': one, [`alt-${one}`]: 'Described', 'alt-new-1': 'New', rating: '2' },
  });
  assert.equal(changed.status, 302, textOf(changed.text));
  const now = await held(id);
  assert.deepEqual(
    now.map(({ altText, level }) => [altText, level]),
    [
      ['Described', 2],
      ['New', 2],
    ],
  );
  assert.equal(await isHeld(), true);
  assert.equal((await bytesAt(visitor, `/media/320/${one}.webp`)).status, 404);
  assert.equal(await fresh().count(Image, { id: Number(two) }), 0);
  await decide(id);
  // a form that says nothing of pictures
  assert.equal((await bert.browser.post(`/bounties/${id}/edit`, { ...WORDS, text: 'More.' })).status, 302);
  assert.deepEqual([(await held(id)).length, await isHeld()], [2, true], 'they are read with the new words');
  await decide(id);
  const undressed = await bert.browser.post(`/bounties/${id}/edit`, { ...WORDS, text: 'The same without clothes.' });
  assert.equal(undressed.status, 422);
  const words = { 'picture[]': one, [`alt-${one}`]: 'nude loli', rating: '2' };
  assert.equal((await edit(id, [], words)).status, 422);
  const explicit = await edit(id, [], { 'picture[]': one, rating: '8' });
  assert.match(textOf(explicit.text), /What may be a photograph is rated PG-13 at most/);
  assert.deepEqual([(await held(id)).length, await isHeld()], [2, false], 'what was refused changed nothing');
  // all taken out
  const drops = { 'picture[]': one, [`drop-${one}`]: '1' };
  assert.equal((await edit(id, [], drops)).status, 302);
  assert.deepEqual([(await held(id)).length, await isHeld()], [0, false], 'nothing is left to look at');
});

test('a camera’s word counts more than a recipe beside it, and a recipe opens no bounty by itself', async (t) => {
  const { ask, fresh } = await town(t);
  const art = { bytes: await generated(A1111), name: 'art.png' };
  const nude = { title: 'A nude study', text: 'Charcoal, an adult woman, nude.', rating: '4' };
  const { id } = await ask([art], nude);
  const hold = await fresh().findOneOrFail(SafetyHold, { kind: 'bounty', targetId: id });
  assert.equal(hold.reason, 'references');
  const pasted = await embedTexts(
    await sharp(await photo())
      .keepMetadata()
      .png()
      .toBuffer(),
    { parameters: A1111 },
  );
  const asked = await ask([{ bytes: pasted, name: 'art.png' }], nude);
  assert.equal(asked.status, 422);
  assert.match(textOf(asked.text), /a photograph, or a picture of unknown origin/);
  const young = await ask([art], { text: 'A child flying a kite.', rating: '4' });
  assert.equal(young.status, 422);
  assert.match(textOf(young.text), /somebody who is, or could be, under age/);
});

test('pictures go with their bounty: ended by its owner, left behind, or without a row', async (t) => {
  const { ask, held, decide, bert, visitor, fresh, settle, clock, em } = await town(t);
  const count = async () => fresh().count(Image, { owner: bert.account.id });
  const { id: open } = await ask([await file()]);
  await decide(open);
  assert.equal((await bert.browser.post(`/bounties/${open}/cancellation`)).status, 302);
  assert.deepEqual([await count(), await fresh().count(Post, { talkId: open })], [0, 0]);
  assert.equal((await visitor.get(`/bounties/${open}`)).status, 200);
  // what somebody has to decide about stays for them
  const { id: waiting } = await ask([await file()]);
  await bert.browser.post(`/bounties/${waiting}/cancellation`);
  assert.equal((await held(waiting)).length, 1);
  await decide(waiting, refuseHold);
  const [refused] = await held(waiting);
  assert.deepEqual(
    [
      (await bytesAt(visitor, `/media/320/${refused?.id}.webp`)).status,
      (await visitor.get(`/bounties/${waiting}`)).status,
    ],
    [451, 451],
  );
  const { id: lost } = await ask([await file()]);
  await rows(em, 'delete from bounty_tag where bounty_id = ? returning tag_id', [lost]);
  await fresh().nativeDelete(Bounty, { id: lost });
  await sweepTalkPictures({ em: fresh() });
  assert.equal(await fresh().count(Post, { talkId: lost }), 0);
  assert.equal((await held(waiting)).length, 1);

  const { id: left } = await ask([await file()]);
  await decide(left);
  const leaving = fresh();
  await eraseAccount({ em: leaving, now: () => clock.now() }, await leaving.findOneOrFail(Account, bert.account.id));
  await settle();
  assert.equal((await visitor.get(`/bounties/${left}`)).status, 410);
  assert.equal(await count(), 0);
  await assertWhole(fresh());
});

test('a public picture that a bounty names can still be deleted', async (t) => {
  const { ask, post, ada, workAs, clock, settle, fresh, visitor, decide } = await town(t);
  const { imageIds, postId } = await post(ada, [{}]);
  const { id } = await ask([await file()], { references: `/images/${imageIds[0]}` });
  await decide(id);
  await deletePost(workAs(ada), postId);
  clock.pass(UNDO_MS + 1_000);
  await settle();
  assert.equal(await fresh().count(Image, { id: imageIds[0] ?? 0 }), 0);
  assert.equal((await visitor.get(`/bounties/${id}`)).text.match(/<li class="tile /g)?.length, 1);
});

test('what is blocked does not come in; what is blocked or reported later is taken out and stops the payout', async (t) => {
  const its = await town(t);
  const { ask, held, decide, visitor, cleo, fresh, bert, staff, settle } = its;
  const [banned, later] = [await drawn(81), await drawn(82)];
  await ban(its, banned, 'ncii');
  const refused = await ask([{ bytes: banned, name: 'a.png' }]);
  assert.equal(refused.status, 422);
  assert.match(textOf(refused.text), /removed from this node/);
  assert.equal(await fresh().count(Image, { owner: bert.account.id }), 0);
  assert.ok((await seenAt(its)).includes('post-image: refuse'));

  const { id } = await ask([{ bytes: later, name: 'b.png' }, await file()]);
  await decide(id);
  const [first, second] = await held(id);
  const { imageIds, postId } = await its.post(its.ada, [{ bytes: await generated(A1111) }]);
  assert.equal(imageIds.length, 1);
  const entered = await its.browser.post(`/bounties/${id}/entries`, {
    ...{ key: newId(), text: 'Here.', post: `/posts/${postId}` },
  });
  const entryId = entered.location.split('#entry-').at(-1);
  const report = { about: `image:${second?.id}`, reason: 'other', text: 'This is me.' };
  assert.ok((await cleo.browser.post('/reports', report)).status < 400);
  assert.equal((await bert.browser.post(`/bounties/${id}/entries/${entryId}/award`)).status, 409);
  assert.match(textOf((await staff.get('/moderation')).text), /This is me|picture/i);
  await ban(its, later, 'ncii');
  await settle();
  const path = `/media/320/${first?.id}.webp`;
  assert.equal((await bytesAt(visitor, path)).status, 451);
  const page = (await visitor.get(`/bounties/${id}`)).text;
  assert.ok(!page.includes(path) && page.includes(`/media/320/${second?.id}.webp`));
});

test('a form that is sent twice at the same moment is one bounty too', async (t) => {
  const { ask, held, fresh, bert } = await town(t);
  const key = newId();
  const sent = await Promise.all([ask([await file()], { key }), ask([await file()], { key })]);
  assert.deepEqual(
    sent.map(({ location }) => location),
    [`/bounties/${key}`, `/bounties/${key}`],
  );
  assert.equal((await held(key)).length, 1);
  assert.equal(await fresh().count(Post, { owner: bert.account.id, state: 'draft' }), 0);
  assert.deepEqual(await purseOf(fresh(), bert.account), { balance: 500, held: 100 });
});

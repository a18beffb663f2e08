import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import sharp from 'sharp';
import { MOST_PICTURE_BYTES } from '../../../src/moderation/cases/files/attachments.ts';
import { CaseAttachment, CaseMessage } from '../../../src/moderation/cases/model/talk.ts';
import { withdrawCase } from '../../../src/moderation/cases/threads/withdraw.ts';
import { Browser, textOf } from '../../accounts/browser.ts';
import { givenMember } from '../../factories/accounts.ts';
import { givenImage, givenModel, givenPost } from '../../factories/content.ts';
import { drawn } from '../../safety/drawings.ts';
import { DAY, openDesk } from './desk.ts';

export const formOf = (fields: Record<string, string>, files: readonly (readonly [string, Uint8Array, string])[]) => {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  for (const [field, bytes, name] of files) form.append(field, new Blob([new Uint8Array(bytes)]), name);
  return form;
};

/** A case of style that the uploader knows of, with a browser for each of the three. */
async function talking(t: TestContext) {
  const desk = await openDesk(t);
  const ada = await givenMember(desk.em, 'ada');
  await givenMember(desk.em, 'eve');
  await givenMember(desk.em, 'mod', { role: 'moderator' });
  const model = givenModel(desk.em, { owner: ada });
  const image = givenImage(desk.em, { post: givenPost(desk.em, { owner: ada }) });
  await desk.em.flush();
  const filed = await desk.fileConfirmed('style', `/models/${model.id}`);
  const signedIn = async (name: string) => {
    const browser = new Browser(desk.address);
    await browser.signIn(name);
    return browser;
  };
  const claimant = new Browser(desk.address);
  await claimant.post(`/claims/${filed.number}/key`, { secret: filed.secret });
  const [uploader, mod, eve] = [await signedIn('ada'), await signedIn('mod'), await signedIn('eve')];
  const urls = {
    claimant: `/claims/${filed.number}`,
    uploader: `/cases/${filed.number}`,
    mod: `/moderation/cases/${filed.caseId}`,
  };
  const attachments = () => desk.em.fork().find(CaseAttachment, { caseId: filed.caseId }, { orderBy: { id: 'asc' } });
  return { ...desk, ...filed, ada, model, image, claimant, uploader, mod, eve, urls, attachments };
}

const photo = async () =>
  sharp(await drawn(5))
    .withExif({ IFD0: { Copyright: 'Ada Secret', Model: 'Camera 9' } })
    .jpeg()
    .toBuffer();

test('a picture goes with a message, drawn anew, and is served to those of its conversation alone', async (t) => {
  const desk = await talking(t);
  const { claimant, uploader, mod, eve, urls } = desk;
  assert.match((await claimant.get(urls.claimant)).text, /type="file"[^>]*accept="image/);
  const sent = await claimant.postForm(
    `${urls.claimant}/messages`,
    formOf({ thread: 'claimant', text: 'My work.' }, [['pictures', await photo(), '../<b>.jpg']]),
  );
  assert.equal(sent.status, 302, textOf(sent.text));
  const [kept] = await desk.attachments();
  assert.ok(kept);
  assert.deepEqual([kept.thread, kept.width, kept.height], ['claimant', 512, 384]);
  const page = await claimant.get(urls.claimant);
  assert.match(page.text, new RegExp(`<img src="${urls.claimant}/attachments/${kept.id}"[^>]*loading="lazy"`));
  assert.doesNotMatch(page.text, /&lt;b&gt;|\.jpg/, 'the name of the file is not kept');

  const served = await claimant.get(`${urls.claimant}/attachments/${kept.id}`);
  assert.equal(served.status, 200);
  assert.equal(served.headers.get('content-type'), 'image/webp');
  assert.equal(served.headers.get('x-content-type-options'), 'nosniff');
  assert.match(served.headers.get('content-security-policy') ?? '', /sandbox/);
  assert.match(served.headers.get('cache-control') ?? '', /no-store/);
  assert.equal(served.headers.get('referrer-policy'), 'no-referrer');
  assert.doesNotMatch(served.text, /Secret|Camera/);
  assert.equal((await mod.get(`${urls.mod}/attachments/${kept.id}`)).status, 200);
  assert.match((await mod.get(urls.mod)).text, new RegExp(`/attachments/${kept.id}"`));

  assert.equal((await uploader.get(`${urls.uploader}/attachments/${kept.id}`)).status, 404, 'another lane');
  assert.doesNotMatch((await uploader.get(urls.uploader)).text, /attachments/);
  assert.equal((await eve.get(`${urls.uploader}/attachments/${kept.id}`)).status, 404);
  assert.equal((await eve.get(`${urls.mod}/attachments/${kept.id}`)).status, 403);
  assert.equal((await new Browser(desk.address).get(`${urls.claimant}/attachments/${kept.id}`)).status, 404);
});

test('scenario 40: a picture is bound to its case, whatever case somebody has open', async (t) => {
  const desk = await talking(t);
  await desk.claimant.postForm(
    `${desk.urls.claimant}/messages`,
    formOf({ thread: 'claimant', text: 'Mine.' }, [['pictures', await drawn(6), 'a.png']]),
  );
  const [kept] = await desk.attachments();
  const other = await desk.fileConfirmed('trademark', `/models/${desk.model.id}`, { ip: '198.51.100.9' });
  const rival = new Browser(desk.address);
  await rival.post(`/claims/${other.number}/key`, { secret: other.secret });
  for (const path of [`/claims/${other.number}`, desk.urls.claimant]) {
    assert.equal((await rival.get(`${path}/attachments/${kept?.id}`)).status, 404);
  }
  const none = await rival.get(`/claims/${other.number}/attachments/00000000-0000-7000-8000-000000000000`);
  const theirs = await rival.get(`/claims/${other.number}/attachments/${kept?.id}`);
  const bare = (text: string) => text.replace(/Request \S+|[0-9a-f-]{36}/g, '');
  assert.equal(bare(theirs.text), bare(none.text), 'as if there were none');
});

test('what is in the joint conversation both see; what is no picture, too many or too large is refused, and the words come back', async (t) => {
  const desk = await talking(t);
  const { claimant, uploader, urls } = desk;
  await claimant.post(`${urls.claimant}/joint`);
  await uploader.post(`${urls.uploader}/joint`);
  const send = (thread: string, files: readonly (readonly [string, Uint8Array, string])[]) =>
    uploader.postForm(`${urls.uploader}/messages`, formOf({ thread, text: 'Look at this.' }, files));
  assert.equal((await send('joint', [['pictures', await drawn(7), 'a.png']])).status, 302);
  const [kept] = await desk.attachments();
  for (const [who, url] of [
    [claimant, urls.claimant],
    [uploader, urls.uploader],
  ] as const) {
    assert.equal((await who.get(`${url}/attachments/${kept?.id}`)).status, 200);
  }

  const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>');
  const refused = await send('uploader', [['pictures', svg, 'a.png']]);
  assert.equal(refused.status, 422);
  assert.match(refused.text, /Look at this\./, 'what was typed is there');
  assert.match(refused.text, /id="pictures-uploader"[^>]*aria-invalid/);
  const small = await drawn(8);
  assert.equal(
    (
      await send(
        'uploader',
        Array.from({ length: 4 }, () => ['pictures', small, 'a.png'] as const),
      )
    ).status,
    413,
  );
  const large = Buffer.alloc(MOST_PICTURE_BYTES + 1);
  // the server hangs up on what it does not want to read to its end, so the answer may not be seen
  const tooLarge = await send('uploader', [['pictures', large, 'a.png']]).catch(() => null);
  assert.ok(tooLarge === null || tooLarge.status === 413);
  assert.equal((await desk.attachments()).length, 1);
  assert.equal(await desk.em.fork().count(CaseMessage, { caseId: desk.caseId }), 1, 'nor the message without them');
});

test('a case takes a number of pictures and no more', async (t) => {
  const desk = await talking(t);
  const small = await sharp({ create: { width: 8, height: 8, channels: 3, background: '#123456' } })
    .png()
    .toBuffer();
  const send = () =>
    desk.claimant.postForm(
      `${desk.urls.claimant}/messages`,
      formOf(
        { thread: 'claimant', text: 'More.' },
        Array.from({ length: 3 }, () => ['pictures', small, 'a.png'] as const),
      ),
    );
  for (let n = 0; n < 10; n += 1) assert.equal((await send()).status, 302);
  const over = await send();
  assert.equal(over.status, 409);
  assert.match(textOf(over.text), /at most 30 pictures/);
});

test('cases about children and intimate pictures take none, by no door', async (t) => {
  const desk = await talking(t);
  const filed = await desk.file('ncii', `/images/${desk.image.id}`);
  const who = new Browser(desk.address);
  await who.post(`/claims/${filed.number}/key`, { secret: filed.secret });
  assert.doesNotMatch((await who.get(`/claims/${filed.number}`)).text, /type="file"/);
  assert.doesNotMatch((await desk.mod.get(`/moderation/cases/${filed.caseId}`)).text, /type="file"/);
  const form = () => formOf({ thread: 'claimant', text: 'Look.' }, [['pictures', Buffer.from('x'), 'a.png']]);
  assert.equal((await who.postForm(`/claims/${filed.number}/messages`, form())).status, 409);
  assert.equal((await desk.mod.postForm(`/moderation/cases/${filed.caseId}/messages`, form())).status, 409);
  assert.equal(
    (await who.post(`/claims/${filed.number}/messages`, { thread: 'claimant', text: 'Words.' })).status,
    302,
  );
  assert.equal(await desk.em.fork().count(CaseAttachment, {}), 0);
});

test('a year after the case is closed its pictures are gone with its words, from the store too', async (t) => {
  const desk = await talking(t);
  await desk.claimant.postForm(
    `${desk.urls.claimant}/messages`,
    formOf({ thread: 'claimant', text: 'Mine.' }, [['pictures', await drawn(9), 'a.png']]),
  );
  const [kept] = await desk.attachments();
  assert.ok(kept);
  assert.equal(await desk.node.files.has(kept.sha256), true);
  await withdrawCase(desk.workAs(null), desk.node.claims, desk.caseId);
  await desk.later(364 * DAY);
  assert.equal(await desk.node.files.has(kept.sha256), true);
  await desk.later(2 * DAY);
  assert.deepEqual([await desk.attachments(), await desk.node.files.has(kept.sha256)], [[], false]);
});

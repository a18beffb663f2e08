import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Image } from '../../src/gallery/model.ts';
import { findThing } from '../../src/moderation/reports/thing.ts';
import { textOf } from '../accounts/browser.ts';
import { bytesAt, painter, picture, sendFiles } from '../gallery/painter.ts';
import { drawn } from '../safety/drawings.ts';
import { ban, seenAt } from '../safety/watch.ts';

test('a report of words shows their pictures, and their hashes stand in the case', async (t) => {
  const { post, ada, other, settle, em } = await painter(t);
  const bob = await other('bob');
  const { imageIds } = await post(ada, [{}]);
  const files = [{ bytes: await picture(), name: 'a.png' }];
  const said = await sendFiles(bob.browser, `/images/${imageIds[0]}/comments`, files, { text: 'See.', rating: '4' });
  await settle();
  const id = said.location.split('#comment-')[1] ?? '';
  const image = await em.fork().findOneOrFail(Image, { post: { talkId: id } });
  const thing = await findThing(em.fork(), { kind: 'comment', id });
  assert.deepEqual([thing?.imageIds, thing?.hashes, thing?.level], [[image.id], [image.sha256], 4]);
});

test('what is blocked does not come in beside words, and a picture that is blocked later is taken from them', async (t) => {
  const its = await painter(t);
  const { post, ada, other, settle, em, visitor } = its;
  const bob = await other('bob');
  const { imageIds } = await post(ada, [{}]);
  const page = `/images/${imageIds[0]}`;
  const [banned, later] = [await drawn(81), await drawn(82)];
  await ban(its, banned, 'ncii');
  const refused = await sendFiles(bob.browser, `${page}/comments`, [{ bytes: banned, name: 'a.png' }], {
    text: 'See.',
  });
  assert.equal(refused.status, 422);
  assert.match(textOf(refused.text), /removed from this node/);
  assert.equal(await em.fork().count(Image, { owner: bob.account.id }), 0);
  assert.ok((await seenAt(its)).includes('post-image: refuse'));

  await sendFiles(bob.browser, `${page}/comments`, [{ bytes: later, name: 'b.png' }], { text: 'And this.' });
  await settle();
  const image = await em.fork().findOneOrFail(Image, { owner: bob.account.id });
  const path = `/media/320/${image.id}.webp`;
  assert.ok((await visitor.get(page)).text.includes(path));
  await ban(its, later, 'ncii');
  await settle();
  assert.equal((await bytesAt(visitor, path)).status, 451);
  assert.equal((await visitor.get(`/images/${image.id}`)).status, 451);
  const shown = (await visitor.get(page)).text;
  assert.ok(shown.includes('And this.') && !shown.includes(path));
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { indexPost } from '../../src/discovery/index/keep.ts';
import { bandsOf, beside } from '../../src/discovery/similar/bands.ts';
import { ALIKE_BITS, findAlike } from '../../src/discovery/similar/find.ts';
import { fillLooksJob } from '../../src/discovery/similar/keep.ts';
import { ResourceUse } from '../../src/gallery/model.ts';
import { rows, toNumber } from '../../src/kit/database/sql.ts';
import { newId } from '../../src/kit/ids.ts';
import { restrict } from '../../src/safety/restrict.ts';
import { Browser } from '../accounts/browser.ts';
import { givenImage, givenPost, givenVersion, NOW } from '../factories/content.ts';
import { testNode } from '../node.ts';

const hashOf = (bits: readonly boolean[]): string =>
  Array.from({ length: 64 }, (_, n) =>
    Number.parseInt(
      bits
        .slice(n * 4, n * 4 + 4)
        .map((bit) => (bit ? '1' : '0'))
        .join(''),
      2,
    ).toString(16),
  ).join('');

test('two hashes that differ in at most 31 bits always have a band that the index finds', () => {
  const bit256 = fc.array(fc.boolean(), { minLength: 256, maxLength: 256 });
  const places = fc.uniqueArray(fc.integer({ min: 0, max: 255 }), { maxLength: ALIKE_BITS });
  fc.assert(
    fc.property(bit256, places, (bits, flipped) => {
      const other = bits.map((bit, at) => (flipped.includes(at) ? !bit : bit));
      const asked = bandsOf(hashOf(bits)).map(beside);
      return bandsOf(hashOf(other)).some((band, n) => asked[n]?.includes(band));
    }),
    { numRuns: 500 },
  );
  // the worst case, and one bit more, which the bands promise nothing of
  const spread = (count: number) =>
    Array.from({ length: 256 }, (_, at) => at % 16 < 2 && Math.floor(at / 16) * 2 + (at % 16) < count);
  const none = bandsOf('0'.repeat(64)).map(beside);
  const finds = (count: number) => bandsOf(hashOf(spread(count))).some((band, n) => none[n]?.includes(band));
  assert.deepEqual([finds(31), finds(32)], [true, false]);
});

test('similar pictures are those that differ least, and those made with the same models; nothing that is kept back is among them', async (t) => {
  const { node, em, workAs, start } = await testNode(t);
  const base = Array.from({ length: 256 }, (_, at) => at % 3 === 0);
  const flip = (count: number) => hashOf(base.map((bit, at) => (at % 8 === 0 && at / 8 < count ? !bit : bit)));
  const version = givenVersion(em);
  const given = (pdq: string, more = {}) => givenImage(em, { post: givenPost(em), pdq, ...more });
  const [one, near, nearer] = [given(hashOf(base)), given(flip(31)), given(`${flip(4)},${'0'.repeat(64)}`)];
  const far = given(flip(32));
  const mature = given(flip(2), { level: 16 });
  const hidden = given(flip(1), { listedAt: null });
  const held = given(flip(1));
  const secret = given('', { isRecipeHidden: true });
  for (const image of [one, far, secret]) {
    em.create(
      ResourceUse,
      { id: newId(), image, kind: 'lora', name: 'x', version, model: version.model },
      { persist: true },
    );
  }
  await em.flush();
  const work = workAs(null);
  // the index is filled for what was here before it
  await fillLooksJob.run(work, { before: 2 ** 31 - 1 }, {} as never);
  const ids = async () => (await findAlike(em.fork(), hashOf(base), 50)).map(({ id }) => id);
  assert.deepEqual(await ids(), [one.id, held.id, mature.id, nearer.id, near.id]);
  await indexPost(work, far.post.id);
  const [kept] = await rows<{ n: unknown }>(em.fork(), 'select count(*) as n from image_look');
  assert.equal(toNumber(kept?.n), 6, 'neither what is not listed nor what has no hash');

  // a decision that no list has heard of yet
  await rows(em.fork(), 'update image set listed_at = null where id = ? returning id', [held.id]);
  const web = new Browser(await start('web'));
  const shown = async (path: string) =>
    [...(await web.get(path)).text.matchAll(/class="tile-link" href="\/images\/(\d+)"/g)].map(([, id]) => Number(id));
  assert.deepEqual(await shown(`/images/${one.id}/similar`), [nearer.id, near.id]);
  assert.deepEqual(await shown(`/images/${one.id}/similar?by=models`), [far.id]);
  assert.deepEqual(await shown(`/images/${secret.id}/similar?by=models`), [], 'how it was made is kept back');
  assert.deepEqual(await shown(`/images/${mature.id}/similar`), [], 'a visitor does not browse this rating');
  assert.match((await web.get(`/images/${one.id}`)).text, new RegExp(`/images/${one.id}/similar`));
  assert.equal((await web.get(`/images/${hidden.id}/similar`)).status, 200, 'it is public, and waits to be listed');
  await em.fork().transactional((inner) => restrict(inner, { kind: 'image', id: one.id }, 'test', 1, NOW));
  assert.ok([404, 410, 451].includes((await web.get(`/images/${one.id}/similar`)).status));
  assert.ok(node);
});

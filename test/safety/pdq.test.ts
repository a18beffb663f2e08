import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import sharp from 'sharp';
import { readRgb } from '../../src/kit/storage/images-luma.ts';
import { paint } from '../../src/operator/demo/painter.ts';
import { PALETTES } from '../../src/operator/demo/palettes.ts';
import { Bank, type BankBlock } from '../../src/safety/hashes/bank.ts';
import { mirrored, quarterTurned, trimmed } from '../../src/safety/hashes/luma.ts';
import { distance, type Luma, lumaOf, pdqOf, wordsOf } from '../../src/safety/hashes/pdq.ts';
import { queriesOf, variantsOf } from '../../src/safety/hashes/variants.ts';
import { drawing, drawn } from './drawings.ts';

const apart = (one: string, other: string): number => distance(wordsOf(one), 0, wordsOf(other), 0, 256);

async function lumaFrom(bytes: Uint8Array | string, mostSide = 512): Promise<Luma> {
  const [frame] = await readRgb(bytes, mostSide, 1);
  assert.ok(frame);
  return lumaOf(frame.data, frame.width, frame.height);
}

// Constructed: our own drawings, hashed by the reference implementation (facebook/ThreatExchange, pdq/cpp, through its
// Python binding pdqhash 0.2.8) on the same pixels.
const REFERENCE = [
  [1, 512, 384, '96ab6f269e0c3e1f281ffe1e3f10f23b297721a4b24b00b90f821bd14d86ed53'],
  [2, 512, 512, '052d42962d4e5694e708561b3b867f4e7e95bf0ecc5ae11f324eacf61b0a2cd1'],
  [3, 200, 300, '1a9df6359f92903c994a667a6cec9b95b3b30ccd685b9242372ccd234998c673'],
  [4, 64, 64, '78ca6be9a5b28d3bcb184b16acf21a6912385a37c6f6264d36cd37258696e1c9'],
  [5, 37, 90, '33d01371c450ccc4dccab2032623962fcc9f89ff066e366637eec991d9196f74'],
] as const;

for (const [seed, width, height, hash] of REFERENCE) {
  test(`PDQ of drawing ${seed}, ${width} × ${height}, is bit by bit that of the reference implementation`, () => {
    assert.deepEqual(pdqOf(lumaOf(drawing(seed, width, height), width, height)), { hash, quality: 100 });
  });
}

// Published hashes: pdq/java/src/test/java/hasher/pdqhashing/PDQHasherTest.java of facebook/ThreatExchange at baefb4e.
// Its pictures are not ours to pass on; PDQ_REFERENCE_DIR names a folder with those of pdq/data.
const PUBLISHED = {
  'bridge-1-original.jpg': 'f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22',
  'bridge-2-rotate-90.jpg': '30a10efd71cc3d429013d48d0ffffc52e34e0e17ada952a9d29685211ea9e5af',
};
const dataDir = process.env.PDQ_REFERENCE_DIR ?? '';
const skip = existsSync(join(dataDir, 'bridge-1-original.jpg')) ? false : 'PDQ_REFERENCE_DIR names no pictures';

test('the published hashes of the reference pictures are ours, whole and made smaller', { skip }, async () => {
  for (const [name, hash] of Object.entries(PUBLISHED)) {
    assert.equal(pdqOf(await lumaFrom(join(dataDir, name), 5_000)).hash, hash);
    // the reference's own bound for other decoders: 10 bits at quality 80
    assert.ok(apart(pdqOf(await lumaFrom(join(dataDir, name))).hash, hash) <= 10, name);
  }
});

test('a plain surface has quality 0 and asks with no hash', async () => {
  const plain = await sharp({ create: { width: 300, height: 300, channels: 3, background: '#345' } })
    .png()
    .toBuffer();
  const luma = await lumaFrom(plain);
  assert.equal(pdqOf(luma).quality, 0);
  assert.deepEqual(queriesOf(luma), []);
  assert.equal(pdqOf({ width: 4, height: 4, data: new Float32Array(16) }).quality, 0);
});

test('distance counts bits that differ, and stops early only above its limit', () => {
  const hash = fc.stringMatching(/^[0-9a-f]{64}$/);
  const count = (one: string, other: string): number =>
    [...one].reduce((sum, digit, n) => {
      const bits = Number.parseInt(digit, 16) ^ Number.parseInt(other[n] ?? '0', 16);
      return sum + bits.toString(2).replaceAll('0', '').length;
    }, 0);
  fc.assert(
    fc.property(hash, hash, fc.integer({ min: 0, max: 256 }), (one, other, most) => {
      assert.equal(apart(one, other), count(one, other));
      const bits = distance(wordsOf(one), 0, wordsOf(other), 0, most);
      assert.equal(bits <= most, count(one, other) <= most);
    }),
  );
});

test('a banned picture is known by 61 hashes, the plain one first', async () => {
  const luma = await lumaFrom(await drawn(7));
  const variants = variantsOf(luma);
  assert.equal(variants.length, 61);
  assert.deepEqual(variants[0], pdqOf(luma));
  assert.equal(new Set(variants.map(({ hash }) => hash)).size, 61);
  assert.equal(variants[28]?.hash, pdqOf(mirrored(luma)).hash);
  const turned = await lumaFrom(
    await sharp(await drawn(7))
      .rotate(90)
      .png()
      .toBuffer(),
  );
  assert.equal(pdqOf(quarterTurned(luma)).hash, pdqOf(turned).hash);
});

test('a border of one colour is taken off, also after JPEG; a picture without one keeps its edges', async () => {
  const picture = await drawn(8);
  const framed = sharp(picture).extend({ top: 15, bottom: 15, left: 20, right: 20, background: '#f0f0e8' });
  const inner = trimmed(await lumaFrom(await framed.jpeg({ quality: 70 }).toBuffer()));
  assert.ok(inner);
  assert.ok(apart(pdqOf(inner).hash, pdqOf(await lumaFrom(picture)).hash) <= 12);
  const noise = await sharp({
    create: {
      width: 200,
      height: 200,
      channels: 3,
      background: '#888',
      noise: { type: 'gaussian', mean: 128, sigma: 60 },
    },
  })
    .png()
    .toBuffer();
  assert.equal(trimmed(await lumaFrom(noise)), null);
});

const blockOf = (id: string, isSevere: boolean): BankBlock => ({ id, isSevere, category: isSevere ? 'ncii' : 'style' });
const [, , , hash] = REFERENCE[0];
/** The same hash with so many bits changed, spread over its words. */
function changed(bits: number): string {
  const digits = [...hash].map((digit) => Number.parseInt(digit, 16));
  for (let n = 0; n < bits; n += 1) digits[(n * 7) % 64] = (digits[(n * 7) % 64] ?? 0) ^ (1 << Math.floor(n / 64));
  return digits.map((digit) => digit.toString(16)).join('');
}

test('at 31 bits it is the same picture, to 40 a person looks where it is severe, beyond it is another', () => {
  const severe = new Bank([{ block: blockOf('s', true), variants: hash }]);
  const other = new Bank([{ block: blockOf('o', false), variants: hash }]);
  const seen = [0, 31, 32, 40, 41].map((bits) => {
    assert.equal(apart(hash, changed(bits)), bits);
    const verdictOf = (bank: Bank) => bank.match([[changed(bits)]])?.verdict ?? 'allow';
    return [bits, verdictOf(severe), verdictOf(other)];
  });
  assert.deepEqual(seen, [
    [0, 'refuse', 'hold'],
    [31, 'refuse', 'hold'],
    [32, 'review', 'allow'],
    [40, 'review', 'allow'],
    [41, 'allow', 'allow'],
  ]);
  const both = new Bank([
    { block: blockOf('o', false), variants: hash },
    { block: blockOf('s', true), variants: changed(20) },
  ]);
  assert.equal(both.match([[hash]])?.block.id, 's', 'the stricter of two is what counts');
});

test('of an animation four of five frames make it the same; one is enough where it is severe', () => {
  const [same, another] = [[hash], [changed(128)]];
  const severe = new Bank([{ block: blockOf('s', true), variants: hash }]);
  const other = new Bank([{ block: blockOf('o', false), variants: hash }]);
  assert.equal(other.match([same, same, same, same, another])?.verdict, 'hold');
  assert.equal(other.match([same, same, same, another, another])?.verdict, 'review');
  assert.equal(other.match([same, [], []])?.verdict, 'hold', 'frames without anything in them do not count');
  assert.equal(severe.match([same, another, another, another])?.verdict, 'refuse');
  assert.equal(severe.match([another]), null);
});

test('no two of the pictures that this program paints are taken for the same', async () => {
  const paintings: Luma[] = [];
  for (const [n, style] of (['mosaic', 'glass', 'print', 'dots'] as const).entries()) {
    for (const [at, palette] of (Object.keys(PALETTES) as (keyof typeof PALETTES)[]).slice(0, 3).entries()) {
      for (const seed of [n * 100 + at, n * 100 + at + 41]) {
        const [width, height] = [432, 288];
        const pixels = paint({ width, height, style, palette, seed });
        paintings.push(lumaOf(pixels, width, height));
      }
    }
  }
  for (const seed of [11, 12, 13, 14, 15, 16]) paintings.push(lumaOf(drawing(seed), 512, 384));
  const wrong: string[] = [];
  for (const [n, luma] of paintings.entries()) {
    const variants = variantsOf(luma).map((variant) => variant.hash);
    const bank = new Bank([{ block: blockOf(String(n), true), variants: variants.join('') }]);
    for (const [m, asking] of paintings.entries()) {
      const verdict = bank.match([queriesOf(asking)])?.verdict;
      if (n !== m && verdict === 'refuse') wrong.push(`${n} and ${m}`);
      if (n === m && asking && queriesOf(asking).length > 0) assert.equal(verdict, 'refuse');
    }
  }
  assert.deepEqual(wrong, []);
});

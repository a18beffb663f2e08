import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { Comment, Image } from '../../src/gallery/model.ts';
import { zipOf } from '../../src/kit/web/download/zip.ts';
import { TransferItem } from '../../src/transfer/import/model.ts';
import { imagePlan, modelPlan, postPlan, versionPlan } from '../../src/transfer/sources/plans.ts';
import { textOf } from '../accounts/browser.ts';
import { givenSettings } from '../factories/accounts.ts';
import { kohyaLoraSd1 } from '../factories/safetensors.ts';
import { painter, picture } from '../gallery/painter.ts';
import { drawn } from '../safety/drawings.ts';
import { ban } from '../safety/watch.ts';

const OLD = 'https://old.example';
const DAY = '2025-05-05T05:05:05.000Z';
/** As in safety/words-reach.test.ts: refused in a name, held in talk. */
const [DENIED, HELD] = ['nude loli', 'this looks like a naked child'];
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const lines = (docs: readonly unknown[]) => Buffer.from(docs.map((doc) => `${JSON.stringify(doc)}\n`).join(''));

/** An archive as another node would write it, or as somebody would who means no good. */
async function archive(files: Record<string, Uint8Array>, told: Record<string, string> = {}): Promise<Buffer> {
  const entries = Object.entries(files).map(([name, bytes]) => ({
    ...{ name, totalBytes: bytes.length, sha256: told[name] ?? sha256(bytes) },
  }));
  const account = { name: 'ada', uri: `${OLD}/users/ada` };
  const manifest = { format: 'tessera-export', version: 1, origin: OLD, account, createdAt: DAY, entries, leftOut: [] };
  async function* all() {
    yield { name: 'tessera-export.json', bytes: Buffer.from(JSON.stringify(manifest)) };
    for (const [name, bytes] of Object.entries(files)) yield { name, bytes };
  }
  return buffer(Readable.from(zipOf(all())));
}

const profile = (displayName: string) =>
  Buffer.from(
    JSON.stringify({
      ...{ name: 'ada', displayName, bio: '', links: [], isLocked: false, isNetworkShown: false },
      ...{ avatar: null, banner: null },
    }),
  );

test('what comes in from an archive meets the doors that everything meets, and each refusal is told', async (t) => {
  const its = await painter(t);
  await givenSettings(its, { allowedLevels: 7 });
  const [bad, good, explicit] = [await drawn(81), await picture(), await picture()];
  const weights = kohyaLoraSd1({ name: 'brass' });
  const file = (path: string, bytes: Uint8Array) =>
    ({ name: 'brass.safetensors', kind: 'Model', totalBytes: bytes.length, sha256: sha256(bytes), path }) as const;
  const version = (n: number, path: string) =>
    versionPlan({
      ...{ uri: `${OLD}/versions/${n}`, name: 'v1', baseModel: 'SD 1.5', state: 'published', publishedAt: DAY },
      files: [file(path, weights)],
    });
  const model = (n: number, name: string, path: string) =>
    modelPlan({ uri: `${OLD}/models/${n}`, name, type: 'LORA', state: 'published', versions: [version(n, path)] });
  const image = (n: number, bytes: Uint8Array, level: number) =>
    imagePlan({
      ...{ uri: `${OLD}/images/${n}`, path: `images/${n}.png`, level },
      ...{ sha256: sha256(bytes), totalBytes: bytes.length },
    });
  const post = postPlan({
    ...{ uri: `${OLD}/posts/1`, title: 'Three', state: 'published', publishedAt: DAY },
    images: [image(1, bad, 1), image(2, good, 1), image(3, explicit, 16)],
  });
  const comment = (n: number, text: string, audience = 'page') => ({
    ...{ uri: `${OLD}/comments/${n}`, text, createdAt: DAY, audience, parentUri: null },
    on: { kind: 'post', uri: post.uri },
  });
  const files = {
    'profile.json': profile('Ada'),
    'models.jsonl': lines([model(1, DENIED, 'files/1'), { nonsense: true }, model(2, 'Two', 'files/2')]),
    'posts.jsonl': lines([post]),
    'comments.jsonl': lines([comment(1, HELD), comment(2, 'Between us.', 'direct')]),
    'files/1': weights,
    'files/2': Buffer.from('not the file'),
    ...{ 'images/1.png': bad, 'images/2.png': good, 'images/3.png': explicit },
  };
  const bring = async (bytes: Uint8Array) => {
    const form = new FormData();
    form.append('source', 'tessera');
    form.append('archiveFile', new Blob([new Uint8Array(bytes)]), 'ada.zip');
    const { location } = await its.browser.postForm('/import/archive', form);
    await its.settle();
    return location;
  };
  const damaged = await bring(await archive(files, { 'posts.jsonl': 'a'.repeat(64) }));
  assert.match(textOf((await its.browser.get(damaged)).text), /posts.jsonl is not what the checksum says/);

  const location = await bring(await archive(files, { 'files/2': sha256(weights) }));
  assert.match(textOf((await its.browser.get(location)).text), /One remark of the source models.jsonl, line 2/);
  // blocked after the archive was looked through: each picture is asked about at its own door too
  await ban(its, bad, 'ncii');
  await its.browser.post(`${location}/choice`, { kind: ['model', 'post', 'comment'], publish: '1' });
  await its.settle();
  const items = await its.em
    .fork()
    .find(TransferItem, { transfer: location.split('/').at(-1) ?? '' }, { orderBy: { position: 1 } });
  const told = items.map(({ kind, state, message }) => [kind, state, message ?? '']);
  assert.deepEqual(
    told.map(([kind, state]) => [kind, state]),
    [
      ...[
        ['profile', 'found'],
        ['model', 'done'],
        ['model', 'failed'],
        ['post', 'failed'],
      ],
      ...[
        ['comment', 'held'],
        ['comment', 'failed'],
      ],
    ],
  );
  assert.match(told[1]?.[2] ?? '', /v1: /, 'it came in and could not be published');
  assert.match(told[2]?.[2] ?? '', /not those of the checksum/);
  assert.match(
    told[3]?.[2] ?? '',
    /Picture 1: .*removed from this node.*Picture 3: this node does not take pictures rated XXX/,
  );
  assert.match(told[5]?.[2] ?? '', /said to few/);
  const images = await its.em.fork().find(Image, { owner: its.ada.id });
  assert.deepEqual(
    images.map((one) => one.sha256),
    [sha256(good)],
  );
  assert.equal(await its.node.files.has(sha256(bad)), false);
  const said = await its.em.fork().find(Comment, { author: its.ada.id });
  assert.deepEqual(
    said.map(({ text, withheldAt }) => [text, withheldAt !== null]),
    [[HELD, true]],
  );
  assert.equal((await its.visitor.get('/models')).text.includes(DENIED), false);
  // one that is blocked when the archive comes keeps the whole of it out
  const whole = await bring(await archive(files));
  assert.match(textOf((await its.browser.get(whole)).text), /removed from this node/);
});

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import fc from 'fast-check';
import sharp from 'sharp';
import { Account } from '../../src/accounts/model.ts';
import { LINEAGE_BASES, LINEAGE_KINDS, Lineage, Model, ModelFile, ModelVersion } from '../../src/catalogue/model.ts';
import { listModelTags, setModelTags } from '../../src/catalogue/tags.ts';
import { COMMERCIAL_USES, FILE_FORMATS, FILE_KINDS, MODEL_TYPES } from '../../src/catalogue/types.ts';
import { modelDocument, postDocument } from '../../src/federation/documents/objects.ts';
import { ingestNote } from '../../src/federation/ingest/ingest-note.ts';
import { parsePeerJson } from '../../src/federation/json.ts';
import { ApObject } from '../../src/federation/model.ts';
import { normalise } from '../../src/federation/normalise.ts';
import type { Document } from '../../src/federation/vocabulary/context.ts';
import { Image, ImageRaw, ImageSize, Post, RESOURCE_KINDS, ResourceUse } from '../../src/gallery/model.ts';
import { listPostTags, setPostTags } from '../../src/gallery/posts/tags.ts';
import { newId } from '../../src/kit/ids.ts';
import { givenAccount, givenFile, givenImage, givenModel, givenPost, givenVersion, NOW } from '../factories/content.ts';
import { type Peer, peerNode } from './nodes.ts';
import { postPicture } from './people.ts';

/*
 * What one node writes, another reads into rows, and writes again: nothing of a model or a picture is lost on the way.
 * Texts are of the kind that our own forms let in: single spaces, no control characters.
 */

const word = fc
  .stringMatching(/^[\p{L}\p{N}!?&<>'"(),.:;+_-]{1,12}$/u)
  .filter((text) => !/\p{Surrogate}/u.test(text) && text === text.normalize('NFC'));
const words = (max: number) => fc.array(word, { minLength: 1, maxLength: max }).map((list) => list.join(' '));
const hex = (length: number) => fc.stringMatching(new RegExp(`^[0-9a-f]{${length}}$`));
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null });
const key = fc
  .stringMatching(/^[a-z][a-z_ ]{0,14}[a-z]$/)
  .filter((text) => text !== 'constructor' && text !== 'prototype');
const texts = fc.dictionary(key, words(4), { maxKeys: 6, noNullPrototype: true });
const weight = fc.integer({ min: -400, max: 400 }).map((n) => n / 64);
const tags = fc.uniqueArray(
  fc.array(fc.stringMatching(/^[a-z0-9ü]{1,8}$/), { minLength: 1, maxLength: 3 }).map((list) => list.join(' ')),
  { maxLength: 5 },
);
const levels = fc.constantFrom(1, 2, 4, 8, 16);

const file = fc.record({
  stem: fc.stringMatching(/^[a-z0-9][a-z0-9_-]{0,20}$/),
  kind: fc.constantFrom(...FILE_KINDS),
  format: fc.constantFrom(...FILE_FORMATS),
  precision: fc.constantFrom('', 'fp16', 'bf16', 'fp32', 'fp8', 'nf4'),
  isPruned: fc.boolean(),
  totalBytes: fc.integer({ min: 1, max: 2 ** 40 }),
  sha256: hex(64),
  tensorSha256: maybe(hex(64)),
  blake3: maybe(hex(64)),
  autoV1: maybe(hex(8)),
  crc32: maybe(hex(8)),
});
const parent = fc.record({
  kind: fc.constantFrom(...LINEAGE_KINDS),
  basis: fc.constantFrom(...LINEAGE_BASES),
  parentName: fc.oneof(fc.constant(''), words(3)),
  parentHash: maybe(hex(64)),
  weight: maybe(weight),
  isKnown: fc.boolean(),
});
const version = fc.record({
  name: words(3),
  baseModel: fc.constantFrom('SD 1.5', 'SDXL 1.0', 'Pony', 'Flux.1 D', 'Something of our own'),
  changelog: fc.oneof(fc.constant(''), words(8)),
  trainedWords: fc.uniqueArray(words(3), { maxLength: 6 }),
  trainingSettings: texts,
  clipSkip: maybe(fc.integer({ min: 1, max: 12 })),
  recommendedWeight: maybe(weight),
  files: fc.uniqueArray(file, { minLength: 1, maxLength: 3, selector: ({ sha256 }) => sha256 }),
  parents: fc.array(parent, { maxLength: 3 }),
});
const model = fc.record({
  name: words(4),
  type: fc.constantFrom(...MODEL_TYPES),
  description: fc.oneof(fc.constant(''), words(12), fc.constant('## Head\n\n- one\n- *two*\n\n`code` <b>not html</b>')),
  licenseId: fc.constantFrom('', 'CreativeML-Open-RAIL-M', 'Apache-2.0', 'LicenseRef-Mine'),
  allowNoCredit: fc.boolean(),
  allowDerivatives: fc.boolean(),
  allowDifferentLicense: fc.boolean(),
  forbidsGeneration: fc.boolean(),
  allowCommercialUse: fc.subarray(COMMERCIAL_USES.filter((use) => use !== 'None')),
  isPoi: fc.boolean(),
  isMinor: fc.boolean(),
  isSfwOnly: fc.boolean(),
  level: fc.integer({ min: 1, max: 31 }),
  tags,
  versions: fc.array(version, { minLength: 1, maxLength: 3 }),
});

const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const recipe = fc
  .record({
    tool: optional(words(2)),
    prompt: optional(words(20)),
    negativePrompt: optional(words(10)),
    seed: optional(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(String)),
    steps: optional(fc.integer({ min: 1, max: 150 })),
    sampler: optional(words(2)),
    scheduler: optional(words(1)),
    cfgScale: optional(fc.integer({ min: 0, max: 300 }).map((n) => n / 8)),
    guidance: optional(fc.integer({ min: 0, max: 80 }).map((n) => n / 8)),
    width: optional(fc.integer({ min: 64, max: 16_384 })),
    height: optional(fc.integer({ min: 64, max: 16_384 })),
    clipSkip: optional(fc.integer({ min: 1, max: 12 })),
    denoisingStrength: optional(fc.integer({ min: 0, max: 8 }).map((n) => n / 8)),
    hiresUpscale: optional(fc.integer({ min: 1, max: 32 }).map((n) => n / 8)),
    hiresSteps: optional(fc.integer({ min: 0, max: 100 })),
    hiresUpscaler: optional(words(2)),
    modelName: optional(words(2)),
    modelHash: optional(hex(10)),
    vae: optional(words(2)),
    vaeHash: optional(hex(10)),
    version: optional(words(1)),
    others: texts,
  })
  .map((fields) => ({
    ...Object.fromEntries(Object.entries(fields).filter(([, v]) => v !== undefined)),
    others: fields.others,
  }))
  .filter((fields) => Object.keys(fields).length > 1 || Object.keys(fields.others).length > 0);
const use = fc.record({
  kind: fc.constantFrom(...RESOURCE_KINDS),
  name: fc.oneof(fc.constant(''), words(3)),
  hash: fc.oneof(fc.constant(null), hex(8), hex(10), hex(12), hex(64)),
  weight: maybe(weight),
});
const picture = fc.record({
  altText: fc.oneof(fc.constant(''), words(12)),
  caption: fc.oneof(fc.constant(''), words(8)),
  level: levels,
  recipe: maybe(recipe),
  isRecipeHidden: fc.boolean(),
  uses: fc.array(use, { maxLength: 4 }),
  raw: fc.dictionary(fc.constantFrom('png:parameters', 'png:workflow', 'exif:UserComment'), words(20), {
    noNullPrototype: true,
  }),
});
const post = fc.record({
  title: fc.oneof(fc.constant(''), words(5)),
  caption: fc.oneof(fc.constant(''), words(20)),
  visibility: fc.constantFrom('public' as const, 'unlisted' as const),
  tags,
  pictures: fc.array(picture, { minLength: 1, maxLength: 3 }),
});

/** Two nodes; alice of the first is known to the second, and her models and posts are wanted there. */
async function given(t: TestContext) {
  const home = await peerNode(t, '127.0.0.1');
  const away = await peerNode(t, '127.0.0.2');
  const em = home.node.orm.em.fork();
  const alice = givenAccount(em, { name: 'alice' });
  await em.flush();
  const there = away.node.orm.em.fork();
  const remote = givenAccount(there, {
    name: 'alice',
    host: home.host,
    uri: `${home.origin}/users/alice`,
    role: 'member',
  });
  await there.flush();
  return { home, away, aliceId: alice.id, remoteId: remote.id };
}

/** As it crosses the wire. */
const sent = (document: Document) => parsePeerJson(Buffer.from(JSON.stringify(document)));

async function arrive(away: Peer, ownerId: number, document: Document): Promise<void> {
  const work = away.workAs(null);
  const owner = await work.em.findOneOrFail(Account, ownerId);
  const raw = sent(document);
  const outcome = await ingestNote(
    work,
    away.node.federation,
    owner,
    { object: normalise(raw), raw, provenance: 'inbox' },
    'asked for',
  );
  assert.equal(outcome, 'done');
  const stored = await away.node.orm.em.fork().findOneOrFail(ApObject, { uri: String(document.id) });
  assert.deepEqual(
    stored.document,
    JSON.parse(JSON.stringify(document)),
    'the original is kept whole, unknown keys too',
  );
}

/** What differs by nature: who follows whom there, how tags are linked, and the words around the description. */
function comparable(document: Document): unknown {
  const { content, cc, tag, likes, replies, attachment, '@context': _context, ...rest } = document;
  const names = (tag as { name: string }[]).map(({ name }) => name);
  return JSON.parse(JSON.stringify({ ...rest, tag: names }));
}

test('a model survives the trip: what the other node would say of it is what was said', async (t) => {
  const { home, away, aliceId, remoteId } = await given(t);
  await fc.assert(
    fc.asyncProperty(model, fc.dictionary(key, words(2)), async ({ tags: tagNames, versions, ...facts }, unknown) => {
      const em = home.node.orm.em.fork();
      const owner = await em.findOneOrFail(Account, aliceId);
      const row = givenModel(em, { ...facts, owner, baseModel: versions[0]?.baseModel ?? '' });
      let known = givenVersion(em, { model: row, position: 99, name: 'first of all' });
      givenFile(em, { version: known });
      for (const [position, { files, parents, ...version }] of versions.entries()) {
        const child = givenVersion(em, { ...version, model: row, position });
        for (const [n, { stem, ...one }] of files.entries()) {
          givenFile(em, { ...one, version: child, name: `${n}${stem}.safetensors`, isPrimary: n === files.length - 1 });
        }
        for (const { isKnown, ...edge } of parents) {
          if (!isKnown && edge.parentName === '' && edge.parentHash === null) continue;
          em.persist(em.create(Lineage, { id: randomUUID(), child: child, parent: isKnown ? known : null, ...edge }));
        }
        known = child;
      }
      await em.flush();
      await em.transactional((inner) => setModelTags(inner, row, tagNames).then(() => inner.flush()));
      const fresh = home.node.orm.em.fork();
      const local = await fresh.findOneOrFail(Model, row.id);
      const first: Document = {
        ...(await modelDocument(home.node.federation, fresh, local)),
        'tessera:later': unknown,
      };
      await arrive(away, remoteId, first);

      const there = away.node.orm.em.fork();
      const copy = await there.findOneOrFail(Model, { uri: String(first.id) });
      const again = await modelDocument(away.node.federation, there, copy);
      assert.deepEqual(comparable({ ...again, 'tessera:later': unknown }), comparable(first));
      assert.deepEqual(await listModelTags(there, copy.id), await listModelTags(fresh, local.id));
      assert.equal(
        await there.count(ModelFile, { version: { model: copy } }),
        await fresh.count(ModelFile, { version: { model: local } }),
      );

      // and once more: an Update of the same changes nothing
      const before = await there.count(ModelVersion, {});
      await arrive(away, remoteId, first);
      assert.equal(await away.node.orm.em.fork().count(ModelVersion, {}), before);
    }),
    { numRuns: 20, endOnFailure: true, includeErrorInReport: true },
  );
});

test('pictures survive the trip, with recipe, resources, raw blocks, rating and alt text', async (t) => {
  const { home, away, aliceId, remoteId } = await given(t);
  await fc.assert(
    fc.asyncProperty(post, async ({ tags: tagNames, pictures, ...facts }) => {
      const em = home.node.orm.em.fork();
      const owner = await em.findOneOrFail(Account, aliceId);
      const row = givenPost(em, { ...facts, owner, listedAt: facts.visibility === 'public' ? NOW : null });
      for (const [position, { uses, raw, ...facts }] of pictures.entries()) {
        const image = givenImage(em, { ...facts, post: row, owner, position, hasRecipe: facts.recipe !== null });
        await em.flush();
        const bytes = await sharp({
          create: {
            width: 8,
            height: 8,
            channels: 3,
            background: { r: image.id % 256, g: image.id >> 8, b: position },
          },
        })
          .webp({ lossless: true })
          .toBuffer();
        const { sha256 } = await home.node.files.put(bytes);
        em.persist(
          em.create(ImageSize, {
            image,
            targetWidth: 0,
            format: 'webp',
            sha256,
            totalBytes: bytes.length,
            width: 8,
            height: 8,
          }),
        );
        if (Object.keys(raw).length > 0) em.persist(em.create(ImageRaw, { image, blocks: raw }));
        for (const [n, one] of uses.entries()) {
          em.persist(em.create(ResourceUse, { ...one, id: randomUUID(), image, position: n }));
        }
      }
      await em.flush();
      await em.transactional((inner) => setPostTags(inner, row.id, tagNames));
      const fresh = home.node.orm.em.fork();
      const document = await postDocument(home.node.federation, fresh, await fresh.findOneOrFail(Post, row.id));
      await arrive(away, remoteId, document);

      const there = away.node.orm.em.fork();
      const copy = await there.findOneOrFail(Post, { uri: String(document.id) });
      await away.settle();
      const images = await away.node.orm.em.fork().find(Image, { post: copy.id }, { orderBy: { position: 1 } });
      assert.equal(images.length, pictures.length);
      assert.deepEqual([copy.title, copy.visibility], [facts.title, facts.visibility]);
      assert.deepEqual(await listPostTags(there, copy.id), await listPostTags(fresh, row.id));
      for (const [n, image] of images.entries()) {
        const { altText, caption, level, recipe, isRecipeHidden, uses, raw } = pictures[n] as (typeof pictures)[number];
        const fork = away.node.orm.em.fork();
        assert.deepEqual([image.altText, image.level], [altText, level]);
        assert.equal(image.caption === '', caption === '');
        // what its author keeps back does not travel
        assert.deepEqual(
          image.recipe ?? null,
          isRecipeHidden ? null : (recipe ?? (uses.length > 0 ? { others: {} } : null)),
        );
        const found = await fork.find(ResourceUse, { image }, { orderBy: { position: 1 } });
        const told = found.map(({ kind, name, hash, weight }) => ({
          kind,
          name,
          hash: hash ?? null,
          weight: weight ?? null,
        }));
        assert.deepEqual(told, isRecipeHidden ? [] : JSON.parse(JSON.stringify(uses)));
        const blocks = await fork.findOne(ImageRaw, { image });
        assert.deepEqual(blocks?.blocks ?? {}, isRecipeHidden ? {} : { ...raw });
      }
    }),
    { numRuns: 6, endOnFailure: true, includeErrorInReport: true },
  );
});

test('P11 what a tool wrote of a model that is hidden does not travel with its pictures', async (t) => {
  const home = await peerNode(t, '127.0.0.1');
  const alice = await home.member('alice');
  const postId = await postPicture(alice.browser, [home], 'Valley');
  const em = home.node.orm.em.fork();
  const model = givenModel(em, {
    ...{ owner: em.getReference(Account, alice.account.id), name: 'Topsecret' },
    ...{ state: 'draft', publishedAt: null, listedAt: null },
  });
  const version = givenVersion(em, { model, state: 'draft', publishedAt: null });
  await em.flush();
  const image = await em.findOneOrFail(Image, { post: postId });
  const hash = 'abcdef1234';
  image.recipe = { prompt: 'valley', modelName: 'topsecret', modelHash: hash, others: { 'Lora hashes': `x: ${hash}` } };
  const uses = await em.find(ResourceUse, { image });
  await em.nativeDelete(ImageRaw, { image });
  em.create(ImageRaw, { image, blocks: { parameters: `valley\nModel: topsecret, Model hash: ${hash}` } });
  em.create(ResourceUse, {
    ...{ id: newId(), image: image.id, kind: 'checkpoint', name: 'topsecret', hash, position: uses.length },
    version: version.id,
  });
  await em.flush();
  const read = async () =>
    (await fetch(`${home.origin}/posts/${postId}`, { headers: { accept: 'application/activity+json' } })).text();
  const hidden = await read();
  assert.match(hidden, /valley/);
  assert.doesNotMatch(hidden, /topsecret|abcdef1234/i);

  await em.nativeUpdate(Model, { id: model.id }, { state: 'published', publishedAt: NOW, listedAt: NOW });
  await em.nativeUpdate(ModelVersion, { id: version.id }, { state: 'published', publishedAt: NOW });
  assert.match(await read(), /abcdef1234/, 'control: of a public one, all is told');
});

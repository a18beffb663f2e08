import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { ModelFile } from '../../src/catalogue/model.ts';
import { inList, rows, toNumber } from '../../src/kit/database/sql.ts';
import type { Node } from '../../src/node.ts';
import { routersOf } from '../../src/routers.ts';
import { Browser } from '../accounts/browser.ts';
import { painter } from '../gallery/painter.ts';
import type { TestNode } from '../node.ts';
import { givenThings, hasPlace, type Things } from './reach.ts';
import { carryOut } from './takedowns.ts';

/** What is posted to an address about one of the things. */
interface Write {
  readonly url: string;
  readonly fields?: Record<string, string>;
}
type Writes = (things: Things & { readonly fileId: number }) => readonly Write[];

const on = { on: '1' };
const one =
  (
    kind: 'models' | 'posts' | 'images' | 'versions' | 'reviews' | 'files',
    end: string,
    fields?: Record<string, string>,
  ): Writes =>
  ({ modelId, postId, imageId, versionId, reviewId, fileId }) => {
    const id = {
      models: modelId,
      posts: postId,
      images: imageId,
      versions: versionId,
      reviews: reviewId,
      files: fileId,
    }[kind];
    return [{ url: `/${kind}/${id}${end}`, ...(fields ? { fields } : {}) }];
  };
const comments =
  (end: string, fields: Record<string, string> = {}): Writes =>
  ({ comments: all }) =>
    Object.values(all).map((id) => ({ url: `/comments/${id}${end}`, fields }));
const TEXT = { text: 'More of it' };
const WORDS = {
  act: 'save',
  name: 'Again',
  type: 'LORA',
  versionName: 'v1',
  baseModel: 'SD 1.5',
  level: '1',
  description: '',
  trainedWords: '',
  tags: '',
};

/** Adds to a thing, changes it or shows it to more people. */
const ADDS: Readonly<Record<string, Writes>> = {
  '/models/:id/likes': one('models', '/likes', on),
  '/posts/:id/likes': one('posts', '/likes', on),
  '/images/:id/likes': one('images', '/likes', on),
  '/reviews/:id/likes': one('reviews', '/likes', on),
  '/comments/:id/likes': comments('/likes', on),
  '/models/:id/comments': one('models', '/comments', TEXT),
  '/posts/:id/comments': one('posts', '/comments', TEXT),
  '/images/:id/comments': one('images', '/comments', TEXT),
  '/reviews/:id/comments': one('reviews', '/comments', TEXT),
  '/comments/:id/edit': comments('/edit', TEXT),
  '/models/:id/shares': one('models', '/shares', on),
  '/posts/:id/shares': one('posts', '/shares', on),
  '/models/:id/follow': one('models', '/follow', on),
  '/models/:id/pin': one('models', '/pin', on),
  '/posts/:id/pin': one('posts', '/pin', on),
  '/models/:id/versions': one('models', '/versions', {}),
  '/versions/:id/edit': one('versions', '/edit', WORDS),
  '/versions/:id/draft': one('versions', '/draft', WORDS),
  '/versions/:id/publication': one('versions', '/publication', {}),
  '/versions/:id/publication/remove': one('versions', '/publication/remove', {}),
  '/versions/:id/files': one('versions', '/files', {}),
  '/versions/:id/reviews': one('versions', '/reviews', { isRecommended: '1', ...TEXT }),
  '/files/:id': one('files', '', { kind: 'Model' }),
  '/files/:id/strip': one('files', '/strip', {}),
  '/files/:id/remove': one('files', '/remove', {}),
  '/posts/:id/draft': one('posts', '/draft', { title: 'Again' }),
  '/posts/:id/images': one('posts', '/images', {}),
  '/posts/:id/publication': one('posts', '/publication', { title: 'Again' }),
  '/posts/:id/unpublication': one('posts', '/unpublication', {}),
  '/posts/:id/schedule': one('posts', '/schedule', { publishAt: '2099-01-01T00:00' }),
  '/posts/:id/restoration': one('posts', '/restoration', {}),
  '/posts/:id/images/:image/removal': ({ postId, imageId }) => [{ url: `/posts/${postId}/images/${imageId}/removal` }],
  '/posts/:id/images/:image/restoration': ({ postId, imageId }) => [
    { url: `/posts/${postId}/images/${imageId}/restoration` },
  ],
  '/images/:id/edit': one('images', '/edit', { rating: '1', alt: 'Again', caption: '' }),
  '/images/:id/resources': ({ imageId, versionId }) => [
    { url: `/images/${imageId}/resources`, fields: { version: String(versionId) } },
  ],
  '/models/:id/restore': one('models', '/restore', {}),
  '/versions/:id/restore': one('versions', '/restore', {}),
  '/versions/:id/early-access': one('versions', '/early-access', { endsAt: '2026-01-09T00:00', followers: '1' }),
  '/versions/:id/early-access/purchase': one('versions', '/early-access/purchase', { price: '5' }),
  '/licence-offers/model/:id': ({ modelId }) => [
    { url: `/licence-offers/model/${modelId}`, fields: { title: 'More', uses: 'personal', text: 'Terms' } },
  ],
  '/licence-offers/:id/grants': ({ offerId }) => [
    { url: `/licence-offers/${offerId}/grants`, fields: { key: randomUUID(), purpose: 'Why', price: '' } },
  ],
  '/bounties/:id/entries': ({ bountyId, versionId }) => [
    {
      url: `/bounties/${bountyId}/entries`,
      fields: { key: randomUUID(), text: 'It', model: `/versions/${versionId}/edit` },
    },
  ],
};

const STAFF = 'for staff alone, who decide and are shown what was decided';
const CASE = 'the talk of a case, by who proves to be a party';
const OWN = 'the private work of who is signed in; what is published from it asks assertNotShut';
const ACCOUNT = 'of accounts, not of things';
const ENDS = 'takes something away and adds nothing';
const PEERS = 'for peers, who prove who they are: what they say is judged by handlers';

/** The rest, and why. A route that is neither here nor above makes the test fail: say what it does, and show it. */
const APART: readonly (readonly [RegExp, string])[] = [
  [/^\/(?:admin|moderation)\//, STAFF],
  [/^\/(?:claims|cases|decisions)\//, CASE],
  [/^\/(?:datasets|dataset-images|generate|merge|train|uploads)\//, OWN],
  [/^\/(?:accounts|actors|follows|settings|hidden|topic-follows|searches)\//, ACCOUNT],
  [/^\/tags\/:tag\/follow$/, 'of a name'],
  [/^\/tags\/:tag\/(?:text|synonyms)(?:\/|$)/, STAFF],
  [/^\/import\/:id\//, OWN],
  [/\/inbox$/, PEERS],
  [/^\/api\/v1\/(?!runner\/)/, 'each calls what the page of the same thing calls, and that is in the table'],
  [/^\/api\/v1\/runner\//, 'for runners: an order that is cancelled answers 410'],
  [/^\/collections\/:id\//, 'of who owns the collection: what was taken down is shown in none'],
  [/^\/hashes\/:hash\/question$/, 'asks other servers for a hash that nothing here is shown for'],
  [/^\/files\/:id\/copy(?:\/removal)?$/, 'of files of elsewhere (copies.test.ts)'],
  [/\/likes\/removal$|\/shares\/removal$/, ENDS],
  [/^\/(?:comments|posts|images|reviews)\/:id\/removal$|^\/(?:models|versions)\/:id\/delete$/, ENDS],
  [/^\/images\/:id\/resources\/:use\/removal$/, ENDS],
  [/^\/versions\/:id\/early-access\/removal$|^\/licence-offers\/:id\/removal$/, ENDS],
  [/^\/licences\/:id\//, 'between the two parties of a licence: nothing of the model is shown there'],
  [/^\/rights\//, 'of rights holders: one asks for what was taken down, and nothing of it is shown'],
  [
    /^\/bounties\/:id\/(?!entries$)/,
    'words and credits of a bounty; what an entry brings is asked for when it is awarded',
  ],
  [/^\/reviews\/:id\/removal\/undo$/, 'gives back one’s own words, which are shown where the model is'],
];

function listPostPaths(node: Node): string[] {
  const found = new Set<string>();
  // `all` has POST among its methods, and is for what is asked with GET
  for (const router of routersOf(node))
    for (const { path, methods } of router.stack)
      if (methods.includes('POST') && !methods.includes('GET')) found.add(String(path));
  return [...found].filter(hasPlace).sort();
}

test('every address that something is posted to is in the table that says how it asks moderation', async (t) => {
  const { node } = await painter(t);
  const paths = listPostPaths(node);
  assert.deepEqual(
    paths.filter((path) => !(path in ADDS) && !APART.some(([shape]) => shape.test(path))),
    [],
    'a route that the table does not know',
  );
  assert.deepEqual(
    Object.keys(ADDS).filter((path) => !paths.includes(path)),
    [],
    'a line of the table without a route',
  );
  for (const [shape] of APART)
    assert.ok(
      paths.some((path) => shape.test(path)),
      `${shape} is of no route`,
    );
});

/** Whatever an act about one of the things would leave behind. */
const COUNTED = [
  'comment',
  'reaction',
  'review',
  'share',
  'pin',
  'topic_follow',
  'early_access',
  'licence_offer',
  'licence_grant',
  'bounty_entry',
  'model_version',
  'model_file',
  'image',
  'resource_use',
];

async function stateOf({ em }: Pick<TestNode, 'em'>, { modelId, versionId, postId, imageId, comments: said }: Things) {
  const fork = em.fork();
  const counts: Record<string, number> = {};
  for (const table of COUNTED) {
    const [found] = await rows<{ n: unknown }>(fork, `select count(*) as n from ${table}`);
    counts[table] = toNumber(found?.n);
  }
  const [model] = await rows(fork, 'select name, description, state, listed_at, shown_at from model where id = ?', [
    modelId,
  ]);
  const [version] = await rows(fork, 'select name, state, changelog from model_version where id = ?', [versionId]);
  const [post] = await rows(fork, 'select title, caption, state, listed_at, shown_at from post where id = ?', [postId]);
  const [image] = await rows(fork, 'select alt_text, level, deleted_at from image where id = ?', [imageId]);
  const texts = await rows(
    fork,
    `select text from comment where id in (${inList(Object.values(said))}) order by id`,
    Object.values(said),
  );
  return { counts, model, version, post, image, texts };
}

for (const outcome of ['quarantine', 'remove'] as const) {
  test(`after “${outcome}” nobody adds to what was taken down, changes it or brings it back, its owner neither`, async (t) => {
    const site = await painter(t);
    const things = await givenThings(site);
    const { id: fileId } = await site.em.fork().findOneOrFail(ModelFile, { version: things.versionId });
    const eve = new Browser(site.address);
    await eve.signIn('eve');
    for (const target of [
      { kind: 'model', id: things.modelId },
      { kind: 'post', id: things.postId },
    ] as const)
      await carryOut(site, { target, outcome, category: 'ncii' });
    const before = await stateOf(site, things);
    for (const make of Object.values(ADDS)) {
      for (const { url, fields } of make({ ...things, fileId })) {
        for (const [who, browser] of Object.entries({ owner: site.browser, other: eve, visitor: site.visitor })) {
          const { status, location } = await browser.post(url, fields ?? {});
          const isSentToSignIn = who === 'visitor' && /^\/sign-in/.test(location);
          assert.ok(
            [401, 403, 404, 409, 410, 451].includes(status) || isSentToSignIn,
            `${who} ${url}: ${status} ${location}`,
          );
        }
      }
    }
    await site.settle();
    assert.deepEqual(await stateOf(site, things), before);
  });
}

test('before any decision the owner and somebody else are let through, so that the refusals mean something', async (t) => {
  const site = await painter(t);
  const things = await givenThings(site);
  const eve = new Browser(site.address);
  await eve.signIn('eve');
  const { modelId, imageId, comments: said } = things;
  for (const url of [`/models/${modelId}/likes`, `/images/${imageId}/likes`, `/models/${modelId}/shares`])
    assert.equal((await eve.post(url, on)).status, 302, url);
  assert.equal((await eve.post(`/comments/${said.model}/edit`, TEXT)).status, 302);
  assert.equal((await site.browser.post(`/models/${modelId}/versions`, {})).status, 302);
  assert.equal(
    (await site.browser.post(`/images/${imageId}/edit`, { rating: '1', alt: 'Again', caption: '' })).status,
    302,
  );
});

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import type { EntityManager } from '@mikro-orm/core';
import { createModel } from '../../src/catalogue/create.ts';
import { saveVersion, VersionForm } from '../../src/catalogue/edit.ts';
import { Model } from '../../src/catalogue/model.ts';
import { publishVersion } from '../../src/catalogue/publish.ts';
import { Bounty, BountyEntry } from '../../src/economy/bounties/model.ts';
import { LicenceGrant, LicenceOffer } from '../../src/economy/licences/model.ts';
import { createCollection } from '../../src/gallery/collections/edit.ts';
import { writeReview } from '../../src/gallery/reviews/write.ts';
import { addComment } from '../../src/gallery/talk/comments.ts';
import { newId } from '../../src/kit/ids.ts';
import { ClaimCase } from '../../src/moderation/cases/model/case.ts';
import { RightsGrant, RightsOffer } from '../../src/moderation/rights/model.ts';
import type { Node } from '../../src/node.ts';
import { routersOf } from '../../src/routers.ts';
import { guardSettings } from '../../src/safety/settings.ts';
import type { Browser } from '../accounts/browser.ts';
import { kohyaLoraSd1 } from '../factories/safetensors.ts';
import { type Painter, painter } from '../gallery/painter.ts';

/** Refused in a name, held in talk. */
const DENIED = 'nude loli';
const HELD = 'this looks like a naked child';
const CLAIM = 'C-0123456789';

interface Ids {
  readonly model: number;
  readonly version: number;
  readonly post: number;
  readonly image: number;
  readonly collection: number;
  readonly comment: string;
  readonly review: string;
  readonly bounty: string;
  readonly entry: string;
  readonly offer: string;
  readonly grant: string;
  readonly rightsOffer: string;
  readonly rightsGrant: string;
}

/** Who asks, with which words: an address that puts words before others refuses or holds them. */
interface Reads {
  readonly as: 'owner' | 'other';
  readonly url: (ids: Ids) => string;
  readonly form: (ids: Ids) => Readonly<Record<string, string>>;
}

const MODEL = { name: 'Brass', type: 'LORA', level: '1', versionName: 'v1', baseModel: 'SD 1.5' };
const model = (more: Record<string, string>, url: (ids: Ids) => string): Reads => ({
  as: 'owner',
  url,
  form: () => ({ ...MODEL, ...more }),
});
const talk = (kind: 'model' | 'post' | 'image' | 'review'): Reads => ({
  as: 'other',
  url: (ids) => `/${kind}s/${ids[kind]}/comments`,
  form: () => ({ text: HELD }),
});

const BOUNTY = {
  ...{
    title: DENIED,
    text: 'Please',
    subject: 'fictional',
    kind: 'Other',
    mode: 'Individual',
    tags: '',
    references: '',
  },
  deadline: '2026-01-12',
};
const entry = ({ version }: Ids) => ({ text: DENIED, model: `/versions/${version}/edit` });

const READS: Readonly<Record<string, Reads>> = {
  '/versions/:id/edit': model({ tags: DENIED }, ({ version }) => `/versions/${version}/edit`),
  '/versions/:id/draft': model({ trainedWords: DENIED }, ({ version }) => `/versions/${version}/draft`),
  '/posts/:id/draft': {
    ...{ as: 'owner', url: ({ post }) => `/posts/${post}/draft`, form: () => ({ title: DENIED }) },
  },
  '/images/:id/edit': {
    ...{ as: 'owner', url: ({ image }) => `/images/${image}/edit`, form: () => ({ rating: '1', alt: DENIED }) },
  },
  '/models/:id/comments': talk('model'),
  '/posts/:id/comments': talk('post'),
  '/images/:id/comments': talk('image'),
  '/reviews/:id/comments': talk('review'),
  '/comments/:id/edit': {
    ...{ as: 'other', url: ({ comment }) => `/comments/${comment}/edit`, form: () => ({ text: HELD }) },
  },
  '/versions/:id/reviews': {
    ...{ as: 'other', url: ({ version }) => `/versions/${version}/reviews` },
    form: () => ({ verdict: 'up', text: HELD }),
  },
  '/collections': {
    ...{ as: 'other', url: () => '/collections', form: () => ({ name: DENIED, visibility: 'public' }) },
  },
  '/collections/:id/edit': {
    ...{ as: 'other', url: ({ collection }) => `/collections/${collection}/edit` },
    form: () => ({ name: DENIED, visibility: 'public' }),
  },
  '/tips': {
    ...{ as: 'other', url: () => '/tips' },
    form: ({ model }) => ({ about: `model:${model}`, key: randomUUID(), amount: '1', note: HELD }),
  },
  '/bounties': { as: 'other', url: () => '/bounties', form: () => ({ ...BOUNTY, key: randomUUID(), amount: '60' }) },
  '/bounties/:id/edit': { as: 'other', url: ({ bounty }) => `/bounties/${bounty}/edit`, form: () => BOUNTY },
  '/bounties/:id/entries': {
    ...{ as: 'owner', url: ({ bounty }) => `/bounties/${bounty}/entries` },
    form: (ids) => ({ ...entry(ids), key: randomUUID() }),
  },
  '/bounties/:id/entries/:entryId/edit': {
    ...{ as: 'owner', url: ({ bounty, entry: id }) => `/bounties/${bounty}/entries/${id}/edit` },
    form: (ids) => ({ ...entry(ids), key: randomUUID() }),
  },
  '/bounties/:id/comments': {
    ...{ as: 'owner', url: ({ bounty }) => `/bounties/${bounty}/comments`, form: () => ({ text: HELD }) },
  },
  '/licence-offers/model/:id': {
    ...{ as: 'owner', url: (ids) => `/licence-offers/model/${ids.model}` },
    form: () => ({ title: 'Mine', uses: 'personal', text: HELD }),
  },
  '/licence-offers/:id/grants': {
    ...{ as: 'other', url: ({ offer }) => `/licence-offers/${offer}/grants` },
    form: () => ({ key: randomUUID(), price: '', purpose: HELD }),
  },
  '/licences/:id/decision': {
    ...{ as: 'owner', url: ({ grant }) => `/licences/${grant}/decision` },
    form: () => ({ choice: 'decline', answer: HELD }),
  },
  '/rights/claims/:number': {
    ...{ as: 'owner', url: () => `/rights/claims/${CLAIM}` },
    form: () => ({ covers: 'Ink', title: 'Mine', uses: 'personal', text: HELD }),
  },
  '/rights/offers/:id/grants': {
    ...{ as: 'other', url: ({ rightsOffer }) => `/rights/offers/${rightsOffer}/grants` },
    form: () => ({ key: randomUUID(), price: '', purpose: HELD }),
  },
  '/rights/licences/:id/decision': {
    ...{ as: 'owner', url: ({ rightsGrant }) => `/rights/licences/${rightsGrant}/decision` },
    form: () => ({ choice: 'decline', answer: HELD }),
  },
  '/settings/profile': {
    ...{ as: 'other', url: () => '/settings/profile', form: () => ({ displayName: 'Eve', bio: HELD }) },
  },
};

/** These publish what was typed before, by a draft; words.test.ts and the tests of trainings show each. */
const PUBLISH = [
  ...['/versions/:id/publication', '/posts/:id/publication', '/posts/:id/schedule', '/train/epochs/:id/publish'],
  '/merge/:id/publish',
  '/generate/:id/post',
];

/** Rooms whose words others do not read, or that have a gate of their own. */
const APART: readonly (readonly [RegExp, string])[] = [
  [/^\/(?:admin|moderation)\//, 'by staff'],
  [/^\/(?:cases|claims|decisions)(?:\/|$)|^\/reports$|^\/protect-me$/, 'to staff, or between the parties of a case'],
  [/^\/(?:datasets|dataset-images)(?:\/|$)/, 'private; a training reads captions and names (gates/training.ts)'],
  [/^\/train\/:id\//, 'commands to a run'],
  [/^\/merge(?:$|\/:id\/(?!publish))/, 'private; the gate of merges reads the name (gates/merging.ts)'],
  [/^\/generate(?:\/|$)/, 'private; the gate of generations reads every word (gates/generation.ts)'],
  [/\/inbox$/, 'of peers: federation/ingest reads (words-peers.test.ts)'],
  [/^\/api\/v1\/model-versions\/by-hash/, 'hashes that are looked up'],
  [/^\/api\/v1\/(?!runner\/)/, 'each calls what the page of the same thing calls (test/api/words.test.ts shows it)'],
  [/^\/oauth\//, 'of programs; what one is called is shown to who connects it'],
  [/^\/api\/v1\/runner\//, 'runners of this node'],
  [/^\/(?:sign-in|sign-out|sign-up|setup|password|verify-email)(?:\/|$)/, 'of accounts; what joins is told to staff'],
  [/^\/settings\/(?!profile$)/, 'of the account, or a picture, which is hashed'],
  [/^\/(?:hidden|follows|topic-follows|accounts|actors|nodes|hashes|uploads)(?:\/|$)/, 'choices, no words'],
  [/^\/licences\/:id\/(?:revocation|withdrawal)$/, 'as a decision: assertSayable (licences.test.ts)'],
  [/^\/rights\/licences\/:id\/(?:revocation|withdrawal)$/, 'as a decision: assertSayable (moderation/rights.test.ts)'],
  [/^\/rights\/licences\/:id\/model$/, 'a model that is here'],
  [/^\/bounties\/:id\/(?:credits|cancellation|refund|entries\/:entryId\/award)$/, 'credits, no words'],
  [/\/early-access(?:\/|$)/, 'times and prices'],
  [/\/(?:likes|shares|follow|pin|items|refusals|cover)(?:\/|$)|\/copy(?:\/|$)/, 'choices, no words'],
  [/^\/collections\/:id\/people(?:\/|$)/, 'names of people, and choices'],
  [/^\/collections\/:id\/(?:contest|judging|result)(?:\/|$)/, 'rules, notes and awards: assertSayable'],
  [/^\/collections\/:id\/entries\/:entry\/vote$/, 'a choice, no words'],
  [/^\/collections\/:id\/review$/, 'a reason: assertSayable (together.test.ts)'],
  [/\/(?:removal|remove|delete|restore|restoration|unpublication|undo)$/, 'takes away, or gives back what was read'],
  [
    /^\/(?:upload|files\/:id|posts\/:id\/images|versions\/:id\/files|models\/:id\/versions)(?:\/|$)/,
    'bytes for a draft',
  ],
  [/^\/images\/:id\/resources$/, 'a model that is here'],
  [/^\/searches(?:\/|$)/, 'names that only who gave them reads'],
  [/^\/tags\/:tag\/(?:text|synonyms)(?:\/|$)/, 'by moderators, on record'],
  [
    /^\/import(?:\/|$)/,
    'where from, and what of it: it comes in by the services that read words (transfer/import-doors.test.ts)',
  ],
  [/^\/notifications\//, 'choices, no words'],
];

function listWriting(node: Node): string[] {
  const found = new Set<string>();
  for (const router of routersOf(node))
    for (const { path, methods } of router.stack)
      if (methods.some((method) => !['GET', 'HEAD', 'OPTIONS'].includes(method))) found.add(String(path));
  return [...found].sort();
}

test('every address that takes words reads them, or says why nobody has to', async (t) => {
  const { node } = await painter(t);
  const paths = listWriting(node);
  const isKnown = (path: string) => path in READS || PUBLISH.includes(path) || APART.some(([room]) => room.test(path));
  assert.deepEqual(
    paths.filter((path) => !isKnown(path)),
    [],
    'an address that takes words, of which nobody knows who reads them',
  );
  assert.deepEqual(
    [...Object.keys(READS), ...PUBLISH].filter((path) => !paths.includes(path)),
    [],
    'a line without an address',
  );
  for (const path of Object.keys(READS)) {
    assert.ok(!APART.some(([room]) => room.test(path) && path !== '/versions/:id/draft'), `${path} is both`);
  }
});

test('each of them refuses or holds words that a rule is about, and nobody else sees them', async (t) => {
  const { owner, other, visitor, ids } = await given(t);
  for (const [path, { as, url, form }] of Object.entries(READS)) {
    const who: Browser = as === 'owner' ? owner : other;
    const answer = await who.post(url(ids), form(ids));
    const isHeld = answer.status === 200 && /Kept, and waiting/.test(answer.text);
    assert.ok(isHeld || answer.status === 422, `${path} answered ${answer.status} ${answer.location}`);
  }
  const pages = [`/models/${ids.model}`, `/posts/${ids.post}`, `/images/${ids.image}`, '/@eve', '/'];
  for (const page of [...pages, `/collections/${ids.collection}`, `/reviews/${ids.review}`]) {
    const { text } = await visitor.get(page);
    for (const words of [DENIED, HELD]) assert.ok(!text.includes(words), `${page} shows “${words}”`);
  }
});

async function given(t: TestContext) {
  const site = await painter(t);
  const { ada, em, node, workAs, give, post } = site;
  await node.settings.write(em, guardSettings, guardSettings.schema.parse({ refusalsBeforeFreeze: 100 }), node.now());
  await em.flush();
  const version = await createModel(workAs(ada), { type: 'LORA', baseModel: 'SD 1.5' });
  await give(version.id, kohyaLoraSd1({ name: 'brass' }), 'brass.safetensors');
  await saveVersion(workAs(ada), version.id, VersionForm.parse(MODEL));
  await publishVersion(workAs(ada), version.id);
  const { postId, imageIds } = await post(ada, [{ level: 1 }]);
  const { browser: other, account: eve } = await site.other('eve');
  const speaker = { id: eve.id, permissions: eve.permissions };
  const ids: Ids = {
    ...{ model: version.model.id, version: version.id, post: postId, image: imageIds[0] ?? 0 },
    collection: (await createCollection(workAs(eve), { name: 'Tank', description: '', visibility: 'public' })).id,
    comment: await addComment(workAs(eve), speaker, { kind: 'post', id: postId }, { text: 'Nice.' }),
    review: await writeReview(workAs(eve), speaker, version.id, { isRecommended: true, text: 'Good.' }),
    ...{ bounty: newId(), entry: newId(), offer: newId(), grant: newId() },
    ...{ rightsOffer: newId(), rightsGrant: newId() },
  };
  await givenDealings(site, ids, eve.id);
  return { owner: site.browser, other, visitor: site.visitor, ids };
}

/** A claim of Ada's was upheld, she offers terms, and Eve asks for them. */
async function givenRights(fork: EntityManager, ids: Ids, eveId: number, at: Date): Promise<void> {
  const caseId = randomUUID();
  const [ada] = await fork.find(Model, { id: ids.model }, { fields: ['owner'] });
  const ownerId = ada?.owner.id ?? 0;
  await fork.insert(ClaimCase, {
    ...{ id: caseId, number: CLAIM, type: 'copyright', state: 'executed', origin: 'form', url: '/', answers: {} },
    ...{ missing: [], filerId: ownerId, submittedAt: at, outcome: 'limit' },
  });
  const terms = { covers: 'Ink', title: 'Mine', uses: ['personal' as const], text: 'Do.', forbids: '', revocation: '' };
  await fork.insert(RightsOffer, { id: ids.rightsOffer, owner: ownerId, caseId, ...terms, createdAt: at });
  const asked = { offer: ids.rightsOffer, licensee: eveId, state: 'asked' as const, askedAt: at, model: ids.model };
  await fork.insert(RightsGrant, { id: ids.rightsGrant, ...asked, ...terms });
}

/** Eve asks, Ada has answered and offers a licence, for which Eve asks too. */
async function givenDealings({ em, ada, clock }: Painter, ids: Ids, eveId: number): Promise<void> {
  const fork = em.fork();
  const at = clock.now();
  const until = new Date(at.getTime() + 9 * 86_400_000);
  const times = { createdAt: at, updatedAt: at };
  await fork.insert(Bounty, {
    ...{ id: ids.bounty, owner: eveId, title: 'A fish', text: 'Please.', kind: 'Other', mode: 'Individual' },
    ...{ deadlineAt: until, awardBy: until, ...times },
  });
  const about = { id: ids.entry, bounty: ids.bounty, account: ada.id, version: ids.version, post: null };
  await fork.insert(BountyEntry, { ...about, text: 'Here.', ...times });
  const terms = { title: 'Mine', uses: ['personal' as const], text: 'Do.', forbids: '', revocation: '' };
  await fork.insert(LicenceOffer, { id: ids.offer, model: ids.model, owner: ada.id, ...terms, createdAt: at });
  await givenRights(fork, ids, eveId, at);
  const asked = { offer: ids.offer, model: ids.model, holder: eveId, state: 'asked' as const, askedAt: at };
  await fork.insert(LicenceGrant, { id: ids.grant, ...asked, ...terms });
}

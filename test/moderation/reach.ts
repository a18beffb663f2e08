import assert from 'node:assert/strict';
import type { Account } from '../../src/accounts/model.ts';
import { createModel } from '../../src/catalogue/create.ts';
import { saveVersion, VersionForm } from '../../src/catalogue/edit.ts';
import { ModelFile } from '../../src/catalogue/model.ts';
import { publishVersion } from '../../src/catalogue/publish.ts';
import { Bounty, BountyEntry } from '../../src/economy/bounties/model.ts';
import { LicenceOffer } from '../../src/economy/licences/model.ts';
import { createCollection } from '../../src/gallery/collections/edit.ts';
import { collect } from '../../src/gallery/collections/together/put.ts';
import { pin } from '../../src/gallery/pins.ts';
import { writeReview } from '../../src/gallery/reviews/write.ts';
import { addComment } from '../../src/gallery/talk/comments.ts';
import { newId } from '../../src/kit/ids.ts';
import type { Node } from '../../src/node.ts';
import { routersOf } from '../../src/routers.ts';
import { kohyaLoraSd1 } from '../factories/safetensors.ts';
import { generated, type Painter } from '../gallery/painter.ts';

/** In every title and text of what is taken down, and nowhere else. */
export const MARK = 'zebrafisch';

/** Things of Ada's that a takedown is about, and what stands around them. */
export interface Things {
  readonly owner: Account;
  readonly modelId: number;
  readonly versionId: number;
  readonly postId: number;
  readonly imageId: number;
  readonly collectionId: number;
  readonly sha256: string;
  readonly comments: { readonly model: string; readonly post: string; readonly image: string };
  readonly reviewId: string;
  /** Of Eve: it leans on the picture, and Ada's version and post answer it. */
  readonly bountyId: string;
  readonly entryId: string;
  /** Of Ada, for the model. */
  readonly offerId: string;
}

export async function givenThings(site: Painter): Promise<Things> {
  const { ada: owner, workAs, give, post, em, other, settle } = site;
  const version = await createModel(workAs(owner), { type: 'LORA', baseModel: 'SD 1.5' });
  const modelId = version.model.id;
  await give(version.id, kohyaLoraSd1({ name: MARK }), `${MARK}.safetensors`);
  const words = {
    ...{ name: `${MARK} lora`, type: 'LORA', description: `Of a ${MARK}.`, level: '1', versionName: 'v1' },
    ...{ baseModel: 'SD 1.5', trainedWords: MARK, tags: 'fishes', allowNoCredit: '1', allowDerivatives: '1' },
  };
  await saveVersion(workAs(owner), version.id, VersionForm.parse(words));
  await publishVersion(workAs(owner), version.id);
  const bytes = await generated(`a ${MARK} in a tank\nSteps: 4, Seed: 1, Size: 64x48`);
  const { postId, imageIds } = await post(owner, [{ bytes, altText: `A ${MARK}` }], { versionId: version.id });
  const imageId = imageIds[0] ?? 0;
  await em.fork().nativeUpdate('Post', { id: postId }, { title: `${MARK} post` });
  const { account: eve } = await other('eve');
  const speaker = { id: eve.id, permissions: eve.permissions };
  const say = (kind: 'model' | 'post' | 'image', id: number) =>
    addComment(workAs(eve), speaker, { kind, id }, { text: `Nice ${MARK}` });
  const comments = {
    ...{ model: await say('model', modelId), post: await say('post', postId), image: await say('image', imageId) },
  };
  const reviewId = await writeReview(workAs(eve), speaker, version.id, { isRecommended: true, text: `Good ${MARK}` });
  const collection = await createCollection(workAs(eve), {
    ...{ name: 'Tank', description: '', visibility: 'public' },
  });
  for (const thing of [
    { kind: 'model', id: modelId },
    { kind: 'post', id: postId },
    { kind: 'image', id: imageId },
  ] as const)
    await collect(workAs(eve), collection.id, thing);
  await pin(workAs(owner), { kind: 'model', id: modelId });
  await pin(workAs(owner), { kind: 'post', id: postId });
  const dealings = await givenDealings(site, { eve, modelId, versionId: version.id, postId, imageId });
  await settle();
  const { sha256 } = await em.fork().findOneOrFail(ModelFile, { version: version.id });
  return {
    ...{
      owner,
      modelId,
      versionId: version.id,
      postId,
      imageId,
      collectionId: collection.id,
      sha256,
      comments,
      reviewId,
      ...dealings,
    },
  };
}

interface Dealt {
  readonly eve: Account;
  readonly modelId: number;
  readonly versionId: number;
  readonly postId: number;
  readonly imageId: number;
}

async function givenDealings({ em, ada, clock }: Painter, { eve, modelId, versionId, postId, imageId }: Dealt) {
  const fork = em.fork();
  const [bountyId, entryId, offerId] = [newId(), newId(), newId()];
  const at = clock.now();
  const until = new Date(at.getTime() + 30 * 86_400_000);
  const times = { createdAt: at, updatedAt: at };
  await fork.insert(Bounty, {
    ...{ id: bountyId, owner: eve.id, title: 'A fish', text: 'Please.', kind: 'LoraCreation', mode: 'Individual' },
    ...{ deadlineAt: until, awardBy: until, ...times },
  });
  await fork.insert('BountyReference', { bounty: bountyId, image: imageId, position: 0 });
  const entry = { id: entryId, bounty: bountyId, account: ada.id, text: 'Here.', version: versionId, post: postId };
  await fork.insert(BountyEntry, { ...entry, awardedAt: at, ...times });
  await fork.insert(LicenceOffer, {
    ...{ id: offerId, model: modelId, owner: ada.id, title: 'Mine', uses: ['personal'], text: 'Do.', forbids: '' },
    ...{ revocation: '', createdAt: at },
  });
  return { bountyId, entryId, offerId };
}

/** Its answer has no end, and says a number alone. */
const ENDLESS: ReadonlySet<string> = new Set(['/notifications/events']);

/** Every address that is asked with GET, as the routers name it. */
export function listGetPaths(node: Node): string[] {
  const found = new Set<string>();
  for (const router of routersOf(node))
    for (const { path, methods } of router.stack)
      if (methods.includes('GET') && !ENDLESS.has(String(path))) found.add(String(path));
  return [...found].sort();
}

/** A page of one thing, and not of all. */
export const hasPlace = (path: string): boolean => /:|\(/.test(path);

/** No word of it, no address of its bytes. What was asked for may be said again. */
export function assertBare(text: string, label: string, { imageId }: Pick<Things, 'imageId'>): void {
  const said = text
    .replaceAll(/(?:value|href|content|action)="[^"]*q=[^"]*"/g, '')
    .replaceAll(/<title>[^<]*<\/title>/g, '')
    .replaceAll(/\/models\/\d+\/zebrafisch-lora/g, '')
    .replaceAll(/(?:%2F|\/)zebrafisch-lora/g, '');
  assert.ok(!said.includes(`of a ${MARK}`) && !said.includes(`${MARK} lora`), `${label} tells of the model`);
  assert.ok(!said.includes(`${MARK} post`) && !said.includes(`A ${MARK}`), `${label} tells of the picture`);
  assert.ok(!said.includes(`Nice ${MARK}`) && !said.includes(`Good ${MARK}`), `${label} shows what was said of it`);
  assert.doesNotMatch(said, new RegExp(`/media/\\w+/${imageId}\\.`), `${label} shows its picture`);
}

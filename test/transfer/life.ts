import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { blockAccount } from '../../src/accounts/block.ts';
import { followAccount } from '../../src/accounts/follow.ts';
import type { Account } from '../../src/accounts/model.ts';
import { editProfile, ProfileForm } from '../../src/accounts/profile/edit.ts';
import { createModel, createVersion } from '../../src/catalogue/create.ts';
import { saveVersion, VersionForm } from '../../src/catalogue/edit.ts';
import { Tag } from '../../src/catalogue/model.ts';
import { publishVersion } from '../../src/catalogue/publish.ts';
import { attachFile } from '../../src/catalogue/uploads/take.ts';
import { createCollection } from '../../src/gallery/collections/edit.ts';
import { collect } from '../../src/gallery/collections/together/put.ts';
import { addImage } from '../../src/gallery/images/add.ts';
import { pin } from '../../src/gallery/pins.ts';
import { createDraft, savePost } from '../../src/gallery/posts/draft.ts';
import { publishPost } from '../../src/gallery/posts/publish.ts';
import { writeReview } from '../../src/gallery/reviews/write.ts';
import { addComment } from '../../src/gallery/talk/comments.ts';
import { followTopic } from '../../src/gallery/topics/follow.ts';
import { givenMember } from '../factories/accounts.ts';
import { kohyaLoraSd1 } from '../factories/safetensors.ts';
import { A1111, generated, picture } from '../gallery/painter.ts';
import type { TestNode } from '../node.ts';

type Here = Pick<TestNode, 'node' | 'em' | 'workAs' | 'settle'>;

const limitsOf = ({ node }: Here) => ({
  ...{ maxImageBytes: 50_000_000, minFreeBytes: 0, defaultQuotaBytes: 1_000_000_000 },
  hashGate: node.hashGate,
});

async function giveFile(its: Here, owner: Account, versionId: number, bytes: Uint8Array, fileName: string) {
  const folder = await mkdtemp(join(tmpdir(), 'tessera-give-'));
  const path = join(folder, 'file');
  await writeFile(path, bytes);
  const file = { path, fileName, totalBytes: bytes.length, versionId };
  await attachFile(its.workAs(owner), its.node.uploads, file).finally(() => rm(folder, { recursive: true }));
}

export const MODEL_FORM = {
  ...{ name: 'Brass and ink', type: 'LORA', description: 'Brass, *engraved*.', level: '1', tags: 'brass, ink' },
  ...{ licenseId: 'CC-BY-4.0', allowNoCredit: '1', allowCommercialUse: ['Image'], baseModel: 'SD 1.5' },
};

/** A little of everything that somebody makes on a node, by the services that the pages call. */
export async function aLife(its: Here, ada: Account) {
  const bea = await givenMember(its.em, 'bea');
  const [cy, dan] = [await givenMember(its.em, 'cy'), await givenMember(its.em, 'dan')];
  const profile = { displayName: 'Ada L.', bio: 'I engrave.', linkLabel: 'Home', linkUrl: 'https://ada.example/' };
  await editProfile(its.workAs(ada), ProfileForm.parse(profile));
  const first = await createModel(its.workAs(ada), { versionName: 'v1.0' });
  await giveFile(its, ada, first.id, kohyaLoraSd1({ name: 'brass-one' }), 'brass-one.safetensors');
  const form = (more: Record<string, string>) => VersionForm.parse({ ...MODEL_FORM, ...more });
  const words = { versionName: 'v1.0', trainedWords: 'brass ink', settings: 'steps: 1200', recommendedWeight: '0.8' };
  await saveVersion(its.workAs(ada), first.id, form(words));
  await publishVersion(its.workAs(ada), first.id);
  const second = await createVersion(its.workAs(ada), first.model.id, 'v2.0');
  await giveFile(its, ada, second.id, kohyaLoraSd1({ name: 'brass-two' }), 'brass-two.safetensors');
  const more = { versionName: 'v2.0', trainedWords: 'brass ink', changelog: 'Sharper.' };
  await saveVersion(its.workAs(ada), second.id, form(more));
  await its.settle();

  const post = await createDraft(its.workAs(ada), { versionId: first.id });
  const pictures = [await generated(A1111), await picture()];
  const imageIds: number[] = [];
  for (const source of pictures) {
    imageIds.push((await addImage(its.workAs(ada), limitsOf(its), { postId: post.id, source })).imageId);
  }
  const images = imageIds.map((id, n) => ({ id, level: 1 + n, altText: `No. ${n}`, caption: '', order: n }));
  const fields = { title: 'Engravings', caption: 'Two of them.', tags: ['brass'], visibility: 'public' as const };
  await savePost(its.workAs(ada), post.id, { ...fields, versionId: first.id, images }, 31);
  await publishPost(its.workAs(ada), post.id);
  await its.settle();

  const theirs = await createModel(its.workAs(bea), { name: 'Chalk', type: 'LORA', baseModel: 'SD 1.5' });
  await giveFile(its, bea, theirs.id, kohyaLoraSd1({ name: 'chalk' }), 'chalk.safetensors');
  await saveVersion(its.workAs(bea), theirs.id, form({ name: 'Chalk', versionName: 'v1', trainedWords: 'chalk' }));
  await publishVersion(its.workAs(bea), theirs.id);
  await its.settle();
  const own = { kind: 'post', id: post.id } as const;
  const pictureOf = async (altText: string) => {
    const draft = await createDraft(its.workAs(ada));
    const added = await addImage(its.workAs(ada), limitsOf(its), { postId: draft.id, source: await picture() });
    return { id: added.imageId, level: 1, altText };
  };
  const comment = await addComment(its.workAs(ada), ada, own, { text: 'Made on a rainy day.' });
  await addComment(its.workAs(bea), bea, own, { text: 'A secret of Bea’s.' });
  await addComment(its.workAs(ada), ada, own, {
    ...{ text: 'And another line.', parentId: comment },
    pictures: { allowedLevels: 31, pictures: [await pictureOf('A sketch')] },
  });
  await writeReview(its.workAs(ada), ada, theirs.id, {
    ...{ isRecommended: true, text: 'Soft and good.' },
    pictures: { allowedLevels: 31, pictures: [await pictureOf('An example')] },
  });
  const named = { name: 'Metal', description: 'What shines.', visibility: 'public' as const };
  const { id: collectionId } = await createCollection(its.workAs(ada), named);
  await collect(its.workAs(ada), collectionId, { kind: 'model', id: first.model.id });
  await collect(its.workAs(ada), collectionId, own);
  await followAccount(its.workAs(ada), bea.id);
  await pin(its.workAs(ada), { kind: 'model', id: first.model.id });
  await pin(its.workAs(ada), own);
  await followTopic(its.workAs(ada), 'model', theirs.model.id);
  await followTopic(its.workAs(ada), 'tag', (await its.em.fork().findOneOrFail(Tag, { name: 'brass' })).id);
  await blockAccount(its.workAs(ada), cy.id, 'block');
  await blockAccount(its.workAs(ada), dan.id, 'mute');
  await its.settle();
  const ids = { modelId: first.model.id, versionIds: [first.id, second.id], postId: post.id, imageIds, collectionId };
  return { bea, ...ids, theirVersionId: theirs.id, theirModelId: theirs.model.id, pictures };
}

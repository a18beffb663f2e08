import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Account } from '../../src/accounts/model.ts';
import { createModel, createVersion } from '../../src/catalogue/create.ts';
import { saveVersion, VersionForm } from '../../src/catalogue/edit.ts';
import { ModelFile } from '../../src/catalogue/model.ts';
import { publishVersion } from '../../src/catalogue/publish.ts';
import { attachFile } from '../../src/catalogue/uploads/take.ts';
import { addImage } from '../../src/gallery/images/add.ts';
import { createDraft, PostForm, savePost } from '../../src/gallery/posts/draft.ts';
import { publishPost } from '../../src/gallery/posts/publish.ts';
import { addComment } from '../../src/gallery/talk/comments.ts';
import { ALL_LEVELS } from '../../src/safety/ratings.ts';
import { givenMember } from '../factories/accounts.ts';
import { checkpointSd1, kohyaLoraSdxl } from '../factories/safetensors.ts';
import type { TestNode } from '../node.ts';
import { infotext, picture } from './art.ts';

export interface Site {
  readonly owner: Account;
  readonly ada: Account;
  /** Published nothing and follows nobody. */
  readonly ben: Account;
  readonly model: { readonly id: number; readonly versionId: number; readonly draftVersionId: number };
  readonly post: { readonly id: number; readonly imageIds: readonly number[] };
  readonly draftPostId: number;
  /** Rated R: veiled for whoever sees it. */
  readonly sensitiveImageId: number;
}

interface Given {
  readonly postCount?: number;
  /** Who is there already. */
  readonly ada?: Account;
}

/** A small lively site, made by calling services; the worker must be started. */
export async function fillSite(test: TestNode, { postCount = 4, ada: known }: Given = {}): Promise<Site> {
  const { node, em } = test;
  const owner = await givenMember(em, 'olga', { role: 'owner' });
  const ada = known ?? (await givenMember(em, 'ada'));
  const ben = await givenMember(em, 'ben');
  const work = () => test.workAs(ada);
  const limits = { maxImageBytes: 50e6, minFreeBytes: 0, defaultQuotaBytes: 1e9, hashGate: node.hashGate };

  const give = async (versionId: number, bytes: Buffer, fileName: string) => {
    const folder = await mkdtemp(join(tmpdir(), 'tessera-site-'));
    const path = join(folder, 'file');
    await writeFile(path, bytes);
    await attachFile(work(), node.uploads, { path, fileName, totalBytes: bytes.length, versionId });
    await rm(folder, { recursive: true });
  };
  const post = async (
    title: string,
    pictures: readonly Buffer[],
    level = 1,
    versionId = 0,
  ): Promise<[number, number[]]> => {
    const draft = await createDraft(work(), { title, versionId });
    const ids: number[] = [];
    for (const source of pictures)
      ids.push((await addImage(work(), limits, { postId: draft.id, source, level })).imageId);
    const words = Object.fromEntries(ids.map((id, n) => [`alt-${id}`, `Coloured circles, number ${n + 1}`]));
    const form = PostForm.parse({
      title,
      caption: 'Made in one **evening**.',
      tags: 'circles, abstract',
      version: versionId,
      ...words,
    });
    await savePost(work(), draft.id, form, ALL_LEVELS);
    return [draft.id, ids];
  };

  const base = await createModel(work(), { name: 'Small Checkpoint', type: 'Checkpoint', baseModel: 'SD 1.5' });
  await give(base.id, checkpointSd1(), 'small-checkpoint.safetensors');
  await publishVersion(work(), base.id);
  const version = await createModel(work());
  await give(version.id, kohyaLoraSdxl(), 'inkwash.safetensors');
  await saveVersion(work(), version.id, VersionForm.parse(INK_WASH));
  await publishVersion(work(), version.id);
  const draftVersion = await createVersion(work(), version.model.id);
  await give(draftVersion.id, kohyaLoraSdxl({ seed: 'second' }), 'inkwash-2.safetensors');

  const file = await test.node.openWork(null).em.findOneOrFail(ModelFile, { version: version.id });
  const made = infotext('inkwash', file.sha256.slice(0, 10));
  const [postId, imageIds] = await post(
    'Three studies',
    [
      await picture(1, { parameters: made }),
      await picture(2, { width: 512, height: 384, parameters: made }),
      await picture(3),
    ],
    1,
    version.id,
  );
  await publishPost(work(), postId);
  for (let n = 1; n < postCount; n += 1) {
    const [width, height] = SIZES[n % SIZES.length] ?? [384, 512];
    const [id] = await post(
      `Study ${n}`,
      [await picture(10 + n, { width, height, parameters: made })],
      1,
      n % 2 ? version.id : 0,
    );
    await publishPost(work(), id);
  }
  const [sensitiveId, [sensitiveImageId = 0]] = await post('After dark', [await picture(30)], 4);
  await publishPost(work(), sensitiveId);
  const [draftPostId] = await post('Not finished', [await picture(31), await picture(32)], 0);
  const subject = { kind: 'post', id: postId } as const;
  const first = await addComment(test.workAs(ben), ben, subject, {
    text: 'The *second* one has the best light.',
  });
  await addComment(work(), ada, subject, { text: 'Thank you!', parentId: first });
  await test.settle();
  return {
    ...{ owner, ada, ben, draftPostId, sensitiveImageId },
    model: { id: version.model.id, versionId: version.id, draftVersionId: draftVersion.id },
    post: { id: postId, imageIds },
  };
}

const SIZES = [
  [384, 512],
  [512, 384],
  [512, 512],
  [640, 360],
  [360, 640],
] as const;

const INK_WASH = {
  name: 'Ink Wash',
  type: 'LORA',
  versionName: 'v1.0',
  baseModel: 'SDXL 1.0',
  level: '1',
  trainedWords: 'inkwash\nsumi-e brush\nwet paper',
  tags: 'ink, style, black and white',
  description:
    'A **brush and ink** style: wet edges, soft greys, paper grain.\n\n## How to use\n\n- weight 0.6 to 0.9\n- works best at 1024 px',
  changelog: 'Trained again on 40 more scans.',
  recommendedWeight: '0.8',
  clipSkip: '2',
  allowDerivatives: '1',
  allowCommercialUse: ['Image'],
  licenseId: 'CC-BY-4.0',
  settings: 'learning_rate: 0.0001\noptimizer: AdamW',
  parentKind: ['trained_on_base'],
  parentText: ['sd_xl_base_1.0.safetensors'],
  parentWeight: [''],
};

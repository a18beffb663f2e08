import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { viewerOf } from '../../accounts/access/identify.ts';
import { followAccount } from '../../accounts/follow.ts';
import { createAccount, NewAccount } from '../../accounts/joining/create.ts';
import type { Account } from '../../accounts/model.ts';
import { nodeSettings } from '../../accounts/node-settings.ts';
import { editProfile } from '../../accounts/profile/edit.ts';
import { createModel } from '../../catalogue/create.ts';
import { saveVersion, VersionForm } from '../../catalogue/edit.ts';
import { ModelFile } from '../../catalogue/model.ts';
import { publishVersion } from '../../catalogue/publish.ts';
import { attachFile } from '../../catalogue/uploads/take.ts';
import type { Uploads } from '../../catalogue/uploads/uploads.ts';
import { addImage } from '../../gallery/images/add.ts';
import { createDraft, PostForm, savePost } from '../../gallery/posts/draft.ts';
import { publishPost } from '../../gallery/posts/publish.ts';
import { writeReview } from '../../gallery/reviews/write.ts';
import { addComment } from '../../gallery/talk/comments.ts';
import { like } from '../../gallery/talk/likes.ts';
import type { Config } from '../../kit/config.ts';
import type { Settings } from '../../kit/settings.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { putTogether } from './collections.ts';
import { paint } from './painter.ts';
import { encodePng } from './png.ts';
import type { DemoModel, DemoPost, Town } from './towns.ts';
import { smallLora } from './weights.ts';

/** The node that is filled. */
export interface Ground {
  readonly config: Config;
  readonly uploads: Uploads;
  readonly settings: Settings;
  openWork(viewer: Viewer | null): Work;
}

export interface Settler {
  readonly name: string;
  readonly email: string;
  readonly password: string;
  readonly account: Account;
}

/** Names the node and makes its people. Throws `conflict` when one of the names is taken. */
export async function settle(ground: Ground, town: Town, password: string): Promise<Settler[]> {
  const settlers: Settler[] = [];
  for (const [n, person] of town.people.entries()) {
    const form = NewAccount.parse({ name: person.name, email: `${person.name}@example.org`, password });
    const account = await createAccount(ground.openWork(null), form, n === 0 ? 'owner' : 'member');
    const { displayName, bio } = person;
    await editProfile(workOf(ground, account), { displayName, bio, isLocked: false, isNetworkShown: false, links: [] });
    settlers.push({ name: form.name, email: form.email, password, account });
  }
  const { em, now } = ground.openWork(null);
  const before = await ground.settings.read(em, nodeSettings);
  const { nodeName: name, description } = town;
  await ground.settings.write(
    em,
    nodeSettings,
    { ...before, name, description, contact: 'owner@example.org', signUpMode: 'open' },
    now(),
  );
  await em.flush();
  return settlers;
}

/** Publishes what the people of the town made, one after the other over the last two days, and lets them talk. */
export async function furnish(ground: Ground, town: Town, settlers: readonly Settler[]): Promise<void> {
  const accountOf = (name: string): Account => {
    const found = settlers.find((settler) => settler.name === name);
    if (!found) throw new Error(`Nobody is called ${name}.`);
    return found.account;
  };
  for (const a of settlers) {
    for (const b of settlers) if (a !== b) await followAccount(workOf(ground, a.account), b.account.id);
  }
  const made = new Map<string, Made>();
  for (const model of town.models) made.set(model.name, await publishModel(ground, accountOf(model.owner), model));
  await review(ground, town, settlers, made);
  for (const [n, post] of town.posts.entries()) {
    const model = made.get(post.model);
    if (!model) throw new Error(`There is no model ${post.model}.`);
    const hoursAgo = (town.posts.length - n) * 7;
    const postId = await publishPictures(ground, accountOf(post.owner), post, model, n, hoursAgo);
    for (const [k, { account }] of settlers.entries()) {
      if (account.name === post.owner) continue;
      await like(workOf(ground, account), account, { kind: 'post', id: postId });
      const text = town.remarks[(n + k) % (town.remarks.length + 1)];
      if (text) await addComment(workOf(ground, account), account, { kind: 'post', id: postId }, { text });
    }
  }
  for (const one of town.collections) await putTogether(workOf(ground, accountOf(one.owner)), one);
}

/** Somebody else says what they found of each model; its maker and the others hear it. */
async function review(ground: Ground, town: Town, settlers: readonly Settler[], made: ReadonlyMap<string, Made>) {
  for (const [n, { name, owner }] of town.models.entries()) {
    const others = settlers.filter((settler) => settler.name !== owner).map(({ account }) => account);
    const [author, reader] = [others[n % others.length], others[(n + 1) % others.length]];
    const maker = settlers.find((settler) => settler.name === owner)?.account;
    const [words, answer] = town.verdicts[n % town.verdicts.length] ?? [];
    const versionId = made.get(name)?.versionId;
    if (!author || !reader || !maker || !words || !answer || versionId === undefined) continue;
    const verdict = { isRecommended: true, text: words };
    const id = await writeReview(workOf(ground, author), author, versionId, verdict);
    for (const account of [maker, reader]) {
      if (account !== author) await like(workOf(ground, account), account, { kind: 'review', id });
    }
    await addComment(workOf(ground, maker), maker, { kind: 'review', id }, { text: answer });
  }
}

export const workOf = (ground: Pick<Ground, 'openWork'>, account: Account): Work => ground.openWork(viewerOf(account));

interface Made {
  readonly versionId: number;
  readonly style: DemoModel['style'];
  /** As A1111 names it in the prompt. */
  readonly tag: string;
  /** AutoV3, which A1111 writes for LoRAs. */
  readonly hash: string;
}

async function publishModel(ground: Ground, owner: Account, model: DemoModel): Promise<Made> {
  const { name, description, style, fileName, words } = model;
  const version = await createModel(workOf(ground, owner), { name, type: 'LORA', description });
  const tag = fileName.replace('.safetensors', '');
  const folder = await mkdtemp(join(tmpdir(), 'tessera-demo-'));
  try {
    const bytes = smallLora(tag, words);
    const path = join(folder, fileName);
    await writeFile(path, bytes);
    const file = { path, fileName, totalBytes: bytes.length, versionId: version.id };
    await attachFile(workOf(ground, owner), ground.uploads, file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  const form = VersionForm.parse({
    name,
    type: 'LORA',
    description,
    tags: model.tags,
    licenseId: 'CC-BY-4.0',
    allowDerivatives: '1',
    level: '1',
    versionName: 'v1.0',
    baseModel: 'SD 1.5',
    trainedWords: words.join('\n'),
    recommendedWeight: '0.8',
  });
  await saveVersion(workOf(ground, owner), version.id, form);
  await publishVersion(workOf(ground, owner), version.id);
  const file = await ground.openWork(null).em.findOneOrFail(ModelFile, { version: version.id });
  return { versionId: version.id, style, tag, hash: (file.tensorSha256 ?? file.sha256).slice(0, 12) };
}

const SHAPES = { wide: [864, 576], tall: [576, 832], square: [704, 704] } as const;

async function publishPictures(
  ground: Ground,
  owner: Account,
  post: DemoPost,
  model: Made,
  serial: number,
  hoursAgo: number,
): Promise<number> {
  const { config } = ground;
  const limits = {
    maxImageBytes: config.maxImageBytes,
    minFreeBytes: config.minFreeBytes,
    defaultQuotaBytes: config.accountQuotaBytes,
    hashGate: ground.uploads.limits.hashGate,
  };
  const isOwn = ground.openWork(null).em.findOne(ModelFile, { version: { id: model.versionId, model: { owner } } });
  const draft = await createDraft(workOf(ground, owner), (await isOwn) ? { versionId: model.versionId } : {});
  for (const [n, { palette, shape, prompt }] of post.pictures.entries()) {
    const [width, height] = SHAPES[shape];
    const seed = serial * 41 + n * 7 + model.versionId;
    const pixels = paint({ width, height, style: model.style, palette, seed });
    const parameters = [
      `${prompt} <lora:${model.tag}:0.8>`,
      'Negative prompt: text, watermark',
      `Steps: 28, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 5.5, Seed: ${seed}, Size: ${width}x${height}, Lora hashes: "${model.tag}: ${model.hash}", Version: Tessera demo`,
    ].join('\n');
    const source = encodePng(pixels, width, height, parameters);
    const altText = `${prompt.split(', ').slice(1).join(', ')}, as ${STYLE_WORDS[model.style]}`;
    await addImage(workOf(ground, owner), limits, { postId: draft.id, source, level: 1, altText });
  }
  const { title, tags } = post;
  const form = PostForm.parse({ title, tags, version: String(draft.version?.id ?? 0) });
  await savePost(workOf(ground, owner), draft.id, form, 31);
  const work = workOf(ground, owner);
  const past = new Date(work.now().getTime() - hoursAgo * 3_600_000);
  await publishPost({ ...work, now: () => past }, draft.id);
  return draft.id;
}

const STYLE_WORDS = {
  mosaic: 'a mosaic of stone tiles',
  glass: 'stained glass',
  print: 'a layered print',
  dots: 'dots on paper',
} as const;

import type { TestContext } from 'node:test';
import { createToken } from '../../src/accounts/access/tokens.ts';
import type { Account } from '../../src/accounts/model.ts';
import { ModelTag, Tag } from '../../src/catalogue/model.ts';
import { PostTag, ResourceUse } from '../../src/gallery/model.ts';
import { givenMember } from '../factories/accounts.ts';
import { givenAccount, givenFile, givenImage, givenModel, givenPost, givenVersion, NOW } from '../factories/content.ts';
import { type TestNode, type TestNodeOptions, testNode } from '../node.ts';

export const ORIGIN = 'https://node.example';
export const SHA = 'ab12cd34'.repeat(8);
export const TENSOR = '5e6f7a8b'.repeat(8);
export const BLAKE = '9c0d1e2f'.repeat(8);

// biome-ignore lint/suspicious/noExplicitAny: what came over the wire is looked at field by field
export type Json = any;

interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: Json;
}

interface AskOptions {
  readonly token?: string;
  readonly method?: string;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

type AskApi = (path: string, options?: AskOptions) => Promise<Reply>;

export interface Shelf extends TestNode {
  readonly ada: Account;
  readonly address: URL;
  readonly ask: AskApi;
  tokenOf(account: Account, scopes?: string[]): Promise<string>;
}

/** A node whose web process runs, with Ada on it and nothing else. */
export async function emptyShelf(t: TestContext, options: TestNodeOptions = {}): Promise<Shelf> {
  const node = await testNode(t, { ...options, env: { PUBLIC_URL: ORIGIN, ...options.env } });
  const address = await node.start('web');
  const ada = await givenMember(node.em, 'ada');
  return {
    ...node,
    ...{ ada, address },
    ask: asker(address),
    tokenOf: async (account, scopes = ['read']) => {
      const { secret } = await createToken(node.workAs(null), account, { label: 'test', scopes, expiresAt: null });
      return secret;
    },
  };
}

const asker =
  (address: URL): AskApi =>
  async (path, { token, method = 'GET', body, headers = {} } = {}) => {
    const answer = await fetch(new URL(path, address), {
      method,
      redirect: 'manual',
      headers: {
        ...(token ? { authorization: `Bearer ${token}` } : {}),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    const text = await answer.text();
    const isJson = (answer.headers.get('content-type') ?? '').includes('json') && text !== '';
    return { status: answer.status, headers: answer.headers, text, json: isJson ? JSON.parse(text) : null };
  };

export interface Furnished extends Shelf {
  readonly ids: {
    readonly model: number;
    readonly version: number;
    readonly older: number;
    readonly file: number;
    readonly pruned: number;
    readonly checkpoint: number;
    readonly checkpointVersion: number;
    readonly remote: number;
    readonly image: number;
    readonly mature: number;
    readonly post: number;
    readonly tag: number;
  };
}

const day = (n: number): Date => new Date(NOW.getTime() - n * 86_400_000);

/** Two models of Ada's, one of elsewhere, and pictures of PG and of R. */
export async function furnishedShelf(t: TestContext, options: TestNodeOptions = {}): Promise<Furnished> {
  const shelf = await emptyShelf(t, options);
  const { em, ada } = shelf;
  const owner = em.getReference('Account', ada.id) as Account;
  const model = givenModel(em, {
    ...{ owner, name: 'Ink wash', level: 5, description: 'Soft **ink**.', allowCommercialUse: ['Image', 'Rent'] },
    ...{ downloadCount: 30, thumbsUpCount: 2, commentCount: 3, imageCount: 2, collectCount: 1 },
    ...{ listedAt: day(1), allowNoCredit: false, publishedAt: day(1), shownAt: day(1) },
  });
  const version = givenVersion(em, {
    ...{ model, name: 'v2', position: 0, trainedWords: ['inkwash'], changelog: 'Better hands.', publishedAt: day(1) },
    ...{ downloadCount: 20, thumbsUpCount: 4, thumbsDownCount: 1 },
  });
  const older = givenVersion(em, { model, name: 'v1', position: 1, baseModel: 'SDXL 1.0', publishedAt: day(40) });
  const file = givenFile(em, {
    ...{ version, name: 'inkwash.safetensors', sha256: SHA, tensorSha256: TENSOR, blake3: BLAKE, autoV1: '1a2b3c4d' },
    ...{ crc32: '0d4a1185', totalBytes: 2_048, pickleScanResult: 'Success', scannedAt: day(1) },
  });
  const pruned = givenFile(em, { version, name: 'inkwash-full.safetensors', isPrimary: false, isPruned: false });
  givenFile(em, { version: older });
  const checkpoint = givenModel(em, {
    ...{ owner, name: 'Dreamer', type: 'Checkpoint', level: 4, baseModel: 'Pony', listedAt: day(3) },
    ...{ downloadCount: 70, thumbsUpCount: 9, commentCount: 1, imageCount: 9, collectCount: 0 },
  });
  const checkpointVersion = givenVersion(em, { model: checkpoint, baseModel: 'Pony' });
  givenFile(em, { version: checkpointVersion, name: 'dreamer.gguf', format: 'GGUF', precision: 'Q4_K_M' });
  const remote = givenModel(em, {
    owner: givenAccount(em, { name: 'bob', host: 'far.example', uri: 'https://far.example/users/bob' }),
    ...{ name: 'From afar', isLocal: false, uri: 'https://far.example/models/1', listedAt: day(2) },
  });
  const remoteVersion = givenVersion(em, { model: remote });
  givenFile(em, {
    ...{ version: remoteVersion, isStored: false, remoteUrl: 'https://far.example/f/1', sha256: 'cc'.repeat(32) },
  });
  const post = givenPost(em, { owner, version, level: 5 });
  const recipe = { prompt: 'a boat', negativePrompt: 'blur', steps: 20, cfgScale: 7, seed: '42', sampler: 'Euler a' };
  const image = givenImage(em, {
    ...{ post, owner, position: 0, hasRecipe: true, blurHash: 'UBL_:rOpGG-oBUNG', likeCount: 5, listedAt: day(1) },
    recipe: { ...recipe, width: 512, height: 768, modelName: 'dreamer', modelHash: '6ce0161689', others: {} },
  });
  const mature = givenImage(em, { post, owner, position: 1, level: 4, commentCount: 8, listedAt: day(9) });
  const tag = em.create(Tag, { name: 'style' });
  await em.flush();
  em.create(ModelTag, { model, tag });
  em.create(PostTag, { post, tag });
  for (const [id, one] of [
    ['0190b7a2-7c1e-7000-8000-000000000001', image],
    ['0190b7a2-7c1e-7000-8000-000000000002', mature],
  ] as const) {
    em.create(ResourceUse, {
      ...{ id, image: one, kind: 'lora', name: 'inkwash', hash: SHA.slice(0, 10), weight: 0.8, version, model },
    });
  }
  await em.flush();
  return {
    ...shelf,
    ids: {
      ...{ model: model.id, version: version.id, older: older.id, file: file.id, pruned: pruned.id },
      ...{ checkpoint: checkpoint.id, checkpointVersion: checkpointVersion.id, remote: remote.id },
      ...{ image: image.id, mature: mature.id, post: post.id, tag: tag.id },
    },
  };
}

export const keysOf = (thing: object): string[] => Object.keys(thing).sort();

/** Gives an account these ratings to browse. */
export async function browses({ node }: Pick<TestNode, 'node'>, account: Account, levels: number): Promise<void> {
  await node.orm.em.fork().nativeUpdate('Account', { id: account.id }, { levels });
}

import type { TestContext } from 'node:test';
import sharp from 'sharp';
import type { Account } from '../../src/accounts/model.ts';
import { addImage } from '../../src/gallery/images/add.ts';
import { createDraft } from '../../src/gallery/posts/draft.ts';
import { publishPost } from '../../src/gallery/posts/publish.ts';
import { embedTexts } from '../../src/kit/storage/carriers/embed.ts';
import type { Browser } from '../accounts/browser.ts';
import { type Publisher, publisher } from '../catalogue/publisher.ts';
import type { TestNodeOptions } from '../node.ts';

/** A real picture of noise; another seed makes other bytes. */
export async function picture({
  width = 64,
  height = 48,
  format = 'png',
}: {
  width?: number;
  height?: number;
  format?: 'png' | 'jpeg' | 'webp' | 'avif' | 'gif';
} = {}): Promise<Buffer> {
  const noise = { type: 'gaussian', mean: 128, sigma: 40 } as const;
  return sharp({ create: { width, height, channels: 3, background: '#808080', noise } })
    .toFormat(format)
    .toBuffer();
}

/** A picture as A1111 writes it. */
export const generated = async (text: string): Promise<Buffer> => embedTexts(await picture(), { parameters: text });

export const A1111 = `a lighthouse at dusk, <lora:brass:0.8>
Negative prompt: blurry
Steps: 20, Sampler: DPM++ 2M, CFG scale: 7, Seed: 123456789, Size: 512x768, Model hash: 6ce0161689, Model: v1-5-pruned`;

export interface Painter extends Publisher {
  /** Posts pictures by the service; they are rated and public unless told otherwise. */
  post(
    owner: Account,
    images: readonly { bytes?: Uint8Array; level?: number; altText?: string }[],
    options?: { isDraft?: boolean; visibility?: 'public' | 'unlisted' | 'followers'; versionId?: number },
  ): Promise<{ postId: number; imageIds: number[] }>;
}

/** A node with web and worker running and Ada signed in. */
export async function painter(t: TestContext, options: TestNodeOptions = {}): Promise<Painter> {
  const all = await publisher(t, options);
  const { hashGate } = all.node;
  const limits = { maxImageBytes: 50_000_000, minFreeBytes: 0, defaultQuotaBytes: 1_000_000_000, hashGate };
  return {
    ...all,
    post: async (owner, images, { isDraft = false, visibility = 'public', versionId = 0 } = {}) => {
      const draft = await createDraft(all.workAs(owner), { versionId });
      const imageIds: number[] = [];
      for (const { bytes, level = 1, altText = '' } of images) {
        const source = bytes ?? (await picture());
        const added = await addImage(all.workAs(owner), limits, { postId: draft.id, source, level, altText });
        imageIds.push(added.imageId);
      }
      const { em } = all.workAs(owner);
      await em.nativeUpdate('Post', { id: draft.id }, { visibility });
      if (!isDraft) await publishPost(all.workAs(owner), draft.id);
      await all.settle();
      return { postId: draft.id, imageIds };
    },
  };
}

/** Sends files to a form as a browser does. */
export function sendFiles(
  browser: Browser,
  path: string,
  files: readonly { bytes: Uint8Array; name: string }[],
  fields: Record<string, string> = {},
) {
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) body.append(name, value);
  for (const { bytes, name } of files) body.append('pictures', new Blob([new Uint8Array(bytes)]), name);
  return browser.postForm(path, body);
}

/** The bytes of an answer, which `Browser` reads as text. */
export async function bytesAt(
  browser: Browser,
  path: string,
): Promise<{ status: number; bytes: Buffer; headers: Headers }> {
  const cookie = [...browser.cookies].map((pair) => pair.join('=')).join('; ');
  const answer = await fetch(new URL(path, browser.address), { headers: { cookie } });
  return { status: answer.status, bytes: Buffer.from(await answer.arrayBuffer()), headers: answer.headers };
}

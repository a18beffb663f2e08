import assert from 'node:assert/strict';
import sharp from 'sharp';
import { Account } from '../../src/accounts/model.ts';
import type { Browser } from '../accounts/browser.ts';
import { kohyaLoraSd1 } from '../factories/safetensors.ts';
import { type Peer, settleAll } from './nodes.ts';

const INFOTEXT =
  'misty valley, ink wash\nNegative prompt: text\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 42, Size: 64x48';

/** Somebody of `away` finds an account of another server by its handle, and follows it. Returns its row there. */
export async function followAccount(
  away: Peer,
  browser: Browser,
  home: Pick<Peer, 'host'>,
  name: string,
  settled: readonly Peer[],
): Promise<Account> {
  const handle = `@${name}@${home.host}`;
  const found = await browser.get(`/search?q=${encodeURIComponent(handle)}`);
  assert.match(found.text, new RegExp(`/@${name}@${home.host}`), 'the search page finds the account of the other node');
  const account = await away.node.orm.em.fork().findOneOrFail(Account, { host: home.host, name });
  const answer = await browser.post(`/accounts/${account.id}/follow`, { on: '1' });
  assert.equal(answer.status, 302);
  await settleAll(...settled);
  return account;
}

/** Uploads a picture with its recipe and publishes it. Returns the id of the post. */
export async function postPicture(browser: Browser, peers: readonly Peer[], caption: string): Promise<number> {
  const bytes = await sharp({ create: { width: 64, height: 48, channels: 3, background: '#a04020' } })
    .png()
    .withExif({ IFD0: { ImageDescription: caption } })
    .toBuffer();
  const form = new FormData();
  form.append('files', new Blob([new Uint8Array(withText(bytes))]), 'valley.png');
  const uploaded = await browser.postForm('/upload/images', form);
  const [, id] = /\/posts\/(\d+)\/edit/.exec(uploaded.location) ?? [];
  assert.ok(id, `the picture was taken: ${uploaded.status} ${uploaded.text.slice(0, 300)}`);
  const page = await browser.get(`/posts/${id}/edit`);
  const [, imageId] = /name="rating-(\d+)"/.exec(page.text) ?? [];
  const published = await browser.post(`/posts/${id}/publication`, {
    ...{ title: 'Valley', caption, tags: 'landscape', visibility: 'public' },
    ...{ [`rating-${imageId}`]: '1', [`alt-${imageId}`]: 'A misty valley' },
  });
  assert.equal(published.status, 302, published.text.slice(0, 2000));
  await settleAll(...peers);
  return Number(id);
}

/** The generation data as A1111 writes it, in a tEXt chunk after the header. */
function withText(png: Buffer): Buffer {
  const data = Buffer.from(`tEXtparameters\0${INFOTEXT}`, 'latin1');
  const chunk = Buffer.alloc(data.length + 8);
  chunk.writeUInt32BE(data.length - 4, 0);
  data.copy(chunk, 4);
  chunk.writeUInt32BE(crc32(data), data.length + 4);
  return Buffer.concat([png.subarray(0, 33), chunk, png.subarray(33)]);
}

function crc32(bytes: Buffer): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

/** Uploads a LoRA and makes it public; `peers` settle, the node of the browser first. Returns the id of its version. */
export async function publishLora(
  browser: Browser,
  peers: readonly [Peer, ...Peer[]],
  fields: Readonly<Record<string, string>>,
): Promise<number> {
  const form = new FormData();
  form.append('files', new Blob([new Uint8Array(kohyaLoraSd1({ name: 'inkwash' }))]), 'inkwash.safetensors');
  const [, versionId] = /\/versions\/(\d+)\/edit/.exec((await browser.postForm('/upload', form)).location) ?? [];
  await settleAll(peers[0]);
  await browser.post(`/versions/${versionId}/edit`, {
    ...{ act: 'publish', type: 'LORA', versionName: 'v1.0', baseModel: 'SD 1.5' },
    ...fields,
  });
  await settleAll(...peers);
  return Number(versionId);
}

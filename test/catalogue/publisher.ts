import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { viewerOf } from '../../src/accounts/access/identify.ts';
import type { Account } from '../../src/accounts/model.ts';
import { attachFile } from '../../src/catalogue/uploads/take.ts';
import { Browser } from '../accounts/browser.ts';
import { givenMember } from '../factories/accounts.ts';
import { type TestNode, type TestNodeOptions, testNode } from '../node.ts';

export interface Publisher extends TestNode {
  readonly address: URL;
  readonly browser: Browser;
  readonly ada: Account;
  /** Somebody else, signed in too. */
  other(name?: string): Promise<{ browser: Browser; account: Account }>;
  /** A visitor. */
  readonly visitor: Browser;
  tus(browser?: Browser): Tus;
  /** Puts bytes into a version by the service, as commands do. */
  give(versionId: number, bytes: Uint8Array, fileName: string): Promise<void>;
}

/** A node with web and worker running, and Ada signed in, who may publish. */
export async function publisher(t: TestContext, options: TestNodeOptions = {}): Promise<Publisher> {
  const node = await testNode(t, options);
  const address = await node.start('web', 'worker');
  const browser = new Browser(address);
  const ada = await givenMember(node.em, 'ada');
  await browser.signIn('ada');
  return {
    ...node,
    address,
    browser,
    ada,
    visitor: new Browser(address),
    other: async (name = 'mallory') => {
      const account = await givenMember(node.em, name);
      const theirs = new Browser(address);
      await theirs.signIn(name);
      return { browser: theirs, account };
    },
    tus: (who = browser) => new Tus(address, who),
    give: async (versionId, bytes, fileName) => {
      const folder = await mkdtemp(join(tmpdir(), 'tessera-give-'));
      const path = join(folder, 'file');
      await writeFile(path, bytes);
      const work = node.node.openWork(viewerOf(ada));
      try {
        await attachFile(work, node.node.uploads, { path, fileName, totalBytes: bytes.length, versionId });
      } finally {
        await rm(folder, { recursive: true });
      }
    },
  };
}

export interface TusAnswer {
  readonly status: number;
  readonly text: string;
  readonly offset: number;
  /** Path of the new upload, or ''. */
  readonly location: string;
}

/** The tus protocol by hand (tus.io, 1.0.0), so that a test can stop anywhere. */
export class Tus {
  readonly #address: URL;
  readonly #browser: Browser;
  readonly #path: string;

  constructor(address: URL, browser: Browser, path = '/uploads/files') {
    this.#address = address;
    this.#browser = browser;
    this.#path = path;
  }

  create(totalBytes: number, fileName: string | Uint8Array, metadata: Record<string, string> = {}): Promise<TusAnswer> {
    const pairs = Object.entries(metadata).map(([key, value]) => `${key} ${Buffer.from(value).toString('base64')}`);
    const name = Buffer.from(fileName as string).toString('base64');
    return this.#send('POST', this.#path, {
      'upload-length': String(totalBytes),
      'upload-metadata': [`filename ${name}`, ...pairs].join(','),
    });
  }

  patch(path: string, offset: number, bytes: Uint8Array): Promise<TusAnswer> {
    const headers = { 'upload-offset': String(offset), 'content-type': 'application/offset+octet-stream' };
    return this.#send('PATCH', path, headers, bytes);
  }

  head(path: string): Promise<TusAnswer> {
    return this.#send('HEAD', path);
  }

  remove(path: string): Promise<TusAnswer> {
    return this.#send('DELETE', path);
  }

  /** The whole file; returns the path of the upload. */
  async send(bytes: Uint8Array, fileName: string, metadata: Record<string, string> = {}): Promise<string> {
    const { location } = await this.create(bytes.length, fileName, metadata);
    await this.patch(location, 0, bytes);
    return location;
  }

  async #send(
    method: string,
    path: string,
    headers: Record<string, string> = {},
    body?: Uint8Array,
  ): Promise<TusAnswer> {
    const cookie = [...this.#browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(new URL(path, this.#address), {
      method,
      headers: { 'tus-resumable': '1.0.0', 'sec-fetch-site': 'same-origin', cookie, ...headers },
      ...(body ? { body: new Uint8Array(body) } : {}),
    });
    return {
      status: response.status,
      text: await response.text(),
      offset: Number(response.headers.get('upload-offset') ?? -1),
      location: response.headers.get('location') ?? '',
    };
  }
}

export const idOf = (path: string): string => path.split('/').at(-1) ?? '';

import type { EntityManager } from '@mikro-orm/core';
import { t } from '../../kit/web/messages.ts';

export interface TakenBlob {
  readonly path: string;
  readonly sha256: string;
  readonly totalBytes: number;
  /** Where it is known already; else the bytes are read for it. */
  readonly crc32: number | null;
}

type LeftOut = 'model' | 'version' | 'file' | 'post' | 'image' | 'review' | 'comment' | 'collection' | 'bounty';

/** More lines are counted, and not written out. */
const MOST_LEFT_OUT = 500;

/** What is gathered of one account: which bytes belong to it, each once, and what stays behind. */
export class Gathering {
  readonly em: EntityManager;
  readonly origin: string;
  readonly host: string;
  readonly accountId: number;
  readonly blobs = new Map<string, TakenBlob>();
  readonly #leftOut: string[] = [];
  #leftOutCount = 0;

  constructor(em: EntityManager, origin: string, accountId: number) {
    this.em = em;
    this.origin = origin;
    this.host = new URL(origin).host;
    this.accountId = accountId;
  }

  /** Where these bytes stand in the archive. */
  take(folder: 'files' | 'images', sha256: string, totalBytes: number, ending: string, crc32: number | null): string {
    const known = this.blobs.get(sha256);
    const path = known?.path ?? `${folder}/${sha256}${ending}`;
    if (!known) this.blobs.set(sha256, { path, sha256, totalBytes, crc32 });
    return path;
  }

  leaveOut(kind: LeftOut, name: string): void {
    this.#leftOutCount += 1;
    if (this.#leftOut.length < MOST_LEFT_OUT)
      this.#leftOut.push(t(`export.left-out.${kind}`, { name: name.slice(0, 300) }));
  }

  /** Bytes that the store has no more. */
  lose({ path, sha256 }: TakenBlob): void {
    this.blobs.delete(sha256);
    this.leaveOut('file', path);
  }

  get leftOut(): string[] {
    const more = this.#leftOutCount - this.#leftOut.length;
    return more > 0 ? [...this.#leftOut, t('export.left-out.more', { n: more })] : [...this.#leftOut];
  }
}

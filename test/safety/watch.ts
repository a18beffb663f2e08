import { createHash } from 'node:crypto';
import { RecordedEvent } from '../../src/kit/events/model.ts';
import { zipOf } from '../../src/kit/web/download/zip.ts';
import { addBlock, type BlockReason, blockPicture } from '../../src/safety/hashes/blocks.ts';
import type { BlockKind } from '../../src/safety/hashes/model.ts';
import type { TestNode } from '../node.ts';

type Watched = Pick<TestNode, 'node' | 'workAs'>;

export const sha256Of = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

export const ban = ({ node, workAs }: Watched, bytes: Uint8Array, category: BlockReason['category'] = 'ncii') =>
  blockPicture(workAs(null), node.hashGate, bytes, { category });

export const banHash = ({ workAs }: Watched, kind: BlockKind, hash: string, category: BlockReason['category']) =>
  addBlock(workAs(null), { kind, hash, category });

interface HitFacts {
  door: string;
  verdict: string;
  accountId: number | null;
  targetKind: string | null;
  targetId: string | null;
  distance: number | null;
  blockId: string;
}

/** What the doors have announced, the oldest first. */
export async function hitsOf({ node }: Pick<TestNode, 'node'>): Promise<HitFacts[]> {
  const events = await node.orm.em.fork().find(RecordedEvent, { name: 'safety.hash-hit' }, { orderBy: { id: 1 } });
  return events.map(({ payload }) => payload as unknown as HitFacts);
}

/** Door and verdict of each. */
export const seenAt = async (node: Pick<TestNode, 'node'>): Promise<string[]> =>
  (await hitsOf(node)).map(({ door, verdict }) => `${door}: ${verdict}`);

export async function zipWith(files: Readonly<Record<string, Uint8Array | string>>): Promise<Buffer> {
  async function* each() {
    for (const [name, bytes] of Object.entries(files)) yield { name, bytes: Buffer.from(bytes) };
  }
  const parts: Buffer[] = [];
  for await (const part of zipOf(each())) parts.push(part);
  return Buffer.concat(parts);
}

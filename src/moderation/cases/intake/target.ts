import type { EntityManager } from '@mikro-orm/core';
import type { Manifest } from '../../../compute/training/model.ts';
import { fromJson, rows, toDate } from '../../../kit/database/sql.ts';
import type { PolicyTarget, PolicyTargetKind } from '../../../safety/policy.ts';
import type { Snapshot } from '../model/case.ts';

export interface Found {
  readonly target: PolicyTarget;
  readonly ownerId: number | null;
  readonly ownerHost: string;
  readonly snapshot: Snapshot;
}

const PATHS: readonly (readonly [RegExp, PolicyTargetKind])[] = [
  [/^\/models\/(\d{1,9})(?:\/|$)/, 'model'],
  [/^\/versions\/(\d{1,9})(?:\/|$)/, 'version'],
  [/^\/api\/download\/models\/(\d{1,9})$/, 'version'],
  [/^\/images\/(\d{1,9})(?:\/|$)/, 'image'],
  [/^\/media\/(?:\w+\/)?(\d{1,9})\.\w+$/, 'image'],
  [/^\/posts\/(\d{1,9})(?:\/|$)/, 'post'],
  [/^\/collections\/(\d{1,9})(?:\/|$)/, 'collection'],
];

interface ThingRow {
  id: number;
  title: string;
  owner_id: number;
  owner_name: string;
  owner_host: string;
  made_at: unknown;
}

const owned = (table: string, title: string, madeAt = 'x.created_at'): string =>
  `select x.id, ${title} as title, a.id as owner_id, a.name as owner_name, a.host as owner_host, ${madeAt} as made_at
   from ${table} x join account a on a.id = x.owner_id`;

const THINGS: Readonly<Record<PolicyTargetKind, string>> = {
  model: owned('model', 'x.name'),
  image: owned('image', 'x.alt_text'),
  post: owned('post', 'x.title'),
  collection: owned('collection', 'x.name'),
  version: `select x.id, m.name as title, a.id as owner_id, a.name as owner_name, a.host as owner_host, x.created_at as made_at
    from model_version x join model m on m.id = x.model_id join account a on a.id = m.owner_id`,
  account: `select x.id, x.display_name as title, x.id as owner_id, x.name as owner_name, x.host as owner_host, x.created_at as made_at
    from account x`,
};

const HASHES: Partial<Record<PolicyTargetKind, string>> = {
  model: `select f.sha256 from model_file f join model_version v on v.id = f.version_id where v.model_id = ? limit 50`,
  version: 'select f.sha256 from model_file f where f.version_id = ? limit 50',
  image: 'select i.sha256 from image i where i.id = ? and i.sha256 is not null',
  post: 'select i.sha256 from image i where i.post_id = ? and i.sha256 is not null limit 50',
};

/** Kinds whose remote ones are known by an address of elsewhere. */
const REMOTE: readonly PolicyTargetKind[] = ['model', 'image', 'post', 'collection', 'version', 'account'];
const WITH_PAGE: readonly PolicyTargetKind[] = ['model', 'post', 'account'];

/**
 * What an address stands for, public or not, kept or deleted: it is looked up by a job, and the claimant is not told
 * whether it was found. The address is compared, never fetched.
 */
export async function findTarget(em: EntityManager, address: string, publicUrl: URL): Promise<Found | null> {
  if (!URL.canParse(address, publicUrl.href)) return null;
  const url = new URL(address, publicUrl);
  if (url.host === publicUrl.host) return findOurs(em, url.pathname.replaceAll('%40', '@'));
  for (const kind of REMOTE) {
    const where = WITH_PAGE.includes(kind) ? '(x.uri = ? or x.url = ?)' : 'x.uri = ?';
    const values = WITH_PAGE.includes(kind) ? [address, address] : [address];
    const [row] = await rows<ThingRow>(em, `${THINGS[kind]} where ${where} limit 1`, values);
    if (row) return found(em, kind, row);
  }
  return null;
}

async function findOurs(em: EntityManager, path: string): Promise<Found | null> {
  const person = /^\/(?:@|users\/)([\w.-]{1,64})(?:@([\w.:-]{1,253}))?(?:\/|$)/.exec(path);
  if (person) {
    const [row] = await rows<ThingRow>(em, `${THINGS.account} where x.name = ? and x.host = ?`, [
      (person[1] ?? '').toLowerCase(),
      (person[2] ?? '').toLowerCase(),
    ]);
    return row ? found(em, 'account', row) : null;
  }
  for (const [pattern, kind] of PATHS) {
    const id = pattern.exec(path)?.[1];
    if (id) return findThing(em, { kind, id: Number(id) });
  }
  return null;
}

async function findThing(em: EntityManager, { kind, id }: PolicyTarget): Promise<Found | null> {
  const [row] = await rows<ThingRow>(em, `${THINGS[kind]} where x.id = ?`, [id]);
  return row ? found(em, kind, row) : null;
}

async function found(em: EntityManager, kind: PolicyTargetKind, row: ThingRow): Promise<Found> {
  const sql = HASHES[kind];
  const hashes = sql ? await rows<{ sha256: string }>(em, sql, [row.id]) : [];
  return {
    target: { kind, id: row.id },
    ownerId: row.owner_id,
    ownerHost: row.owner_host,
    snapshot: {
      title: row.title,
      ownerName: row.owner_name,
      madeAt: row.made_at == null ? null : toDate(row.made_at).toISOString(),
      hashes: hashes.map(({ sha256 }) => sha256),
    },
  };
}

/** The page of a thing, for those who may see it. */
export const pathOf = ({ kind, id }: PolicyTarget): string =>
  kind === 'account' ? `/admin/accounts/${id}` : `/${kind}s/${id}`;

/**
 * How many pictures among what this was trained on are these files, as they came or as they were stored? Looks into the
 * manifests of the runs that it came of, at most ten. What a claimant hears of it is in proof/prove.ts.
 */
export async function countTrainedOn(
  em: EntityManager,
  { kind, id }: PolicyTarget,
  hashes: readonly string[],
): Promise<number> {
  if (hashes.length === 0 || (kind !== 'model' && kind !== 'version')) return 0;
  const runs = await rows<{ manifest: unknown }>(
    em,
    `select r.manifest from training_run r where r.id in (
       select e.run_id from training_epoch e join model_version v on v.id = e.published_version_id
       where ${kind === 'model' ? 'v.model_id' : 'v.id'} = ?) limit 10`,
    [id],
  );
  const asked = new Set(hashes);
  const used = runs
    .flatMap(({ manifest }) => fromJson<Manifest>(manifest)?.items ?? [])
    .filter(({ sha256, originalSha256 }) => asked.has(sha256) || asked.has(originalSha256 ?? ''));
  return new Set(used.map(({ sha256 }) => sha256)).size;
}

/** The SHA-256 that stand in a text, each once. */
export const hashesIn = (text: string): string[] => [...new Set(text.toLowerCase().match(/\b[0-9a-f]{64}\b/g) ?? [])];

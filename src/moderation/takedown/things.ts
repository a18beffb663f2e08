import type { EntityManager } from '@mikro-orm/core';
import type { Concerned } from '../../compute/withhold.ts';
import { inList, rows } from '../../kit/database/sql.ts';
import type { PolicyTarget } from '../../safety/policy.ts';

/** What a target consists of. */
export interface Things {
  readonly versionIds: readonly number[];
  readonly modelIds: readonly number[];
  readonly postIds: readonly number[];
  readonly imageIds: readonly number[];
  readonly ownerIds: readonly number[];
}

async function idsBy(em: EntityManager, sql: string, values: readonly number[]): Promise<number[]> {
  return (await rows<{ id: number }>(em, sql, [...values])).map(({ id }) => id);
}

/** The rows of a target and of all that belongs to it: a model its versions, a post its pictures, an account everything. */
export async function thingsOf(em: EntityManager, { kind, id }: PolicyTarget): Promise<Things> {
  const modelIds =
    kind === 'model'
      ? [id]
      : kind === 'account'
        ? await idsBy(em, 'select id from model where owner_id = ? order by id', [id])
        : [];
  const versionIds =
    kind === 'version'
      ? [id]
      : await idsBy(em, `select id from model_version where model_id in (${inList(modelIds)}) order by id`, modelIds);
  const postIds =
    kind === 'post'
      ? [id]
      : kind === 'account'
        ? await idsBy(em, 'select id from post where owner_id = ? order by id', [id])
        : [];
  const imageIds =
    kind === 'image'
      ? [id]
      : kind === 'account'
        ? await idsBy(em, 'select id from image where owner_id = ? order by id', [id])
        : await idsBy(em, `select id from image where post_id in (${inList(postIds)}) order by id`, postIds);
  return { modelIds, versionIds, postIds, imageIds, ownerIds: await ownersOf(em, { kind, id }) };
}

async function ownersOf(em: EntityManager, { kind, id }: PolicyTarget): Promise<number[]> {
  if (kind === 'account') return [id];
  const sql =
    kind === 'version'
      ? 'select m.owner_id as id from model_version v join model m on m.id = v.model_id where v.id = ?'
      : `select owner_id as id from ${kind} where id = ?`;
  return idsBy(em, sql, [id]);
}

export interface Digests {
  /** Of whole files as they came. */
  readonly files: readonly string[];
  /** Of what follows a safetensors header. */
  readonly tensors: readonly string[];
  readonly pictures: readonly string[];
}

/** The hashes by which the bytes of these things are known, also when they lie in the vault already. */
export async function digestsOf(em: EntityManager, takedownId: string, things: Things): Promise<Digests> {
  const files = await rows<{ sha256: string; tensor_sha256: string | null }>(
    em,
    `select sha256, tensor_sha256 from model_file where version_id in (${inList(things.versionIds)}) and format <> 'Other'`,
    [...things.versionIds],
  );
  const pictures: { sha256: string }[] = [];
  for (const ids of batches(things.imageIds)) {
    pictures.push(
      ...(await rows<{ sha256: string }>(
        em,
        `select sha256 from image where id in (${inList(ids)}) and sha256 is not null`,
        ids,
      )),
    );
  }
  const vaulted = await rows<{ digest: string }>(
    em,
    `select digest from takedown_trace where takedown_id = ? and kind = 'image' and digest is not null`,
    [takedownId],
  );
  return {
    files: unique(files.map(({ sha256 }) => sha256)),
    tensors: unique(files.flatMap(({ tensor_sha256 }) => tensor_sha256 ?? [])),
    pictures: unique([...pictures.map(({ sha256 }) => sha256), ...vaulted.map(({ digest }) => digest)]),
  };
}

export const unique = <T>(values: readonly T[]): T[] => [...new Set(values)];

/** As many as one query takes as parameters with ease. */
const BATCH = 400;

export function batches<T>(values: readonly T[], size = BATCH): T[][] {
  const all: T[][] = [];
  for (let at = 0; at < values.length; at += size) all.push(values.slice(at, at + size));
  return all;
}

export const concernedBy = (target: PolicyTarget, things: Things, digests: Digests): Concerned => ({
  accountId: target.kind === 'account' ? target.id : null,
  versionIds: things.versionIds,
  sha256s: digests.pictures,
});

import type { EntityManager } from '@mikro-orm/core';
import { listEarly } from '../../catalogue/early/access.ts';
import { listLicensed } from '../../economy/licences/grants-of.ts';
import { fromJson, inList, rows, toBoolean } from '../../kit/database/sql.ts';
import type { Viewer } from '../../kit/work.ts';
import type { GenerationFile } from '../model.ts';
import type { ClosureResource } from './closure.ts';

/** Made from what was made from …: further back nobody looks. */
const MOST_GENERATIONS = 8;
const MOST_ANCESTORS = 500;

export interface LoadedResource extends ClosureResource {
  readonly sha256: string;
  /** Words that a model says of itself and is called by: they are read beside the prompt. */
  readonly words: readonly string[];
}

interface VersionRow {
  id: number;
  model_id: number;
  model_name: string;
  version_name: string;
  trained_words: unknown;
  type: string;
  level: number;
  owner_id: number;
  is_poi: unknown;
  is_minor: unknown;
  is_sfw_only: unknown;
  forbids_generation: unknown;
  restrictions: number;
}

type Ancestry = ReadonlyMap<number, readonly number[]>;

/** What the files of a request are, with what they inherit. `checkpoint` is the first. */
export async function loadClosure(
  em: EntityManager,
  viewer: Pick<Viewer, 'id' | 'permissions' | 'speaksFor'>,
  files: readonly GenerationFile[],
  now: Date,
): Promise<LoadedResource[]> {
  const sha256s = files.map(({ sha256 }) => sha256);
  const direct = files.flatMap(({ versionId }) => versionId ?? []);
  const parents = await loadAncestry(em, direct);
  const ids = [...new Set([...direct, ...parents.keys(), ...[...parents.values()].flat()])];
  const versions = new Map((await loadVersions(em, ids)).map((row) => [row.id, row]));
  const early = await listEarly(em, viewer, direct, now);
  const licensed = await listLicensed(em, viewer.id, versions.values(), now);
  const blocked = await findBlocked(em, sha256s);
  const folder = await rows<{ sha256: string }>(
    em,
    `select sha256 from folder_model where sha256 in (${inList(sha256s)})`,
    sha256s,
  );
  const known = await rows<{ sha256: string; version_id: number }>(
    em,
    `select sha256, version_id from model_file where sha256 in (${inList(sha256s)})`,
    sha256s,
  );
  return files.map((file, n): LoadedResource => {
    const own = file.versionId === null ? undefined : versions.get(file.versionId);
    const isStored = known.some(({ sha256, version_id: id }) => sha256 === file.sha256 && id === file.versionId);
    const isInFolder = file.versionId === null && folder.some(({ sha256 }) => sha256 === file.sha256);
    const ancestors = ancestorsOf(file.versionId, parents).flatMap((id) => versions.get(id) ?? []);
    const line = own ? [own, ...ancestors] : ancestors;
    return {
      ...{ name: file.title, sha256: file.sha256, isCheckpoint: n === 0 },
      isKnown: isStored || isInFolder,
      isBlocked: blocked.has(file.sha256),
      restrictions: own?.restrictions ?? 0,
      inheritedRestrictions: ancestors.reduce((sum, { restrictions }) => sum | restrictions, 0),
      isPoi: line.some((one) => toBoolean(one.is_poi)),
      isMinor: line.some((one) => toBoolean(one.is_minor)),
      isSfwOnly: own !== undefined && toBoolean(own.is_sfw_only),
      isServiceForbidden:
        own !== undefined &&
        toBoolean(own.forbids_generation) &&
        own.owner_id !== viewer.id &&
        !licensed.has(own.model_id),
      isEarly: file.versionId !== null && early.has(file.versionId),
      levels: own?.level ?? 0,
      words: [file.title, file.name, ...(own ? wordsOf(own) : [])],
    };
  });
}

const wordsOf = ({ model_name: model, version_name: version, trained_words: words }: VersionRow): string[] => [
  `${model} ${version}`,
  ...(fromJson<string[]>(words) ?? []),
];

function loadVersions(em: EntityManager, ids: readonly number[]): Promise<VersionRow[]> {
  const of = (kind: string, id: string) =>
    `coalesce((select s.restrictions from policy_state s where s.target_kind = '${kind}' and s.target_id = ${id}), 0)`;
  return rows<VersionRow>(
    em,
    `select v.id, v.model_id, v.name as version_name, v.trained_words, m.name as model_name, m.type, m.level, m.owner_id, m.is_poi,
       m.is_minor, m.is_sfw_only, m.forbids_generation,
       ${of('version', 'v.id')} | ${of('model', 'm.id')} | ${of('account', 'm.owner_id')} as restrictions
     from model_version v join model m on m.id = v.model_id where v.id in (${inList(ids)})`,
    ids,
  );
}

/** Parents of these versions and of their parents, by child; a parent may be known by the hash of its file only. */
async function loadAncestry(em: EntityManager, direct: readonly number[]): Promise<Ancestry> {
  const parents = new Map<number, number[]>();
  let level = [...new Set(direct)];
  for (let n = 0; n < MOST_GENERATIONS && level.length > 0 && parents.size < MOST_ANCESTORS; n += 1) {
    const found = await rows<{ child_id: number; parent_id: number }>(
      em,
      `select l.child_id, coalesce(l.parent_id, f.version_id) as parent_id from lineage l
         left join model_file f on l.parent_id is null and f.sha256 = l.parent_hash
       where l.child_id in (${inList(level)}) and (l.parent_id is not null or f.version_id is not null) limit ${MOST_ANCESTORS}`,
      level,
    );
    for (const id of level) parents.set(id, []);
    for (const { child_id: child, parent_id: parent } of found) parents.get(child)?.push(parent);
    level = [...new Set(found.map(({ parent_id: parent }) => parent))].filter((id) => !parents.has(id));
  }
  return parents;
}

function ancestorsOf(versionId: number | null, parents: Ancestry): number[] {
  const seen = new Set<number>();
  const open = versionId === null ? [] : [...(parents.get(versionId) ?? [])];
  for (let id = open.pop(); id !== undefined; id = open.pop()) {
    if (seen.has(id)) continue;
    seen.add(id);
    open.push(...(parents.get(id) ?? []));
  }
  return [...seen];
}

/** Those that the hash blocks know: by their bytes, or by the tensors under another header. */
async function findBlocked(em: EntityManager, sha256s: readonly string[]): Promise<ReadonlySet<string>> {
  const found = await rows<{ sha256: string }>(
    em,
    `select hash as sha256 from hash_block where lifted_at is null and kind = 'file' and hash in (${inList(sha256s)})
     union select f.sha256 from model_file f join hash_block b on b.kind = 'tensors' and b.hash = f.tensor_sha256
       where b.lifted_at is null and f.sha256 in (${inList(sha256s)})`,
    [...sha256s, ...sha256s],
  );
  return new Set(found.map(({ sha256 }) => sha256));
}

import type { EntityManager } from '@mikro-orm/core';
import { listEarly } from '../../catalogue/early/access.ts';
import { ancestorsOf, loadAncestry } from '../../catalogue/lineage/ancestry.ts';
import { type Line, loadLines } from '../../catalogue/lineage/load-terms.ts';
import { forbidsDeriving, forbidsGenerating, type Licensed } from '../../catalogue/lineage/terms.ts';
import { licencesFor, notFreedOf } from '../../economy/licences/grants-of.ts';
import { fromJson, inList, rows, toBoolean } from '../../kit/database/sql.ts';
import { t } from '../../kit/web/messages.ts';
import type { Viewer } from '../../kit/work.ts';
import type { GenerationFile } from '../model.ts';
import type { ClosureResource } from './closure.ts';

export interface LoadedResource extends ClosureResource {
  readonly sha256: string;
  /** Words that a model says of itself and is called by: they are read beside the prompt. */
  readonly words: readonly string[];
}

interface VersionRow {
  id: number;
  model_name: string;
  version_name: string;
  trained_words: unknown;
  type: string;
  level: number;
  is_poi: unknown;
  is_minor: unknown;
  is_sfw_only: unknown;
  restrictions: number;
}

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
  const lines = await loadLines(em, direct, now, parents);
  const ids = [...new Set([...direct, ...direct.flatMap((id) => ancestorsOf(id, parents))])];
  const versions = new Map((await loadVersions(em, ids)).map((row) => [row.id, row]));
  const early = await listEarly(em, viewer, direct, now);
  const held = await licencesFor(em, viewer.id, peopleOf(lines.values()), now);
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
    const its = file.versionId === null ? [] : ancestorsOf(file.versionId, parents);
    const ancestors = its.flatMap((id) => versions.get(id) ?? []);
    const terms = file.versionId === null ? undefined : lines.get(file.versionId);
    const people = terms ? peopleOf([terms]) : [];
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
      serviceForbiddenBy: whose(forbidsGenerating(notFreedOf(people, held.makes), viewer.id), file),
      derivativesForbiddenBy: whose(forbidsDeriving(notFreedOf(people, held.derives), viewer.id), file),
      isEarly: file.versionId !== null && early.has(file.versionId),
      levels: own?.level ?? 0,
      words: [file.title, file.name, ...(own ? wordsOf(own) : [])],
    };
  });
}

/** Whom the person is told of; null when nobody forbids it. One that is not public is not named. */
const whose = (by: Licensed | null, { versionId, title }: GenerationFile): string | null =>
  by && (by.versionId === versionId ? title : by.name || t('recipe.private'));

const peopleOf = (lines: Iterable<Line>): Licensed[] => [...lines].flatMap(({ own, ancestors }) => [own, ...ancestors]);

const wordsOf = ({ model_name: model, version_name: version, trained_words: words }: VersionRow): string[] => [
  `${model} ${version}`,
  ...(fromJson<string[]>(words) ?? []),
];

function loadVersions(em: EntityManager, ids: readonly number[]): Promise<VersionRow[]> {
  const of = (kind: string, id: string) =>
    `coalesce((select s.restrictions from policy_state s where s.target_kind = '${kind}' and s.target_id = ${id}), 0)`;
  return rows<VersionRow>(
    em,
    `select v.id, v.name as version_name, v.trained_words, m.name as model_name, m.type, m.level, m.is_poi,
       m.is_minor, m.is_sfw_only,
       ${of('version', 'v.id')} | ${of('model', 'm.id')} | ${of('account', 'm.owner_id')} as restrictions
     from model_version v join model m on m.id = v.model_id where v.id in (${inList(ids)})`,
    ids,
  );
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

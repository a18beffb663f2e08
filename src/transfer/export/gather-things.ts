import { Lineage, ModelFile, ModelVersion } from '../../catalogue/model.ts';
import type { COMMERCIAL_USES } from '../../catalogue/types.ts';
import { objectUri } from '../../federation/addresses.ts';
import { fromJson, inList, rows, toBoolean, toDateOrNull, toNumber } from '../../kit/database/sql.ts';
import { RESTRICTION } from '../../safety/policy.ts';
import { SHUT } from '../../safety/standing.ts';
import type { FileDoc, ImageDoc, ModelDoc, PostDoc, VersionDoc } from '../format.ts';
import type { Gathering } from './gather.ts';

const PAGE = 200;
/** Its bytes go to nobody, also not to who made it (DESIGN.md section 9, ruling 3). */
const NO_BYTES = SHUT | RESTRICTION.download;

const restrictionsOf = (kind: string, id: string): string =>
  `coalesce((select s.restrictions from policy_state s where s.target_kind = '${kind}' and s.target_id = ${id}), 0)`;
const isPinnedSql = (kind: 'model' | 'post', row: string): string =>
  `exists (select 1 from pin k where k.${kind}_id = ${row}.id and k.account_id = ${row}.owner_id)`;
const iso = (value: unknown): string | null => toDateOrNull(value)?.toISOString() ?? null;

/** Rows of one owner in the order of their ids, a page at a time. */
export async function* paged<Row extends { id: number | string }>(
  { em }: Pick<Gathering, 'em'>,
  select: (after: string) => string,
  ownerId: number,
  first: number | string = 0,
): AsyncGenerator<Row> {
  for (let after = first; ; ) {
    const found = await rows<Row>(em, `${select('?')} limit ${PAGE}`, [ownerId, after]);
    yield* found;
    const last = found.at(-1);
    if (!last || found.length < PAGE) return;
    after = last.id;
  }
}

interface ModelRow {
  id: number;
  [column: string]: unknown;
}

export async function* gatherModels(gathering: Gathering): AsyncGenerator<ModelDoc> {
  const { em, origin, accountId } = gathering;
  const select = (after: string) =>
    `select m.*, cast(m.allow_commercial_use as text) as uses, ${restrictionsOf('model', 'm.id')} as restrictions, ${isPinnedSql('model', 'm')} as is_pinned,
       (select count(*) from model_version v where v.model_id = m.id and v.state <> 'deleted') as versions
     from model m where m.owner_id = ? and m.id > ${after} and m.is_local and m.state <> 'deleted' order by m.id`;
  for await (const row of paged<ModelRow>(gathering, select, accountId)) {
    const restrictions = toNumber(row.restrictions);
    if ((restrictions & SHUT) !== 0) {
      gathering.leaveOut('model', String(row.name));
      continue;
    }
    const tags = await rows<{ name: string }>(
      em,
      'select t.name from model_tag x join tag t on t.id = x.tag_id where x.model_id = ? order by t.name',
      [row.id],
    );
    yield {
      uri: objectUri(origin, 'model', { id: row.id }),
      name: String(row.name),
      type: row.type as ModelDoc['type'],
      description: String(row.description),
      state: row.state as ModelDoc['state'],
      visibility: row.visibility as ModelDoc['visibility'],
      level: toNumber(row.level),
      tags: tags.map(({ name }) => name),
      licenseId: String(row.license_id),
      allowNoCredit: toBoolean(row.allow_no_credit),
      allowCommercialUse: fromJson<(typeof COMMERCIAL_USES)[number][]>(row.uses) ?? [],
      allowDerivatives: toBoolean(row.allow_derivatives),
      allowDifferentLicense: toBoolean(row.allow_different_license),
      forbidsGeneration: toBoolean(row.forbids_generation),
      isPoi: toBoolean(row.is_poi),
      isMinor: toBoolean(row.is_minor),
      isSfwOnly: toBoolean(row.is_sfw_only),
      isPinned: toBoolean(row.is_pinned),
      versions: await gatherVersions(gathering, row.id, String(row.name), restrictions),
    };
  }
}

async function gatherVersions(
  gathering: Gathering,
  modelId: number,
  modelName: string,
  ofModel: number,
): Promise<VersionDoc[]> {
  const em = gathering.em.fork();
  const options = { orderBy: { position: 1, id: -1 } } as const;
  const versions = await em.find(ModelVersion, { model: modelId, state: { $ne: 'deleted' } }, options);
  const ids = versions.map(({ id }) => id);
  const files = await em.find(ModelFile, { version: { $in: ids } }, { orderBy: { id: 1 } });
  const parents = await em.find(Lineage, { child: { $in: ids } }, { orderBy: { id: 1 } });
  const decided = await rows<{ id: number; restrictions: unknown }>(
    em,
    `select target_id as id, restrictions from policy_state where target_kind = 'version' and target_id in (${inList(ids)})`,
    ids,
  );
  const docs: VersionDoc[] = [];
  for (const version of versions) {
    const { id, name } = version;
    const own = toNumber(decided.find((row) => row.id === id)?.restrictions);
    if ((own & SHUT) !== 0) {
      gathering.leaveOut('version', `${modelName}, ${name}`);
      continue;
    }
    const isKept = ((ofModel | own) & NO_BYTES) === 0;
    docs.push({
      ...{ uri: objectUri(gathering.origin, 'version', { id }), name, baseModel: version.baseModel },
      ...{ changelog: version.changelog, trainedWords: version.trainedWords },
      trainingSettings: version.trainingSettings,
      clipSkip: version.clipSkip ?? null,
      recommendedWeight: version.recommendedWeight ?? null,
      state: version.state,
      publishedAt: version.publishedAt?.toISOString() ?? null,
      parents: parents
        .filter(({ child }) => child.id === id)
        .map(({ kind, parentName, parentHash, parentUri, parent, weight }) => ({
          ...{ kind, name: parentName, hash: parentHash ?? null, weight: weight ?? null },
          uri: parentUri ?? (parent ? objectUri(gathering.origin, 'version', { id: parent.id }) : null),
        })),
      files: files
        .filter((file) => file.version.id === id)
        .map((file) => fileDoc(gathering, file, isKept, `${modelName}, ${name}`)),
    });
  }
  return docs;
}

function fileDoc(gathering: Gathering, file: ModelFile, isKept: boolean, of: string): FileDoc {
  const { kind, sha256, totalBytes } = file;
  const name = file.originalName || file.name;
  // its bytes stand in the hash the other way round, as Civitai writes it
  const known = file.crc32 ? Buffer.from(file.crc32, 'hex').readUInt32LE(0) : null;
  const path = isKept && file.isStored ? gathering.take('files', sha256, totalBytes, endingOf(file.name), known) : null;
  if (path === null) gathering.leaveOut('file', `${of}: ${name}`);
  return { name, kind, totalBytes, sha256, path };
}

const endingOf = (name: string): string => /\.[a-z0-9]{1,12}$/i.exec(name)?.[0].toLowerCase() ?? '';

interface PostRow {
  id: number;
  [column: string]: unknown;
}

export async function* gatherPosts(gathering: Gathering): AsyncGenerator<PostDoc> {
  const { em, origin, accountId } = gathering;
  const select = (after: string) =>
    `select p.id, p.title, p.caption, p.state, p.visibility, p.published_at, p.version_id, v.uri as version_uri,
       ${restrictionsOf('post', 'p.id')} as restrictions, ${isPinnedSql('post', 'p')} as is_pinned
     from post p left join model_version v on v.id = p.version_id
     where p.owner_id = ? and p.id > ${after} and p.is_local and p.talk_kind is null and p.state <> 'deleted' order by p.id`;
  for await (const row of paged<PostRow>(gathering, select, accountId)) {
    if ((toNumber(row.restrictions) & SHUT) !== 0) {
      gathering.leaveOut('post', String(row.title) || objectUri(origin, 'post', { id: row.id }));
      continue;
    }
    const tags = await rows<{ name: string }>(
      em,
      'select t.name from post_tag x join tag t on t.id = x.tag_id where x.post_id = ? order by t.name',
      [row.id],
    );
    const version =
      row.version_id == null ? null : { id: toNumber(row.version_id), uri: row.version_uri as string | null };
    yield {
      uri: objectUri(origin, 'post', { id: row.id }),
      title: String(row.title),
      caption: String(row.caption),
      state: row.state as PostDoc['state'],
      visibility: row.visibility as PostDoc['visibility'],
      publishedAt: iso(row.published_at),
      isPinned: toBoolean(row.is_pinned),
      tags: tags.map(({ name }) => name),
      versionUri: version && objectUri(origin, 'version', version),
      images: await gatherImages(gathering, row.id),
    };
  }
}

export async function gatherImages(gathering: Gathering, postId: number): Promise<ImageDoc[]> {
  const { em, origin } = gathering;
  const images = await rows<{ id: number; [column: string]: unknown }>(
    em,
    `select i.id, i.sha256, i.total_bytes, i.media_type, i.level, i.alt_text, i.caption, i.is_recipe_hidden,
       cast(i.recipe as text) as recipe, ${restrictionsOf('image', 'i.id')} as restrictions
     from image i where i.post_id = ? and i.deleted_at is null order by i.position, i.id`,
    [postId],
  );
  const ids = images.map(({ id }) => id);
  const uses = await rows<{ image_id: number; [column: string]: unknown }>(
    em,
    `select u.image_id, u.kind, u.name, u.hash, u.weight, u.uri, u.version_id, v.uri as version_uri
     from resource_use u left join model_version v on v.id = u.version_id
     where u.image_id in (${inList(ids)}) order by u.image_id, u.position, u.id`,
    ids,
  );
  const docs: ImageDoc[] = [];
  for (const image of images) {
    const uri = objectUri(origin, 'image', { id: image.id });
    const sha256 = image.sha256 as string | null;
    if ((toNumber(image.restrictions) & SHUT) !== 0 || sha256 === null) {
      gathering.leaveOut('image', uri);
      continue;
    }
    const totalBytes = toNumber(image.total_bytes);
    const ending = `.${String(image.media_type).replace('image/', '').replace('jpeg', 'jpg')}`;
    docs.push({
      ...{ uri, sha256, totalBytes, path: gathering.take('images', sha256, totalBytes, ending, null) },
      level: toNumber(image.level),
      altText: String(image.alt_text),
      caption: String(image.caption),
      isRecipeHidden: toBoolean(image.is_recipe_hidden),
      recipe: fromJson<ImageDoc['recipe']>(image.recipe),
      resources: uses
        .filter((use) => use.image_id === image.id)
        .map((use) => ({
          kind: use.kind as ImageDoc['resources'][number]['kind'],
          name: String(use.name),
          hash: (use.hash as string | null) ?? null,
          weight: use.weight == null ? null : Number(use.weight),
          versionUri:
            use.version_id == null
              ? ((use.uri as string | null) ?? null)
              : objectUri(origin, 'version', { id: toNumber(use.version_id), uri: use.version_uri as string | null }),
        })),
    });
  }
  return docs;
}

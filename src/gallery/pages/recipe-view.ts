import { MODEL_AUDIENCE, modelAudienceParameters } from '../../catalogue/access.ts';
import { isFileHash } from '../../catalogue/files/by-hash.ts';
import { inList, rows, toBoolean } from '../../kit/database/sql.ts';
import { t } from '../../kit/web/messages.ts';
import type { Work } from '../../kit/work.ts';
import type { RESOURCE_KINDS } from '../model.ts';
import type { Recipe, Resource } from '../recipe/recipe.ts';
import { writeInfotext } from '../recipe/write.ts';
import type { Eyes } from '../views.ts';

/** A model, LoRA or embedding as `recipe.njk` draws it. */
interface ResourceView {
  readonly useId: string;
  readonly name: string;
  readonly version: string;
  readonly type: string;
  readonly weight: number | null;
  /** Null: not on this node yet. */
  readonly url: string | null;
  readonly hash: string;
  /** Where it may be found when it is not on this node; '' when nothing names it. */
  readonly findUrl: string;
  readonly image: { readonly id: number } | null;
}

export interface RecipeView {
  readonly prompt: string;
  readonly negativePrompt: string;
  readonly parameters: readonly { readonly label: string; readonly value: string }[];
  /** What the tool wrote besides, by its own names. */
  readonly others: readonly { readonly label: string; readonly value: string }[];
  readonly resources: readonly ResourceView[];
  readonly copyText: string;
  readonly workflowUrl: string;
  readonly remixUrl: string;
  readonly tool: string;
}

interface UseRow {
  image_id: number;
  id: string;
  kind: (typeof RESOURCE_KINDS)[number];
  name: string;
  hash: string | null;
  weight: number | null;
  uri: string | null;
  version_id: number | null;
  model_id: number | null;
  version_name: string | null;
  model_name: string | null;
  model_type: string | null;
  cover_id: number | null;
  /** The version that it is linked with, whoever may see that. */
  linked_id: number | null;
  is_manual: unknown;
  is_unlisted: unknown;
}

const ORDER = ['checkpoint', 'lora', 'locon', 'embedding', 'vae'];

/**
 * What a picture was made with. A model that this viewer may not see is neither named nor told by its hash (P11); one
 * that is unlisted is named as the file names it, and links nowhere. One query.
 */
export async function listUses(work: Pick<Work, 'em' | 'viewer'>, imageId: number, eyes: Eyes): Promise<UseRow[]> {
  return (await listUsesOf(work, [imageId], eyes)).get(imageId) ?? [];
}

const MOST_USES = 200;

/** The same for many pictures, by their ids. */
export async function listUsesOf(
  { em, viewer }: Pick<Work, 'em' | 'viewer'>,
  imageIds: readonly number[],
  eyes: Eyes,
): Promise<Map<number, UseRow[]>> {
  const found = await rows<UseRow>(
    em,
    `select r.image_id, r.id, r.kind, r.name, r.hash, r.weight, r.uri, v.id as version_id, m.id as model_id, v.name as version_name,
       m.name as model_name, m.type as model_type, c.id as cover_id, r.version_id as linked_id, r.is_manual,
       case when m.visibility = 'unlisted' and m.owner_id <> ? then 1 else 0 end as is_unlisted
     from resource_use r
       left join model_version v on v.id = r.version_id
       left join model m on m.id = v.model_id and (m.owner_id = ?
         or (v.state = 'published' and m.shown_at is not null and ${MODEL_AUDIENCE}))
       left join image c on c.id = m.cover_image_id and (c.level & ?) <> 0 and (c.level & ?) = 0
     where r.image_id in (${inList(imageIds)}) order by r.image_id, r.position, r.id limit ${MOST_USES * imageIds.length}`,
    [viewer?.id ?? 0, viewer?.id ?? 0, ...modelAudienceParameters(viewer), eyes.levels, eyes.blurLevels, ...imageIds],
  );
  const place = ({ kind }: UseRow) => (ORDER.indexOf(kind) + ORDER.length + 1) % (ORDER.length + 1);
  const uses = new Map<number, UseRow[]>();
  for (const row of found.map(withoutSecrets).sort((a, b) => place(a) - place(b))) {
    const list = uses.get(row.image_id);
    if (!list) uses.set(row.image_id, [row]);
    else if (list.length < MOST_USES) list.push(row);
  }
  return uses;
}

/** One that was named by hand, and whose model was taken back, has that model's name and no word of the file. */
const isSecret = (row: Pick<UseRow, 'linked_id' | 'model_id' | 'is_manual'>): boolean =>
  row.linked_id === null ? toBoolean(row.is_manual) : row.model_id === null;

const withoutSecrets = (row: UseRow): UseRow =>
  isSecret(row) ? { ...row, name: t('recipe.private'), hash: null, uri: null } : row;

const isLinked = (row: UseRow): boolean => row.model_id !== null && !toBoolean(row.is_unlisted);

const resourceView = (row: UseRow): ResourceView => ({
  useId: row.id,
  name: isLinked(row) ? (row.model_name ?? '') : row.name || t('recipe.unnamed'),
  version: isLinked(row) ? (row.version_name ?? '') : '',
  type: row.model_type ?? t(`resource.${row.kind}`),
  weight: row.weight,
  url: isLinked(row) ? `/models/${row.model_id}?version=${row.version_id}` : null,
  hash: row.hash ?? '',
  findUrl: findUrlOf(row),
  image: row.cover_id !== null && isLinked(row) ? { id: row.cover_id } : null,
});

/** By its hash; by its address, where another node said only that. One that is here is not looked for. */
function findUrlOf({ linked_id: linkedId, hash, uri }: UseRow): string {
  if (linkedId !== null) return '';
  if (hash !== null && isFileHash(hash)) return `/hashes/${hash}`;
  return uri === null ? '' : `/search?q=${encodeURIComponent(uri)}`;
}

/** Some tools write whole graphs among their settings; a table is no place for them. */
const LONGEST_OTHER = 300;

export function recipeView(
  recipe: Recipe | null,
  uses: readonly UseRow[],
  { imageId, hasWorkflow, canRemix }: { imageId: number; hasWorkflow: boolean; canRemix: boolean },
): RecipeView {
  const others = Object.entries(recipe?.others ?? {});
  const said = recipe && uses.some((use) => use.kind === 'checkpoint' && isSecret(use)) ? unnamed(recipe) : recipe;
  return {
    prompt: recipe?.prompt ?? '',
    negativePrompt: recipe?.negativePrompt ?? '',
    parameters: said ? parametersOf(said, uses) : [],
    others: others
      .filter(([, value]) => value.length <= LONGEST_OTHER)
      .slice(0, 60)
      .map(([label, value]) => ({ label, value })),
    resources: uses.map(resourceView),
    copyText: said ? writeInfotext(said, uses.filter((use) => !isSecret(use)).map(resourceOf)) : '',
    workflowUrl: hasWorkflow ? `/images/${imageId}/workflow.json` : '',
    remixUrl: recipe && canRemix ? `/generate?remix=${imageId}` : '',
    tool: recipe?.tool ?? '',
  };
}

/** For programs: the recipe and what was used, without a word of a model that whoever asks may not see. */
export function withoutSecretNames(
  recipe: Recipe,
  uses: readonly UseRow[],
): { readonly recipe: Recipe; readonly resources: readonly Resource[] } {
  const isUnnamed = uses.some((use) => use.kind === 'checkpoint' && isSecret(use));
  return {
    recipe: isUnnamed ? unnamed(recipe) : recipe,
    resources: uses.filter((use) => !isSecret(use)).map(resourceOf),
  };
}

const unnamed = ({ modelName: _name, modelHash: _hash, ...recipe }: Recipe): Recipe => recipe;

const resourceOf = ({ kind, name, hash, weight, uri }: UseRow): Resource => ({
  // infotext has no other word for what it does not know
  kind: kind === 'other' ? 'checkpoint' : kind,
  name,
  ...(hash ? { hash } : {}),
  ...(weight === null ? {} : { weight }),
  ...(uri ? { uri } : {}),
});

function parametersOf(recipe: Recipe, uses: readonly UseRow[]): { label: string; value: string }[] {
  const has = (kind: string) => uses.some((use) => use.kind === kind);
  const size = recipe.width && recipe.height ? `${recipe.width} × ${recipe.height}` : undefined;
  const values: [string, string | number | undefined][] = [
    ['model', has('checkpoint') ? undefined : recipe.modelName],
    ['sampler', recipe.sampler],
    ['scheduler', recipe.scheduler],
    ['steps', recipe.steps],
    ['cfg-scale', recipe.cfgScale],
    ['guidance', recipe.guidance],
    ['seed', recipe.seed],
    ['size', size],
    ['clip-skip', recipe.clipSkip],
    ['denoising', recipe.denoisingStrength],
    ['hires-upscale', recipe.hiresUpscale],
    ['hires-steps', recipe.hiresSteps],
    ['hires-upscaler', recipe.hiresUpscaler],
    ['vae', has('vae') ? undefined : recipe.vae],
    ['version', recipe.version],
  ];
  return values.flatMap(([key, value]) =>
    value === undefined || value === '' ? [] : [{ label: t(`parameter.${key}`), value: String(value) }],
  );
}

/** Tags of a post, for its page. */
export async function listTagLinks(em: Work['em'], postId: number): Promise<{ label: string; href: string }[]> {
  const found = await rows<{ name: string }>(
    em,
    'select t.name from post_tag x join tag t on t.id = x.tag_id where x.post_id = ? order by t.name',
    [postId],
  );
  return found.map(({ name }) => ({ label: name, href: `/tags/${encodeURIComponent(name)}` }));
}

import { createModel } from '../../catalogue/create.ts';
import { deleteModel } from '../../catalogue/delete.ts';
import { saveVersion, VersionForm } from '../../catalogue/edit.ts';
import { loadLines } from '../../catalogue/lineage/load-terms.ts';
import { recordMade } from '../../catalogue/lineage/made.ts';
import { effectiveTerms, type Terms } from '../../catalogue/lineage/terms.ts';
import { type Model, ModelVersion } from '../../catalogue/model.ts';
import { publishVersion } from '../../catalogue/publish.ts';
import { COMMERCIAL_USES } from '../../catalogue/types.ts';
import type { Uploads } from '../../catalogue/uploads/uploads.ts';
import { AppError } from '../../kit/errors.ts';
import { t } from '../../kit/web/messages.ts';
import type { Work } from '../../kit/work.ts';
import { attachBlob } from '../attach-blob.ts';
import { areFirstOutputs, watchFirstOutputs } from '../gates/first-outputs.ts';
import { versionIdsOf } from '../standing.ts';
import { loraName } from '../training/command.ts';
import type { PublishForm } from '../training/publish.ts';
import { sharesOf } from './command.ts';
import { loadOwnMerged } from './keep.ts';
import type { MergeRun } from './model.ts';

interface PublishDeps {
  readonly uploads: Uploads;
  readonly uploadsDir: string;
  readonly allowedLevels: number;
}

/**
 * A merge becomes a version of a new model: the file, the recipe in the version's table, the edges to its parents, and
 * the terms that all of these leave. Throws `conflict` when it was published already, and what the catalogue refuses;
 * then no half of it stays.
 */
export async function publishMerge(
  work: Work,
  deps: PublishDeps,
  mergeId: string,
  form: ReturnType<(typeof PublishForm)['parse']>,
): Promise<{ readonly versionId: number; readonly modelId: number }> {
  const { run, sha256 } = await loadOwnMerged(work, mergeId);
  if (run.publishedVersion) throw new AppError('conflict', 'This merge was published already.');
  if ((form.rating & deps.allowedLevels) === 0) {
    const message = 'This node does not take that rating.';
    throw new AppError('invalid', message, { fields: { rating: message } });
  }
  const fresh = (): Work => ({ ...work, em: work.em.fork() });
  const type = run.kind === 'checkpoint' ? 'Checkpoint' : 'LORA';
  const version = await createModel(fresh(), { type, baseModel: run.baseModel, versionName: form.versionName });
  const modelId = version.model.id;
  try {
    const terms = await termsLeft(work, run);
    const words = { name: form.name, description: form.description, versionName: form.versionName };
    await saveVersion(
      fresh(),
      version.id,
      VersionForm.parse({
        ...{ ...words, ...flagsOf(terms), ...(await inherited(work, run)) },
        ...{ type, level: String(form.rating), baseModel: run.baseModel, settings: recipeText(run) },
      }),
    );
    // what was trained on somebody alike is looked at under another name, too
    if (await areFirstOutputs(work.em, versionIdsOf(run.parts))) await watchFirstOutputs(fresh().em, version.id);
    const shares = sharesOf(run.parts, run.params);
    const sources = run.parts.map((part, n) => ({ ...part, kind: 'merged_from' as const, weight: shares[n] ?? null }));
    await recordMade(fresh().em, version.id, sources);
    const fileName = `${loraName(run.name)}.safetensors`;
    await attachBlob(fresh(), deps, { id: run.id, sha256, totalBytes: run.totalBytes, fileName }, version.id);
    if (form.act === 'publish') await publishVersion(fresh(), version.id);
  } catch (error) {
    await deleteModel(fresh(), modelId);
    throw error;
  }
  run.publishedVersion = work.em.getReference(ModelVersion, version.id, { wrapped: true });
  await work.em.flush();
  return { versionId: version.id, modelId };
}

/** What all parents leave to whoever merged them, who grants nothing that they do not. */
async function termsLeft({ em, now }: Pick<Work, 'em' | 'now'>, { parts, owner }: MergeRun): Promise<Terms> {
  const lines = await loadLines(em, versionIdsOf(parts), now());
  const everything = {
    ...{
      versionId: 0,
      modelId: 0,
      ownerId: owner.id,
      name: '',
      href: '',
      isDeriveBarred: false,
      isSaleBarred: false,
    },
    ...{ allowNoCredit: true, allowDerivatives: true, allowDifferentLicense: true, forbidsGeneration: false },
    uses: [...lines.values()].length < parts.length ? [] : COMMERCIAL_USES.filter((use) => use !== 'None'),
  };
  const parents = [...lines.values()].flatMap(({ own, ancestors }) => [own, ...ancestors]);
  return effectiveTerms(everything, parents).terms;
}

const flagsOf = (terms: Terms) => ({
  allowNoCredit: terms.allowNoCredit ? '1' : '',
  allowDerivatives: terms.allowDerivatives ? '1' : '',
  allowDifferentLicense: terms.allowDifferentLicense ? '1' : '',
  forbidsGeneration: terms.forbidsGeneration ? '1' : '',
  allowCommercialUse: [...terms.uses],
});

/** What a parent depicts the merge can depict. */
async function inherited({ em }: Pick<Work, 'em'>, { parts }: MergeRun) {
  const parents = await em.find(ModelVersion, { id: { $in: versionIdsOf(parts) } }, { populate: ['model'] });
  const some = (is: (model: Model) => boolean) => (parents.some(({ model }) => is(model.$)) ? '1' : '');
  return {
    isPoi: some(({ isPoi }) => isPoi),
    isMinor: some(({ isMinor }) => isMinor),
    isSfwOnly: some(({ isSfwOnly }) => isSfwOnly),
  };
}

/** Key and value on a line each, as the form of a version has it. */
function recipeText(run: MergeRun): string {
  return recipeFacts(run)
    .map(([key, value]) => `${key}: ${value}`)
    .join('\n');
}

/** How it was merged, for tables. */
export function recipeFacts({ parts, params }: Pick<MergeRun, 'parts' | 'params'>): (readonly [string, string])[] {
  const shares = sharesOf(parts, params);
  const blocks = Object.entries(params.blocks).map(([name, weight]) => `${name} ${weight}`);
  return [
    [t('merge.fact.method'), t(`merge.method.${params.method}`)],
    ...parts.map(
      ({ title }, n) => [t('merge.fact.model', { letter: 'ABC'[n] ?? '' }), `${title} × ${shares[n]}`] as const,
    ),
    ...(blocks.length > 0 ? [[t('merge.fact.blocks'), blocks.join(', ')] as const] : []),
    [t('merge.fact.precision'), params.dtype],
    ...(params.rank === null ? [] : [[t('merge.fact.rank'), String(params.rank)] as const]),
  ];
}

/** What the form proposes; its owner may change every word. */
export const proposedDescription = (run: MergeRun): string =>
  recipeFacts(run)
    .map(([key, value]) => `- ${key}: ${value}`)
    .join('\n');

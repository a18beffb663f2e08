import { can } from '../../accounts/permissions.ts';
import { rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import type { FormState } from '../../kit/web/forms.ts';
import { t } from '../../kit/web/messages.ts';
import type { PageHead } from '../../kit/web/views.ts';
import type { Work } from '../../kit/work.ts';
import { RATINGS, ratingLabel } from '../../safety/ratings.ts';
import { settingsText } from '../edit.ts';
import { type Detection, familyOf, isAdapter } from '../files/detect.ts';
import { LICENSES } from '../licences.ts';
import { type ConflictView, conflictViews } from '../lineage/conflict-view.ts';
import { parentText } from '../lineage/edit-parents.ts';
import { loadEffective } from '../lineage/load-terms.ts';
import { BaseModel, LINEAGE_KINDS, Lineage, MODEL_VISIBILITIES, ModelFile, type ModelVersion } from '../model.ts';
import { loadOwnVersion } from '../own.ts';
import { listModelTags } from '../tags.ts';
import { COMMERCIAL_USES, FILE_KINDS, MODEL_TYPES } from '../types.ts';
import { Upload } from '../uploads/model.ts';

interface Option {
  readonly value: string;
  readonly label: string;
}

interface DetectedFact {
  readonly label: string;
  readonly value: string;
  readonly from: string;
}

export interface PendingUpload {
  readonly id: string;
  readonly name: string;
  readonly totalBytes: number;
  readonly percent: number;
  readonly state: Upload['state'];
  readonly message: string | null;
  readonly url: string | null;
}

interface EditorFile {
  readonly id: number;
  readonly name: string;
  readonly kind: string;
  readonly format: string;
  readonly precision: string;
  readonly totalBytes: number;
  readonly privateKeys: readonly string[];
}

export interface EditorPage {
  readonly modelId: number;
  readonly versionId: number;
  readonly title: string;
  readonly state: ModelVersion['state'];
  readonly publishAt: string;
  readonly pageUrl: string;
  readonly versions: readonly { readonly label: string; readonly href: string; readonly current: boolean }[];
  readonly uploads: readonly PendingUpload[];
  /** A file is being read and the form would be filled in: it waits. */
  readonly isWaiting: boolean;
  readonly isBusy: boolean;
  readonly files: readonly EditorFile[];
  readonly detected: readonly DetectedFact[];
  readonly warnings: readonly string[];
  readonly values: Readonly<Record<string, string | boolean | readonly string[]>>;
  readonly parents: readonly { readonly kind: string; readonly text: string; readonly weight: string }[];
  /** What this node made it from, which nobody edits. */
  readonly made: readonly { readonly how: string; readonly name: string; readonly href: string }[];
  readonly conflicts: readonly ConflictView[];
  readonly hasCover: boolean;
  readonly options: Readonly<
    Record<
      'type' | 'baseModel' | 'licenseId' | 'level' | 'visibility' | 'use' | 'parentKind' | 'fileKind',
      readonly Option[]
    >
  >;
  readonly errors: Readonly<Record<string, string>>;
  readonly message: string | null;
  readonly page: PageHead;
}

const plain = (names: readonly string[]): Option[] => names.map((name) => ({ value: name, label: name }));

/** The form of a version with what its files say. `form` holds what was typed when it was refused. */
export async function loadEditor(
  work: Pick<Work, 'em' | 'viewer' | 'now'>,
  versionId: number,
  form: FormState | null = null,
): Promise<EditorPage> {
  const { em, viewer } = work;
  if (!can(viewer, 'publish')) throw new AppError('forbidden', 'You may not publish on this node.');
  // before the version: what is no upload any more has filled in the version already
  const uploads = await em.find(Upload, { version: versionId }, { orderBy: { createdAt: 1 } });
  const version = await loadOwnVersion(work, versionId);
  const model = version.model.$;
  const [files, bases, edges, tags] = [
    await em.find(ModelFile, { version }, { orderBy: { isPrimary: -1, id: 1 } }),
    await em.find(BaseModel, { isHidden: false }, { orderBy: { position: 1, name: 1 } }),
    await em.find(Lineage, { child: version }, { orderBy: { id: 1 } }),
    await listModelTags(em, model.id),
  ];
  const siblings = await rows<{ id: number; name: string }>(
    em,
    `select id, name from model_version where model_id = ? and state <> 'deleted' order by position, id desc`,
    [model.id],
  );
  const primary = files.find(({ isPrimary }) => isPrimary) ?? files[0];
  const detection = (primary?.facts ?? null) as Detection | null;
  const typed = form?.message ? form.values : null;
  const said = {
    name: model.name,
    type: model.type,
    description: model.description,
    tags: tags.join(', '),
    licenseId: model.licenseId,
    allowNoCredit: model.allowNoCredit,
    allowCommercialUse: model.allowCommercialUse,
    allowDerivatives: model.allowDerivatives,
    allowDifferentLicense: model.allowDifferentLicense,
    forbidsGeneration: model.forbidsGeneration,
    isPoi: model.isPoi,
    isMinor: model.isMinor,
    isSfwOnly: model.isSfwOnly,
    level: String(model.level),
    visibility: model.visibility,
    versionName: version.name,
    baseModel: version.baseModel,
    trainedWords: version.trainedWords.join('\n'),
    changelog: version.changelog,
    clipSkip: version.clipSkip == null ? '' : String(version.clipSkip),
    recommendedWeight: version.recommendedWeight == null ? '' : String(version.recommendedWeight),
    settings: settingsText(version.trainingSettings),
  };
  const effective = await loadEffective(em, versionId, work.now());
  const parents = edges
    .filter(({ basis }) => basis !== 'made')
    .map((edge) => ({
      kind: edge.kind as string,
      text: parentText({
        parentId: edge.parent?.id ?? null,
        parentHash: edge.parentHash ?? null,
        parentName: edge.parentName,
      }),
      weight: edge.weight == null ? '' : String(edge.weight),
    }));
  const isBusy = uploads.some(({ state }) => state === 'receiving' || state === 'hashing' || state === 'ready');
  return {
    modelId: model.id,
    versionId,
    title: model.name || t('editor.untitled'),
    state: version.state,
    publishAt: version.publishAt?.toISOString().slice(0, 16) ?? '',
    pageUrl: `/models/${model.id}?version=${versionId}`,
    versions: siblings.map(({ id, name }) => ({
      label: name,
      href: `/versions/${id}/edit`,
      current: id === versionId,
    })),
    uploads: uploads.map(pendingView),
    isWaiting: isBusy && files.length === 0 && version.state === 'draft' && typed === null,
    isBusy,
    files: files.map(({ id, name, kind, format, precision, totalBytes, facts }) => {
      const { privateKeys = [] } = (facts ?? {}) as Partial<Detection>;
      return { id, name, kind, format, precision, totalBytes, privateKeys };
    }),
    detected: detection ? factsOf(detection) : [],
    warnings: detection ? warningsOf(detection, typed ? { ...said, ...typed } : said) : [],
    values: typed ? { ...blankFlags, ...typed } : said,
    parents: typed ? typedParents(typed) : parents,
    made: edges.filter(({ basis }) => basis === 'made').map(madeView),
    conflicts: conflictViews(effective?.conflicts ?? []),
    hasCover: model.coverImageId != null,
    options: {
      type: plain(MODEL_TYPES),
      baseModel: [
        { value: '', label: t('editor.choose') },
        ...plain([...new Set([...bases.map(({ name }) => name), version.baseModel].filter((name) => name !== ''))]),
      ],
      licenseId: [
        { value: '', label: t('editor.no-licence') },
        ...LICENSES.map(([value, label]) => ({ value, label })),
      ],
      level: RATINGS.map((level) => ({ value: String(level), label: `${ratingLabel(level)}: ${t(`level.${level}`)}` })),
      visibility: MODEL_VISIBILITIES.map((value) => ({ value, label: t(`visibility.model.${value}`) })),
      use: COMMERCIAL_USES.filter((use) => use !== 'None').map((use) => ({ value: use, label: t(`use.${use}`) })),
      parentKind: LINEAGE_KINDS.map((kind) => ({ value: kind, label: t(`lineage.${kind}`) })),
      fileKind: plain(FILE_KINDS),
    },
    errors: form?.errors ?? {},
    message: form?.message ?? null,
    page: { title: model.name || t('editor.untitled'), noindex: true },
  };
}

/** A box that is not ticked is not sent. */
const blankFlags = {
  allowNoCredit: false,
  allowCommercialUse: [],
  allowDerivatives: false,
  allowDifferentLicense: false,
  forbidsGeneration: false,
  isPoi: false,
  isMinor: false,
  isSfwOnly: false,
};

const madeView = ({ kind, parent, parentName, parentHash }: Lineage): EditorPage['made'][number] => ({
  how: t(`lineage.${kind}`),
  name: parent ? `/versions/${parent.id}` : parentName || (parentHash ?? ''),
  href: parent ? `/versions/${parent.id}` : '',
});

function typedParents(typed: FormState['values']) {
  const listOf = (value: string | string[] | undefined) => (value === undefined ? [] : [value].flat());
  const [kinds, weights] = [listOf(typed.parentKind), listOf(typed.parentWeight)];
  return listOf(typed.parentText).flatMap((text, n) =>
    text.trim() === '' ? [] : [{ kind: kinds[n] ?? '', text, weight: weights[n] ?? '' }],
  );
}

export function pendingView(upload: Upload): PendingUpload {
  const { id, fileName, totalBytes, receivedBytes, state } = upload;
  const percent = state === 'receiving' ? Math.floor((100 * receivedBytes) / Math.max(1, totalBytes)) : 100;
  return {
    id,
    name: fileName,
    totalBytes,
    percent,
    state,
    message: upload.message ?? null,
    url: upload.duplicateUrl ?? null,
  };
}

function factsOf(detection: Detection): DetectedFact[] {
  const facts: DetectedFact[] = [];
  const add = (key: string, fact: { value: unknown; from: string } | null) => {
    if (fact) facts.push({ label: t(`detected.${key}`), value: shown(fact.value), from: fact.from });
  };
  add('type', detection.type);
  add('base-model', detection.baseModel);
  add('adapter', detection.adapter);
  add('rank', detection.rank);
  add('alpha', detection.alpha);
  add('precision', detection.precision);
  add('prediction', detection.predictionType);
  add('words', detection.triggerWords);
  add('title', detection.title);
  add('author', detection.author);
  add('licence', detection.license);
  for (const { value, from } of detection.lineage) {
    add('parent', { value: `${t(`lineage.${value.kind}`)} ${value.name || (value.hash ?? '')}`, from });
  }
  return facts;
}

const shown = (value: unknown): string => (Array.isArray(value) ? value.join(', ') : String(value)).slice(0, 300);

/** What the file says against what the person says. The person's word stands (spec/model-files.md). */
function warningsOf(
  detection: Detection,
  { type, baseModel }: { readonly type?: unknown; readonly baseModel?: unknown },
): string[] {
  const warnings = [...detection.warnings];
  const found = detection.type?.value;
  const adapters = found !== undefined && isAdapter(found) && ['LORA', 'LoCon', 'DoRA'].includes(String(type));
  if (found !== undefined && found !== type && !adapters) {
    warnings.push(t('editor.type-differs', { found, from: detection.type?.from ?? '', chosen: String(type) }));
  }
  const base = detection.baseModel?.value;
  if (base !== undefined && baseModel && familyOf(base) !== familyOf(String(baseModel))) {
    warnings.push(
      t('editor.base-differs', { found: base, from: detection.baseModel?.from ?? '', chosen: String(baseModel) }),
    );
  }
  return warnings;
}

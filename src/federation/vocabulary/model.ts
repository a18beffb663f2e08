import { z } from 'zod';
import { AppError } from '../../kit/errors.ts';
import { toDigestMultibase } from '../multibase.ts';
import type { ApObject } from '../normalise.ts';
import { isSameOrigin, readLink, valuesOf } from '../origin.ts';
import type { Document } from './context.ts';
import {
  detailsField,
  type FileDetails,
  type ModelDetails,
  readFileDetails,
  readModelDetails,
  readVersionDetails,
  type VersionDetails,
} from './details.ts';
import { type NoteView, noteFields, parseNote, type ReadingOptions, type RemoteNote } from './note.ts';
import { buildPicture, Hashes, type PictureView, readDigest, readRating } from './picture.ts';
import { htmlOf, integerOf, jsonOf, linkOf, objectsOf, stringsOf, textOf, timeOf, totalOf, uriOf } from './read.ts';

/** A model is a Note that every server can show, with a `model` block beside it that servers of our kind read. */
export interface ModelView extends NoteView {
  readonly title: string;
  /** At most 4 are shown in timelines. */
  readonly previews: readonly PictureView[];
  /** Civitai's spelling: `Checkpoint`, `LORA`, … */
  readonly modelType: string;
  /** SPDX id, or another short name. */
  readonly licenseId: string | null;
  readonly permissions: Permissions;
  readonly versions: readonly VersionView[];
  readonly downloadCount?: number;
  /** The actor that tells of new versions; only of what is public. */
  readonly feedUri?: string | null;
  readonly details?: ModelDetails | null;
}

export interface VersionView {
  readonly uri: string;
  readonly versionName: string;
  readonly baseModel: string | null;
  readonly trainedWords: readonly string[];
  readonly publishedAt: Date | null;
  readonly changelogHtml: string;
  readonly files: readonly FileView[];
  readonly details?: VersionDetails | null;
}

export interface FileView {
  /** The download route of its own node. */
  readonly url: string;
  readonly name: string;
  readonly totalBytes: number | null;
  /** In hexadecimal, by `sha256`, `autov1`, `autov2`, `autov3`, `tensor`, `blake3`, `crc32`. */
  readonly hashes: Readonly<Record<string, string>>;
  readonly details?: FileDetails | null;
}

const flag = z.boolean().optional().catch(undefined);
const Permissions = z.object({
  commercialUse: z.array(z.string().max(40)).max(10).optional().catch(undefined),
  derivatives: flag,
  differentLicence: flag,
  creditRequired: flag,
  /** False: other nodes do not generate with it on their engines. */
  generation: flag,
});
type Permissions = z.output<typeof Permissions>;

const MOST_PREVIEWS = 4;
const MOST_VERSIONS = 200;
const MOST_FILES = 40;
const MOST_TOTAL_BYTES = 2 ** 50;

export function buildModel(view: ModelView): Document {
  return {
    ...noteFields(view, 'Model'),
    name: view.title,
    ...(view.feedUri == null ? {} : { feed: view.feedUri }),
    attachment: view.previews.slice(0, MOST_PREVIEWS).map((one) => buildPicture(one, 'Document')),
    model: {
      type: 'tessera:Model',
      modelType: view.modelType,
      ...(view.licenseId === null ? {} : { licenseId: view.licenseId }),
      rating: view.rating,
      ...(view.downloadCount === undefined ? {} : { downloads: view.downloadCount }),
      permissions: view.permissions,
      ...detailsField(view.details),
      versions: view.versions.map(buildVersion),
    },
  };
}

/** The Note that tells timelines of a new version; the version itself is in the model's document. */
export function buildVersionNote(view: NoteView & { readonly title: string; readonly modelUri: string }): Document {
  return { ...noteFields(view, 'ModelVersion'), name: view.title, attachment: [], context: view.modelUri };
}

function buildVersion(view: VersionView): Document {
  return {
    id: view.uri,
    type: 'tessera:ModelVersion',
    versionName: view.versionName,
    ...(view.baseModel === null ? {} : { baseModel: view.baseModel }),
    trainedWords: view.trainedWords,
    ...(view.publishedAt === null ? {} : { published: view.publishedAt.toISOString() }),
    ...(view.changelogHtml === '' ? {} : { content: view.changelogHtml }),
    ...detailsField(view.details),
    // Never under `attachment`: Pixelfed refuses the post, Mastodon shows a broken file.
    files: view.files.map(({ url, name, totalBytes, hashes, details }) => ({
      type: 'Document',
      name,
      mediaType: 'application/octet-stream',
      url,
      ...(totalBytes === null ? {} : { size: totalBytes }),
      ...(hashes.sha256 === undefined ? {} : { digestMultibase: toDigestMultibase(hashes.sha256) }),
      hashes,
      ...detailsField(details),
    })),
  };
}

export interface RemoteModel extends RemoteNote {
  readonly modelType: string;
  readonly licenseId: string | null;
  readonly permissions: Permissions;
  readonly versions: readonly VersionView[];
  /** As its home counts; a claim. */
  readonly claimedDownloadCount: number | null;
  /** The actor that tells of it, on its own host. */
  readonly feedUri: string | null;
  readonly details?: ModelDetails;
}

/** Throws `malformed` when it is no model. Versions and files on other hosts than the model's are left out. */
export function parseModel(object: ApObject, options: ReadingOptions): RemoteModel {
  const note = parseNote(object, options);
  const [model] = objectsOf(object, 'model', 1);
  const modelType = model ? textOf(model, 'modelType', 40) : null;
  if (note.kind !== 'Model' || !model || modelType === null) throw new AppError('malformed', 'This is not a model.');
  return {
    ...note,
    title: note.title ?? 'Untitled',
    modelType,
    rating: readRating(model) ?? note.rating,
    licenseId: textOf(model, 'licenseId', 80),
    feedUri: ownFeed(object, note.uri, options.ownOrigin),
    permissions: jsonOf(model, 'permissions', Permissions) ?? {},
    claimedDownloadCount: totalOf(model, 'downloads'),
    ...readModelDetails(model),
    versions: objectsOf(model, 'versions', MOST_VERSIONS).flatMap((one) => readVersion(one, note.uri, options) ?? []),
  };
}

function ownFeed(object: ApObject, modelUri: string, ownOrigin: string): string | null {
  const uri = uriOf(object, 'feed', ownOrigin);
  return isSameOrigin(uri, modelUri, ownOrigin) ? uri : null;
}

function readVersion(version: ApObject, modelUri: string, { ownOrigin, now }: ReadingOptions): VersionView | null {
  if (version.id === undefined || !isSameOrigin(version.id, modelUri, ownOrigin)) return null;
  return {
    uri: version.id,
    versionName: textOf(version, 'versionName', 80) ?? 'Version',
    baseModel: textOf(version, 'baseModel', 80),
    trainedWords: stringsOf(version, 'trainedWords', 100, 200),
    publishedAt: timeOf(version, 'published', now),
    changelogHtml: htmlOf(version, 'content', 20_000),
    ...readVersionDetails(version),
    files: objectsOf(version, 'files', MOST_FILES).flatMap((one) => readFile(one, modelUri) ?? []),
  };
}

/** A file on a third host is nobody's word here; the name is text and no path (X09). */
function readFile(file: ApObject, modelUri: string): FileView | null {
  const url = linkOf(file, 'url');
  if (url === null || readLink(modelUri) === null || new URL(url).host !== new URL(modelUri).host) return null;
  const name = (textOf(file, 'name', 200) ?? 'file').replace(/^.*[\\/]/, '').replace(/^\.+/, '') || 'file';
  const hashes = jsonOf(file, 'hashes', Hashes) ?? {};
  const sha256 = hashes.sha256 ?? readDigest(file);
  return {
    url,
    name,
    totalBytes: integerOf(file, 'size', 0, MOST_TOTAL_BYTES),
    hashes: sha256 === null ? hashes : { ...hashes, sha256 },
    ...readFileDetails(file),
  };
}

/** True for objects that `parseModel` reads. */
export function isModel(object: ApObject): boolean {
  return valuesOf(object, 'kind')[0] === 'Model' && valuesOf(object, 'model').length === 1;
}

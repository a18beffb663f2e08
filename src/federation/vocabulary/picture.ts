import { z } from 'zod';
import { fromDigestMultibase, toDigestMultibase } from '../multibase.ts';
import type { ApObject } from '../normalise.ts';
import { readId, valuesOf } from '../origin.ts';
import type { Document } from './context.ts';
import { detailsField, type PictureDetails, readPictureDetails } from './details.ts';
import { integerOf, jsonOf, linkOf, numberOf, objectsOf, textOf, uriOf } from './read.ts';

/** An image as an attachment: what is seen, how it was made, and with which models. */
export interface PictureView {
  /** Its own id, where its server gives one: what likes and comments of the one picture name. */
  readonly uri?: string | null;
  /** Where the bytes are. */
  readonly url: string;
  readonly mediaType: string;
  readonly alt: string;
  readonly widthPx: number | null;
  readonly heightPx: number | null;
  readonly blurhash: string | null;
  /** Of the bytes at `url`, in hexadecimal. */
  readonly sha256: string | null;
  /** Civitai's bits; null when unknown. */
  readonly rating: number | null;
  readonly generation: Generation | null;
  readonly resources: readonly ResourceUse[];
  readonly details?: PictureDetails | null;
}

/** One model that took part. `versionUri` is null when only its hash is known. */
interface ResourceUse {
  readonly versionUri: string | null;
  readonly name: string | null;
  /** `checkpoint`, `lora`, …; null where the peer does not say. */
  readonly kind?: string | null;
  readonly weight: number | null;
  readonly hashes: Readonly<Record<string, string>>;
}

const figure = (least: number, most: number) => z.number().min(least).max(most).optional().catch(undefined);
const text = (most: number) => z.string().max(most).optional().catch(undefined);

export const MOST_PROMPT_CHARACTERS = 50_000;

/** Seeds are text: 64 bits do not fit a JSON number. Unknown keys are kept in the stored original, not here. */
export const Generation = z.object({
  tool: text(80),
  prompt: text(MOST_PROMPT_CHARACTERS),
  negativePrompt: text(MOST_PROMPT_CHARACTERS),
  seed: z
    .union([z.string().regex(/^-?\d{1,20}$/), z.int().transform(String)])
    .optional()
    .catch(undefined),
  steps: z.int().min(0).max(100_000).optional().catch(undefined),
  sampler: text(80),
  scheduler: text(80),
  cfg: figure(-1_000, 1_000),
  widthPx: z.int().min(1).max(1_000_000).optional().catch(undefined),
  heightPx: z.int().min(1).max(1_000_000).optional().catch(undefined),
  clipSkip: z.int().min(0).max(24).optional().catch(undefined),
  guidance: figure(-1_000, 1_000),
  denoisingStrength: figure(0, 10),
  hiresUpscale: figure(0, 100),
  hiresSteps: z.int().min(0).max(100_000).optional().catch(undefined),
  hiresUpscaler: text(200),
  modelName: text(400),
  modelHash: text(80),
  vae: text(400),
  vaeHash: text(80),
  version: text(200),
  /** Everything else, by the tool's own names. */
  others: z
    .record(z.string().max(200), z.string().max(20_000))
    .refine((record) => Object.keys(record).length <= 200)
    .optional()
    .catch(undefined),
});
export type Generation = z.output<typeof Generation>;

const HASH_NAMES = ['sha256', 'autov1', 'autov2', 'autov3', 'tensor', 'blake3', 'crc32'] as const;
export const Hashes = z
  .record(z.string(), z.unknown())
  // a kind of hash that is not known here costs nothing but itself
  .transform((hashes): Record<string, string> => {
    const known = HASH_NAMES.flatMap((name) => {
      const hash = hashes[name];
      return typeof hash === 'string' && /^[0-9a-f]{8,64}$/i.test(hash) ? [[name, hash.toLowerCase()] as const] : [];
    });
    return Object.fromEntries(known);
  });

/** Pixelfed refuses sides above this (spec section 5), so a larger size is left unsaid. */
const LONGEST_SIDE_PX = 5_000;
const BLURHASH = /^[0-9A-Za-z#$%*+,\-.:;=?@[\]^_{|}~]{6,164}$/;
const SHOWN_TYPES: ReadonlySet<string> = new Set(['image/png', 'image/jpeg', 'image/webp', 'image/avif', 'image/gif']);
const MOST_RESOURCES = 60;

export function buildPicture(view: PictureView, type: 'Image' | 'Document'): Document {
  const { widthPx, heightPx } = view;
  const fits = widthPx !== null && heightPx !== null && Math.max(widthPx, heightPx) <= LONGEST_SIDE_PX;
  return {
    ...(view.uri == null ? {} : { id: view.uri }),
    type,
    mediaType: view.mediaType,
    url: view.url,
    ...(view.alt === '' ? {} : { name: view.alt }),
    ...(fits ? { width: widthPx, height: heightPx } : {}),
    ...(view.blurhash === null ? {} : { blurhash: view.blurhash }),
    ...(view.sha256 === null ? {} : { digestMultibase: toDigestMultibase(view.sha256) }),
    ...(view.rating === null ? {} : { rating: view.rating }),
    ...(view.generation === null ? {} : { generation: view.generation }),
    ...(view.resources.length === 0 ? {} : { resources: view.resources.map(buildResource) }),
    ...detailsField(view.details),
  };
}

function buildResource({ versionUri, name, kind, weight, hashes }: ResourceUse): Document {
  return {
    type: 'tessera:ResourceUse',
    ...(versionUri === null ? {} : { model: versionUri }),
    ...(name === null ? {} : { name }),
    ...(kind == null ? {} : { kind }),
    ...(weight === null ? {} : { weight }),
    ...(Object.keys(hashes).length === 0 ? {} : { hashes }),
  };
}

/**
 * The pictures of a post: its attachments, where files of other kinds and broken links are left out. Where there are none,
 * what stands for it: the object itself when it is a picture, the lead picture of an Article or Page (WordPress,
 * Lemmy), the still of a Video (PeerTube), what the short form of an article shows (FEP-b2b8).
 */
export function readPictures(object: ApObject, most: number, ownOrigin: string): PictureView[] {
  const attached = readAll(objectsOf(object, 'attachment', 200), ownOrigin);
  if (attached.length > 0) return attached.slice(0, most);
  if (object.type === 'Image' || object.type === 'Document') return readAll([object], ownOrigin);
  const lead = readAll(picturesUnder(object, 'image'), ownOrigin).slice(0, 1);
  if (lead.length > 0) return lead;
  if (object.type === 'Video') return readStill(object, ownOrigin);
  const [preview] = objectsOf(object, 'preview', 1);
  return preview ? readAll(objectsOf(preview, 'attachment', 200), ownOrigin).slice(0, most) : [];
}

const readAll = (found: readonly ApObject[], ownOrigin: string): PictureView[] =>
  found
    .filter(({ type }) => type === 'Image' || type === 'Document')
    .flatMap((one) => readPicture(one, ownOrigin) ?? []);

/** Objects, or bare addresses. */
const picturesUnder = (object: ApObject, key: string): ApObject[] =>
  valuesOf(object, key).flatMap((value) => {
    if (typeof value === 'string') return [{ type: 'Image', url: [value] }];
    return typeof value === 'object' ? [value] : [];
  });

/** The largest of the stills; its words are the video's title. */
function readStill(object: ApObject, ownOrigin: string): PictureView[] {
  const [largest] = readAll(picturesUnder(object, 'icon'), ownOrigin).sort(
    (a, b) => (b.widthPx ?? 0) - (a.widthPx ?? 0),
  );
  return largest ? [{ ...largest, alt: largest.alt || (textOf(object, 'name', 2_000) ?? '') }] : [];
}

function readPicture(attachment: ApObject, ownOrigin: string): PictureView | null {
  const url = linkOf(attachment, 'url') ?? linkOf(attachment, 'href');
  const mediaType = (textOf(attachment, 'mediaType', 100) ?? linkTypeOf(attachment) ?? 'image/jpeg').toLowerCase();
  if (url === null || !SHOWN_TYPES.has(mediaType)) return null;
  const blurhash = textOf(attachment, 'blurhash', 200);
  return {
    ...(readId(attachment.id, ownOrigin) === null ? {} : { uri: attachment.id ?? null }),
    url,
    mediaType,
    // GoToSocial puts the alt text into `summary`.
    alt: textOf(attachment, 'name', 2_000) ?? textOf(attachment, 'summary', 2_000) ?? '',
    widthPx: integerOf(attachment, 'width', 1, 65_536),
    heightPx: integerOf(attachment, 'height', 1, 65_536),
    blurhash: blurhash !== null && BLURHASH.test(blurhash) ? blurhash : null,
    sha256: readDigest(attachment),
    rating: readRating(attachment),
    generation: jsonOf(attachment, 'generation', Generation),
    resources: objectsOf(attachment, 'resources', MOST_RESOURCES).map((resource) => ({
      versionUri: readId(uriOf(resource, 'model', ownOrigin), ownOrigin)?.href ?? null,
      name: textOf(resource, 'name', 200),
      ...kindOf(resource),
      weight: numberOf(resource, 'weight', -100, 100),
      hashes: jsonOf(resource, 'hashes', Hashes) ?? {},
    })),
    ...readPictureDetails(attachment),
  };
}

/** The kind of file that the first link leads to. */
function linkTypeOf(attachment: ApObject): string | null {
  const [link] = objectsOf(attachment, 'url', 1);
  return link ? textOf(link, 'mediaType', 100) : null;
}
const kindOf = (resource: ApObject): { kind?: string } => {
  const kind = textOf(resource, 'kind', 40);
  return kind === null ? {} : { kind };
};

export function readDigest(object: ApObject): string | null {
  return fromDigestMultibase(textOf(object, 'digestMultibase', 128) ?? '');
}

/** Any combination of PG 1, PG-13 2, R 4, X 8, XXX 16. */
export function readRating(object: ApObject): number | null {
  return integerOf(object, 'rating', 1, 31);
}

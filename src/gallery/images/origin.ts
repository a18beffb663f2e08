import { type ImageText, readBlocks, readImageTexts } from '../../kit/storage/carriers/read.ts';
import { inspectImage, readMetadataBlocks } from '../../kit/storage/images.ts';
import { findingsOf } from '../recipe/tools.ts';

// Where a picture seems to come from, by what its file says of itself. The file is a stranger's: whoever wants to can
// take this out or write it in, so it is a hint for people and for later checks, and no proof of anything.

export const ORIGINS = ['camera', 'phone', 'edited', 'generated', 'unknown'] as const;
export type Origin = (typeof ORIGINS)[number];

export const isPhotograph = (origin: Origin): boolean => origin === 'camera' || origin === 'phone';

/** EXIF tags that describe an exposure or a lens (Exif 3.0, 4.6.5): exposure time, aperture, ISO, focal length, lens. */
const EXPOSURE_TAGS = [0x829a, 0x829d, 0x8827, 0x9201, 0x9202, 0x920a, 0xa405, 0xa432, 0xa433, 0xa434];

const PHONE_MAKERS =
  /^(apple|samsung|google|xiaomi|redmi|poco|huawei|honor|oneplus|oppo|vivo|realme|motorola|nothing|lge?|htc|nokia|hmd|fairphone|meizu|zte|asus|tecno|infinix)\b/i;
const PHONE_MODELS = /^(iphone|ipad|pixel|sm-|galaxy|redmi|xq-|moto)/i;
/** They made phones and cameras under one name. */
const CAMERA_MODELS = /^(nx\d|ex\d|wb\d|st\d|ek-gc)/i;
const CAMERA_MAKERS =
  /^(canon|nikon|sony|fujifilm|olympus|om digital|panasonic|leica|pentax|ricoh|hasselblad|sigma|gopro|dji|kodak|eastman kodak|casio|minolta|konica|phase one|mamiya|contax|polaroid|insta360|kyocera|sanyo|epson)\b/i;
const EDITORS =
  /photoshop|lightroom|gimp|affinity|capture one|snapseed|vsco|picsart|pixelmator|krita|paint\.net|luminar|darktable|rawtherapee|picasa|canva|facetune|photoscape|acdsee|dxo|clip studio|procreate/i;
/** IPTC's digital source types, as XMP and C2PA manifests name them; they stand uncompressed in the file. */
const SOURCE_TYPES: readonly (readonly [string, Origin])[] = [
  ['compositeWithTrainedAlgorithmicMedia', 'edited'],
  ['trainedAlgorithmicMedia', 'generated'],
  ['digitalCapture', 'camera'],
];
/** No camera needs more to say who made it; what image tools write into these fields is longer, or JSON. */
const MOST_NAME_CHARS = 64;

/** Never throws for what a file holds; `unknown` is what says nothing. */
export async function originOf(original: Uint8Array): Promise<Origin> {
  const { texts, exifTags } = await readTexts(original);
  const stated = SOURCE_TYPES.find(([name]) => holds(original, texts, name))?.[1] ?? null;
  const device = deviceOf(texts, exifTags);
  // what a camera wrote counts more than a recipe beside it: a recipe is easily pasted into a photograph
  if (device) return device;
  if (stated) return stated;
  if (findingsOf(texts).length > 0) return 'generated';
  const programs = texts.filter(({ key }) => key === 'Software' || key === 'CreatorTool');
  return programs.some(({ text }) => EDITORS.test(text.slice(0, 200))) ? 'edited' : 'unknown';
}

async function readTexts(original: Uint8Array): Promise<Pick<ReturnType<typeof readImageTexts>, 'texts' | 'exifTags'>> {
  const { format } = await inspectImage(original);
  if (format !== 'avif') return readImageTexts(original);
  const { exif, xmp } = await readMetadataBlocks(original);
  return readBlocks(exif, xmp);
}

const holds = (original: Uint8Array, texts: readonly ImageText[], word: string): boolean =>
  Buffer.from(original.buffer, original.byteOffset, original.byteLength).includes(word, 0, 'latin1') ||
  texts.some(({ text }) => text.includes(word));

function deviceOf(texts: readonly ImageText[], exifTags: ReadonlySet<number>): 'camera' | 'phone' | null {
  const nameIn = (wanted: string): string => {
    const text = texts.find(({ carrier, key }) => carrier === 'exif' && key === wanted)?.text.trim() ?? '';
    // ComfyUI's WebP keeps `prompt:{…}` and `workflow:{…}` in these tags
    return text.length > MOST_NAME_CHARS || text.includes('{') ? '' : text;
  };
  const [make, model] = [nameIn('Make'), nameIn('Model')];
  if (make === '' && model === '') return null;
  const isPhone = PHONE_MODELS.test(model) || (PHONE_MAKERS.test(make) && !CAMERA_MODELS.test(model));
  const isExposed = EXPOSURE_TAGS.some((tag) => exifTags.has(tag));
  if (!isExposed && !isPhone && !CAMERA_MAKERS.test(make)) return null;
  return isPhone ? 'phone' : 'camera';
}

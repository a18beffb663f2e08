import { loadSize } from '../../gallery/images/serve.ts';
import { AppError } from '../../kit/errors.ts';
import { plainPng } from '../../kit/storage/images-plain.ts';
import type { Work } from '../../kit/work.ts';
import type { Ask } from '../operation/define.ts';
import { loadVersion } from '../v1/models/versions.ts';
import type { VersionDetail } from '../v1/shapes.ts';

// What programs look for beside a model's file (spec/civitai-api.md 2.7): `name.civitai.info`, which is what the API says
// of the version, and `name.preview.png`.

interface Sidecar {
  /** The file's name without its ending, as the programs want it. */
  readonly stem: string;
  readonly version: VersionDetail;
}

/** Throws `malformed`, `not_found`, `gone`, `withheld`. */
export async function loadSidecar(ask: Ask, versionId: string): Promise<Sidecar> {
  const version = await loadVersion(ask, versionId);
  const file = version.files.find(({ primary }) => primary) ?? version.files[0];
  return { version, stem: (file?.name ?? `version-${version.id}`).replace(/\.[A-Za-z0-9]{1,12}$/, '') };
}

const MOST_SIDE = 640;
const MOST_BYTES = 20_000_000;

/** The first picture of the version that whoever asks may be given, drawn anew. Throws `not_found` where there is none. */
export async function drawPreview(
  work: Pick<Work, 'em' | 'viewer' | 'files'>,
  version: VersionDetail,
): Promise<Buffer> {
  const nothing = () => new AppError('not_found', 'This version has no picture.');
  const imageId = Number(/\/(\d+)\.\w+$/.exec(version.images[0]?.url ?? '')?.[1] ?? 0);
  if (imageId === 0) throw nothing();
  const found = await loadSize(work, imageId, '640', 'webp');
  if (!('sha256' in found) || found.totalBytes > MOST_BYTES) throw nothing();
  const pieces: Buffer[] = [];
  for await (const piece of work.files.open(found.sha256)) pieces.push(piece as Buffer);
  return (await plainPng(Buffer.concat(pieces), MOST_SIDE)).png;
}

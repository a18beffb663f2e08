import type { EngineCaps, EngineHello, KnownFiles } from '../engine/protocol.ts';
import { infotextName } from '../models/infotext-name.ts';

/** A file that a server lists. */
export interface ListedFile {
  /** How a request names it. */
  readonly name: string;
  /** Null where it tells none. */
  readonly sha256: string | null;
}

const MOST_LISTED = 5_000;
const SHARED = /(?:^|\/)([0-9a-f]{64})\.safetensors$/;
const baseOf = (name: string): string => name.replaceAll('\\', '/').split('/').at(-1) ?? name;

/** A name that is a path into the folder of this node holds the hash: nothing else is called so. */
export const listedFile = (name: string, sha256: string | null = null): ListedFile => ({
  name,
  sha256: SHARED.exec(name.replaceAll('\\', '/'))?.[1] ?? sha256,
});

/** The listed file that is meant: the same bytes, or else one that is called the same. */
export function findListed(
  listed: readonly ListedFile[],
  { sha256, name }: { readonly sha256?: string | undefined; readonly name?: string | undefined },
): ListedFile | null {
  const same = listed.find((one) => one.sha256 !== null && one.sha256 === sha256);
  // a file whose hash is known and differs is another one, whatever it is called
  return same ?? listed.find((one) => one.sha256 === null && name !== undefined && isCalled(one.name, name)) ?? null;
}

const isCalled = (listed: string, name: string): boolean =>
  infotextName(baseOf(listed)).toLowerCase() === name.toLowerCase();

export function knownFiles(listed: readonly ListedFile[]): KnownFiles {
  const few = listed.slice(0, MOST_LISTED);
  return {
    sha256: [...new Set(few.flatMap(({ sha256 }) => sha256 ?? []))],
    names: [...new Set(few.flatMap(({ name, sha256 }) => (sha256 === null ? baseOf(name).toLowerCase() : [])))],
  };
}

const family = (label: string, baseModel: string, size: number) => ({
  ...{ label, base_model: baseModel, default_size: size },
  ...{ min_size: 64, max_size: 2048, size_step: 8, max_pixels: 2048 * 2048 },
});
/** What our forms and recipes can describe; these programs can run more. */
const FAMILIES = {
  sd15: family('Stable Diffusion 1.5', 'SD 1.5', 512),
  sdxl: family('Stable Diffusion XL', 'SDXL 1.0', 1024),
};

interface Abilities {
  readonly program: string;
  readonly device: EngineHello['device'];
  readonly tasks: readonly string[];
  readonly samplers: readonly string[];
  readonly schedules: readonly string[];
  readonly features: readonly string[];
  readonly upscalers: readonly string[];
  readonly files: KnownFiles | null;
  readonly rng: readonly string[];
}

/** What a server says of itself, in the words of our own engine. */
export function helloOf({ program, device, files, ...can }: Abilities): EngineHello {
  const caps: EngineCaps = {
    families: FAMILIES,
    tasks: [...can.tasks],
    samplers: [...can.samplers],
    schedules: [...can.schedules],
    sampler_schedules: {},
    max_pixels: 2048 * 2048,
    features: [...can.features],
    upscalers: [...can.upscalers],
    formats: ['png'],
    rng: [...can.rng],
    optimizers: [],
    training: {},
    merging: {},
    files,
  };
  return { t: 'hello', proto: [1], engine: program, program, device, caps };
}

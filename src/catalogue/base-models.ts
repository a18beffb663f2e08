import type { EntityManager } from '@mikro-orm/core';
import { rows } from '../kit/database/sql.ts';

/** Civitai's spellings, which clients parse, by ecosystem (spec/civitai-api.md 2.6), in the order of the form. */
const BASE_MODELS: Readonly<Record<string, readonly string[]>> = {
  sd1: ['SD 1.5', 'SD 1.4', 'SD 1.5 LCM', 'SD 1.5 Hyper'],
  sd2: ['SD 2.1', 'SD 2.0', 'SD 2.1 768'],
  sdxl: ['SDXL 1.0', 'SDXL Lightning', 'SDXL Hyper', 'SDXL Turbo', 'SDXL 1.0 LCM', 'SDXL 0.9'],
  pony: ['Pony'],
  auraflow: ['Pony V7', 'AuraFlow'],
  illustrious: ['Illustrious'],
  noobai: ['NoobAI'],
  sd3: ['SD 3.5 Large', 'SD 3.5 Large Turbo', 'SD 3.5 Medium', 'SD 3.5', 'SD 3'],
  flux1: ['Flux.1 D', 'Flux.1 S', 'Flux.1 Krea', 'Flux.1 Kontext'],
  flux2: ['Flux.2 D', 'Flux.2 Klein 9B', 'Flux.2 Klein 4B'],
  chroma: ['Chroma'],
  qwen: ['Qwen'],
  zimage: ['ZImageTurbo', 'ZImageBase'],
  hidream: ['HiDream'],
  lumina: ['Lumina'],
  hunyuanvideo: ['Hunyuan Video'],
  hydit1: ['Hunyuan 1'],
  kolors: ['Kolors'],
  pixarta: ['PixArt a', 'PixArt E'],
  playgroundv2: ['Playground v2'],
  scascade: ['Stable Cascade'],
  svd: ['SVD', 'SVD XT'],
  wan: [
    'Wan Video',
    'Wan Video 1.3B t2v',
    'Wan Video 14B t2v',
    'Wan Video 14B i2v 480p',
    'Wan Video 14B i2v 720p',
    'Wan Video 2.2 TI2V-5B',
    'Wan Video 2.2 I2V-A14B',
    'Wan Video 2.2 T2V-A14B',
  ],
  ltxv: ['LTXV'],
  mochi: ['Mochi'],
  cogvideox: ['CogVideoX'],
  other: ['Other'],
};

const SEEDED: ReadonlySet<string> = new Set(Object.values(BASE_MODELS).flat());

/** Whether every node has it; it comes back when it is removed, so it is hidden instead. */
export const isSeeded = (name: string): boolean => SEEDED.has(name);

/** Adds what is missing at each start; what the owner hid, moved or added stays as it is. */
export async function seedBaseModels(em: EntityManager): Promise<void> {
  const list = Object.entries(BASE_MODELS).flatMap(([ecosystem, names]) => names.map((name) => ({ name, ecosystem })));
  const known = new Set((await rows<{ name: string }>(em, 'select name from base_model')).map(({ name }) => name));
  if (list.every(({ name }) => known.has(name))) return;
  const values = list.map(() => '(?, ?, ?, ?)').join(', ');
  await rows(
    em,
    `insert into base_model (name, ecosystem, position, is_hidden) values ${values} on conflict (name) do nothing returning name`,
    list.flatMap(({ name, ecosystem }, n) => [name, ecosystem, n, false]),
  );
}

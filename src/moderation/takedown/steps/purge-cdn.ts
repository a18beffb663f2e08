import { inList, rows } from '../../../kit/database/sql.ts';
import { AppError } from '../../../kit/errors.ts';
import type { Net } from '../../../kit/net/net.ts';
import type { Work } from '../../../kit/work.ts';
import { defineTakedownStep, done, type StepResult, type TakedownOrder, type TakedownStepDefinition } from '../step.ts';
import { batches, type Things, thingsOf } from '../things.ts';

export interface Cdn {
  readonly net: Pick<Net, 'operatorFetch'>;
  readonly publicUrl: URL;
  /** Null: nothing stands before the node that keeps copies. */
  readonly purgeUrl: URL | null;
  readonly token: string | null;
}

/** What Cloudflare takes in one order (API of zones, purge cache, 2026-10); others take more. */
const MOST_IN_ORDER = 30;
/** Asked for again afterwards, of each kind of address. */
const MOST_PROBES = 40;
const TIMEOUT_MS = 15_000;
const MUST_BE: ReadonlySet<number> = new Set([404, 410, 451]);

/**
 * Has the CDN forget every address of the item, by address and by tag, and asks for some of them again from outside:
 * while one of them is still given out, or the CDN does not answer, the step waits (scenario 47). The node itself
 * refuses since the first step, so only copies of the CDN are at stake.
 */
export const purgeCdnStep = (cdn: Cdn): TakedownStepDefinition =>
  defineTakedownStep({
    name: 'purge-cdn',
    outcomes: ['remove', 'hash_only', 'quarantine', 'age_lock', 'de_attribute'],
    async run(work, order) {
      if (!cdn.purgeUrl) return done('no CDN');
      const paths = await listPaths(work, order);
      const tags = tagsOf(await thingsOf(work.em, order.target));
      for (const some of batches(paths, MOST_IN_ORDER)) await purge(cdn, some, tags);
      if (order.outcome === 'age_lock' || order.outcome === 'de_attribute') return done(`${paths.length} forgotten`);
      return probe(cdn, paths);
    },
  });

async function purge(cdn: Cdn, paths: readonly string[], tags: readonly string[]): Promise<void> {
  const template = decodeURI(cdn.purgeUrl?.href ?? '');
  const files = paths.map((path) => new URL(path, cdn.publicUrl).href);
  if (!template.includes('{url}'))
    return send(cdn, template, JSON.stringify({ files, tags: tags.slice(0, MOST_IN_ORDER) }));
  for (const file of files) await send(cdn, template.replaceAll('{url}', encodeURIComponent(file)), '');
}

async function send({ net, token }: Cdn, url: string, body: string): Promise<void> {
  const { status } = await net.operatorFetch(url, {
    method: 'POST',
    hosts: [new URL(url).host],
    headers: {
      ...(body === '' ? {} : { 'content-type': 'application/json' }),
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    },
    ...(body === '' ? {} : { body }),
    timeoutMs: TIMEOUT_MS,
  });
  if (status < 200 || status >= 300) throw new AppError('unavailable', `The CDN answered ${status}.`);
}

async function probe({ net, publicUrl }: Cdn, paths: readonly string[]): Promise<StepResult> {
  const step = Math.max(1, Math.floor(paths.length / MOST_PROBES));
  const some = paths.filter((_, n) => n % step === 0).slice(0, MOST_PROBES);
  for (const path of some) {
    const url = new URL(path, publicUrl);
    const { status } = await net.operatorFetch(url, { hosts: [url.host], timeoutMs: TIMEOUT_MS, maxBytes: 64_000_000 });
    if (!MUST_BE.has(status))
      return { state: 'pending', note: `${path.split('/')[1]} is still answered with ${status}` };
  }
  return done(`${paths.length} forgotten, ${some.length} asked for again`);
}

/** Every address under which something of the item may lie in a cache. */
async function listPaths({ em }: Pick<Work, 'em'>, { target }: TakedownOrder): Promise<string[]> {
  const { imageIds, modelIds, postIds, versionIds } = await thingsOf(em, target);
  const types = new Map<number, string>();
  for (const ids of batches(imageIds)) {
    const found = await rows<{ id: number; media_type: string }>(
      em,
      `select id, media_type from image where id in (${inList(ids)})`,
      ids,
    );
    for (const { id, media_type: type } of found) types.set(id, type.split('/')[1] ?? 'png');
  }
  const pictures = imageIds.flatMap((id) => [
    ...['320', '640', '1280', 'full'].flatMap((size) => ['webp', 'avif'].map((end) => `/media/${size}/${id}.${end}`)),
    `/media/full/${id}.jpg`,
    `/media/original/${id}.${types.get(id) === 'jpeg' ? 'jpg' : types.get(id)}`,
    `/images/${id}`,
  ]);
  return [
    ...pictures,
    ...postIds.map((id) => `/posts/${id}`),
    ...modelIds.map((id) => `/models/${id}`),
    ...versionIds.map((id) => `/api/download/models/${id}`),
  ];
}

/** As `Cache-Tag` names them; `lists` are all answers that may hold many things. */
const tagsOf = ({ imageIds, modelIds, postIds }: Things): string[] => [
  'lists',
  ...modelIds.map((id) => `model-${id}`),
  ...postIds.map((id) => `post-${id}`),
  ...imageIds.map((id) => `image-${id}`),
];

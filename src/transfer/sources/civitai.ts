import { z } from 'zod';
import { COMMERCIAL_USES } from '../../catalogue/types.ts';
import { AppError } from '../../kit/errors.ts';
import type { Net } from '../../kit/net/net.ts';
import { t } from '../../kit/web/messages.ts';
import type { FileDoc, ModelDoc, PostDoc, VersionDoc } from '../format.ts';
import type { FoundItem, Source, WantedBytes } from '../import/source.ts';
import { fetchFile, fetchJson, type HeadersFor } from './fetch-url.ts';
import { markdownOf } from './html-words.ts';
import { imagePlan, kindOf, levelOf, modelPlan, postPlan, sumOf, typeOf, versionPlan } from './plans.ts';

// Civitai's API v1, which this node speaks too (spec/civitai-api.md 2.2 to 2.5). Fields that a site leaves out count as
// empty: what other sites of that API leave out differs.

const word = (max: number) =>
  z
    .string()
    .catch('')
    .transform((text) => text.replaceAll('\u0000', '').slice(0, max));
const flag = z.boolean().catch(false);
const list = <Item extends z.ZodType>(item: Item) => z.array(item).catch([]);
const day = z.iso.datetime({ offset: true }).nullable().catch(null);

const File = z.object({
  name: word(200),
  type: word(40),
  sizeKB: z.number().nonnegative().catch(0),
  hashes: z.object({ SHA256: z.string().optional() }).catch({}),
  downloadUrl: z.url().optional().catch(undefined),
});
const Picture = z.object({ id: z.int().optional(), url: z.url(), nsfwLevel: z.int().catch(0), type: word(20) });
export const CivitaiVersion = z.object({
  id: z.int(),
  name: word(80),
  baseModel: word(60),
  description: z.string().nullable().catch(null),
  trainedWords: list(z.string()),
  publishedAt: day,
  status: word(20),
  files: list(File),
  images: list(Picture),
});
export type CivitaiVersion = z.output<typeof CivitaiVersion>;
const CivitaiModel = z.object({
  id: z.int(),
  name: word(120),
  description: z.string().nullable().catch(null),
  type: word(40),
  nsfwLevel: z.int().catch(0),
  poi: flag,
  minor: flag,
  sfwOnly: flag,
  tags: list(z.string()),
  allowNoCredit: z.boolean().catch(true),
  allowCommercialUse: list(z.enum(COMMERCIAL_USES)),
  allowDerivatives: z.boolean().catch(true),
  allowDifferentLicense: z.boolean().catch(true),
  creator: z.object({ username: z.string() }).optional().catch(undefined),
  modelVersions: list(CivitaiVersion),
});
const Page = z.object({
  items: z.array(z.unknown()),
  metadata: z.object({ nextCursor: z.union([z.string(), z.number()]).optional() }).catch({}),
});

const PER_PAGE = 50;
const MOST_PAGES = 200;

/** One account's models through the API of Civitai, or of a site that speaks it. */
export class CivitaiSource implements Source {
  readonly isExact = false;
  readonly notes: string[] = [];
  readonly #net: Pick<Net, 'peerFetch'>;
  readonly #base: URL;
  readonly #who: string;
  readonly #headers: HeadersFor;

  constructor(net: Pick<Net, 'peerFetch'>, base: string, who: string, key: string) {
    this.#net = net;
    this.#base = new URL(base);
    this.#who = who;
    this.#headers = (url) => (key !== '' && url.origin === this.#base.origin ? { authorization: `Bearer ${key}` } : {});
  }

  async *look(signal: AbortSignal): AsyncGenerator<FoundItem> {
    const posts: FoundItem[] = [];
    let cursor: string | null = null;
    for (let page = 0; page < MOST_PAGES; page += 1) {
      const { items, metadata } = await this.#list(cursor, signal);
      for (const item of items) {
        const parsed = CivitaiModel.safeParse(item);
        if (!parsed.success) this.notes.push(t('import.bad-item'));
        else if (parsed.data.creator?.username.toLowerCase() === this.#who.toLowerCase()) {
          const { model, pictures } = this.#plan(parsed.data);
          const files = model.versions.flatMap((version) => version.files);
          yield { kind: 'model', title: model.name, totalBytes: sumOf(files), plan: model };
          posts.push(...pictures);
        }
      }
      if (metadata.nextCursor === undefined || items.length === 0) break;
      cursor = String(metadata.nextCursor);
    }
    yield* posts;
  }

  bring(wanted: WantedBytes, path: string, signal: AbortSignal): Promise<void> {
    return fetchFile(this.#net, wanted, this.#headers, path, signal);
  }

  close = async (): Promise<void> => undefined;

  async #list(cursor: string | null, signal: AbortSignal): Promise<z.output<typeof Page>> {
    const url = new URL('/api/v1/models', this.#base);
    url.searchParams.set('username', this.#who);
    url.searchParams.set('limit', String(PER_PAGE));
    url.searchParams.set('sort', 'Newest');
    url.searchParams.set('nsfw', 'true');
    if (cursor !== null) url.searchParams.set('cursor', cursor);
    const page = Page.safeParse(await fetchJson(this.#net, url.href, this.#headers, signal));
    if (!page.success) throw new AppError('invalid', t('import.no-civitai'));
    return page.data;
  }

  #plan(given: z.output<typeof CivitaiModel>): { model: ModelDoc; pictures: FoundItem[] } {
    const uri = `${this.#base.origin}/models/${given.id}`;
    const pictures: FoundItem[] = [];
    const versions = given.modelVersions.map((version): VersionDoc => {
      const versionUri = `${this.#base.origin}/versions/${version.id}`;
      const post = picturesOf(version, versionUri, given.name);
      if (post) pictures.push({ kind: 'post', title: post.title, totalBytes: 0, plan: post });
      return civitaiVersion(version, versionUri);
    });
    const model = modelPlan({
      ...{
        uri,
        name: given.name,
        type: typeOf(given.type),
        description: markdownOf(given.description ?? '').slice(0, 50_000),
      },
      state: versions.some(({ state }) => state === 'published') ? 'published' : 'draft',
      level: levelOf(given.nsfwLevel) || 1,
      tags: given.tags.map((tag) => tag.slice(0, 60)).slice(0, 60),
      ...{ allowNoCredit: given.allowNoCredit, allowCommercialUse: given.allowCommercialUse },
      ...{ allowDerivatives: given.allowDerivatives, allowDifferentLicense: given.allowDifferentLicense },
      ...{ isPoi: given.poi, isMinor: given.minor, isSfwOnly: given.sfwOnly, versions },
    });
    return { model, pictures };
  }
}

export const civitaiVersion = (version: CivitaiVersion, uri: string, files?: FileDoc[]): VersionDoc =>
  versionPlan({
    ...{ uri, name: version.name || 'v1.0', baseModel: version.baseModel },
    changelog: markdownOf(version.description ?? '').slice(0, 20_000),
    trainedWords: version.trainedWords.map((one) => one.slice(0, 200)).slice(0, 40),
    state: version.status === '' || version.status === 'Published' ? 'published' : 'draft',
    publishedAt: version.publishedAt === null ? null : new Date(version.publishedAt).toISOString(),
    files: files ?? version.files.map(fileOf),
  });

const fileOf = ({ name, type, sizeKB, hashes, downloadUrl }: z.output<typeof File>): FileDoc => {
  const sha256 = hashes.SHA256?.toLowerCase() ?? '';
  return {
    ...{ name, kind: kindOf(type), totalBytes: Math.round(sizeKB * 1_024), path: downloadUrl ?? null },
    sha256: /^[0-9a-f]{64}$/.test(sha256) ? sha256 : null,
  };
};

/** What the creator shows beside a version, as one post in its gallery. Videos are left out. */
function picturesOf({ images, name, publishedAt }: CivitaiVersion, versionUri: string, model: string): PostDoc | null {
  const pictures = images.filter(({ type }) => type === '' || type === 'image').slice(0, 20);
  if (pictures.length === 0) return null;
  return postPlan({
    ...{ uri: `${versionUri}#images`, title: `${model} · ${name}`.slice(0, 200), versionUri },
    ...{ state: 'published', publishedAt: publishedAt === null ? null : new Date(publishedAt).toISOString() },
    images: pictures.map(({ url, nsfwLevel }) =>
      imagePlan({ uri: `${versionUri}#${url}`.slice(0, 2_048), path: url, level: levelOf(nsfwLevel) }),
    ),
  });
}

import { z } from 'zod';
import { matchLicense } from '../../catalogue/licences.ts';
import { AppError } from '../../kit/errors.ts';
import type { Net } from '../../kit/net/net.ts';
import { t } from '../../kit/web/messages.ts';
import type { FoundItem, Source, WantedBytes } from '../import/source.ts';
import { fetchFile, fetchJson, type HeadersFor } from './fetch-url.ts';
import { imagePlan, modelPlan, postPlan, sumOf, versionPlan } from './plans.ts';

// The public API of the Hub (huggingface.co/docs/hub/api, "GET /api/models/{repo_id}" with `blobs=true`, and
// huggingface.co/docs/huggingface_hub, `hf_hub_url`: /{repo_id}/resolve/{revision}/{filename}). Large files say their
// SHA-256 in `lfs.sha256`.

const Sibling = z.object({
  rfilename: z.string().max(500),
  size: z.int().nonnegative().nullish(),
  lfs: z.object({ sha256: z.string().optional(), size: z.int().nonnegative().optional() }).nullish(),
});
const Repository = z.object({
  id: z.string().max(200),
  sha: z.string().regex(/^[0-9a-f]{7,64}$/),
  private: z.boolean().optional(),
  gated: z.union([z.boolean(), z.string()]).optional(),
  lastModified: z.string().optional(),
  tags: z.array(z.string()).catch([]),
  cardData: z
    .object({
      license: z.string().optional().catch(undefined),
      tags: z.array(z.string()).optional().catch(undefined),
      base_model: z
        .union([z.string(), z.array(z.string())])
        .optional()
        .catch(undefined),
      instance_prompt: z.string().nullish().catch(undefined),
    })
    .nullish()
    .catch(null),
  siblings: z.array(Sibling).max(20_000),
});

const WEIGHTS = /\.(?:safetensors|sft|gguf)$/i;
const PICTURES = /\.(?:png|jpe?g|webp|avif)$/i;
/** Whole pipelines in parts are no single file that somebody could load. */
const PART = /(?:^|\/)(?:unet|vae|text_encoder(?:_\d)?|transformer|safety_checker|image_encoder)\/|-\d{5}-of-\d{5}\./;

/** A repository of the Hub: its single-file weights as one version each, and its pictures as a post. */
export class HuggingFaceSource implements Source {
  readonly isExact = false;
  readonly notes: string[] = [];
  readonly #net: Pick<Net, 'peerFetch'>;
  readonly #origin: string;
  readonly #id: string;
  readonly #headers: HeadersFor;

  constructor(net: Pick<Net, 'peerFetch'>, place: string, key: string) {
    this.#net = net;
    const { origin, id } = readRepository(place);
    this.#origin = origin;
    this.#id = id;
    this.#headers = (url) => (key !== '' && url.origin === origin ? { authorization: `Bearer ${key}` } : {});
  }

  async *look(signal: AbortSignal): AsyncGenerator<FoundItem> {
    const address = `${this.#origin}/api/models/${this.#id}?blobs=true`;
    const parsed = Repository.safeParse(await fetchJson(this.#net, address, this.#headers, signal));
    if (!parsed.success) throw new AppError('invalid', t('import.no-repository'));
    const { sha, cardData, siblings, lastModified } = parsed.data;
    const uri = `${this.#origin}/${this.#id}`;
    const urlOf = (name: string) => `${uri}/resolve/${sha}/${name.split('/').map(encodeURIComponent).join('/')}`;
    const weights = siblings.filter(({ rfilename }) => WEIGHTS.test(rfilename) && !PART.test(rfilename));
    const parts = siblings.filter(({ rfilename }) => WEIGHTS.test(rfilename) && PART.test(rfilename));
    if (parts.length > 0) this.notes.push(t('import.parts-left-out', { n: parts.length }));
    if (weights.length === 0) throw new AppError('invalid', t('import.no-weights'));
    const published =
      lastModified !== undefined && !Number.isNaN(Date.parse(lastModified)) ? new Date(lastModified) : null;
    const bases = [cardData?.base_model ?? []].flat();
    const versions = weights.slice(0, 200).map(({ rfilename, size, lfs }) =>
      versionPlan({
        uri: `${uri}/blob/main/${rfilename}`,
        name: stemOf(rfilename).slice(0, 80),
        trainedWords: cardData?.instance_prompt ? [cardData.instance_prompt.slice(0, 200)] : [],
        ...{ state: 'published', publishedAt: published?.toISOString() ?? null },
        parents: bases.slice(0, 4).map((name) => ({
          ...{ kind: 'finetuned_from' as const, name: name.slice(0, 200), hash: null, uri: null, weight: null },
        })),
        files: [
          {
            ...{ name: rfilename.split('/').at(-1)?.slice(0, 200) ?? 'file', kind: 'Model' as const },
            totalBytes: lfs?.size ?? size ?? 0,
            sha256: /^[0-9a-f]{64}$/.test(lfs?.sha256 ?? '') ? (lfs?.sha256 ?? null) : null,
            path: urlOf(rfilename),
          },
        ],
      }),
    );
    const plan = modelPlan({
      ...{ uri, name: (this.#id.split('/')[1] ?? this.#id).slice(0, 120), state: 'published', versions },
      description: t('import.from', { uri }),
      licenseId: matchLicense(cardData?.license ?? '') ?? '',
      tags: (cardData?.tags ?? []).map((tag) => tag.slice(0, 60)).slice(0, 30),
    });
    yield { kind: 'model', title: plan.name, totalBytes: sumOf(versions.flatMap(({ files }) => files)), plan };
    const pictures = siblings.filter(({ rfilename }) => PICTURES.test(rfilename)).slice(0, 20);
    const [first] = versions;
    if (pictures.length === 0 || !first) return;
    const post = postPlan({
      ...{ uri: `${uri}#pictures`, title: plan.name, versionUri: first.uri },
      images: pictures.map(({ rfilename }) =>
        imagePlan({ uri: `${uri}/blob/main/${rfilename}`, path: urlOf(rfilename) }),
      ),
    });
    yield { kind: 'post', title: post.title, totalBytes: 0, plan: post };
  }

  bring(wanted: WantedBytes, path: string, signal: AbortSignal): Promise<void> {
    return fetchFile(this.#net, wanted, this.#headers, path, signal);
  }

  close = async (): Promise<void> => undefined;
}

const stemOf = (name: string): string => (name.split('/').at(-1) ?? name).replace(/\.[a-z0-9]+$/i, '');

/** `owner/name`, or the address of its page. Throws `invalid` with the field. */
export function readRepository(place: string): { origin: string; id: string } {
  const text = place.trim();
  const url = /^https?:\/\//.test(text) && URL.canParse(text) ? new URL(text) : null;
  const [owner = '', name = ''] = (url ? url.pathname.slice(1) : text).split('/');
  const isWell = /^[\w.-]{1,96}$/.test(owner) && /^[\w.-]{1,96}$/.test(name);
  if (!isWell)
    throw new AppError('invalid', t('import.repository-how'), { fields: { place: t('import.repository-how') } });
  return { origin: url?.origin ?? 'https://huggingface.co', id: `${owner}/${name}` };
}

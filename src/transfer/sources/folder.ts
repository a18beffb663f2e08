import { z } from 'zod';
import { AppError } from '../../kit/errors.ts';
import { t } from '../../kit/web/messages.ts';
import type { FileDoc, VersionDoc } from '../format.ts';
import { assertSame, type FoundItem, type Source, type WantedBytes } from '../import/source.ts';
import { CivitaiVersion, civitaiVersion } from './civitai.ts';
import { imagePlan, modelPlan, postPlan, sumOf, typeOf, versionPlan } from './plans.ts';
import type { Tree, TreeFile } from './trees.ts';

const WEIGHTS = /\.(?:safetensors|sft|gguf|ckpt|pt|pth|bin)$/i;
const PICTURES = /\.(?:png|jpe?g|webp|avif|gif)$/i;
const MOST_INFO_BYTES = 4_000_000;
const PER_POST = 20;

/** As tools write it beside a file: the version as Civitai's API tells it, with a little of its model. */
const Info = CivitaiVersion.extend({
  id: z.int().catch(0),
  modelId: z.int().catch(0),
  model: z
    .object({ name: z.string().catch(''), type: z.string().catch(''), poi: z.boolean().catch(false) })
    .optional()
    .catch(undefined),
});
type Info = z.output<typeof Info>;

interface Weights {
  readonly file: TreeFile;
  readonly info: Info | null;
  readonly previews: readonly TreeFile[];
}

abstract class TreeSource implements Source {
  readonly isExact = false;
  readonly notes: string[] = [];
  protected readonly tree: Tree;
  #files: TreeFile[] | null = null;

  constructor(tree: Tree) {
    this.tree = tree;
  }

  abstract look(signal: AbortSignal): AsyncIterable<FoundItem>;

  protected async list(): Promise<TreeFile[]> {
    this.#files ??= await this.tree.list();
    return this.#files;
  }

  async bring({ place, sha256, mostBytes }: WantedBytes, path: string, signal: AbortSignal): Promise<void> {
    const file = (await this.list()).find((one) => one.path === place);
    if (!file) throw new AppError('gone', t('import.not-in-archive'));
    if (file.totalBytes > mostBytes) throw new AppError('too_large', t('import.too-large-entry', { name: place }));
    await this.tree.copy(place, path, signal);
    await assertSame(path, sha256);
  }

  close(): Promise<void> {
    return this.tree.close();
  }
}

/**
 * Model files with what lies beside them: `name.civitai.info`, and pictures `name.preview.png`, `name.png` and the like.
 * Files of one model on Civitai become its versions. What a header says is read when the file comes in.
 */
export class FolderSource extends TreeSource {
  async *look(signal: AbortSignal): AsyncGenerator<FoundItem> {
    const groups = new Map<string, Weights[]>();
    const files = await this.list();
    for (const file of files.filter(({ path }) => WEIGHTS.test(path))) {
      signal.throwIfAborted();
      const stem = file.path.replace(/\.[^./]+$/, '');
      const info = await this.#readInfo(files, stem);
      const previews = files.filter(({ path }) => PICTURES.test(path) && isPreviewOf(path, stem)).slice(0, PER_POST);
      const key = info && info.modelId > 0 ? `civitai:${info.modelId}` : keyOf(file);
      groups.set(key, [...(groups.get(key) ?? []), { file, info, previews }]);
    }
    if (groups.size === 0) throw new AppError('invalid', t('import.no-weights'));
    const posts: FoundItem[] = [];
    for (const [key, group] of groups) {
      const newestFirst = [...group].sort((a, b) => (b.info?.id ?? 0) - (a.info?.id ?? 0));
      const [newest] = newestFirst;
      if (!newest) continue;
      const name = newest.info?.model?.name || nameOf(newest.file.path);
      const versions = newestFirst.map((one) => versionOf(one));
      const type = typeOf(newest.info?.model?.type ?? '');
      const isPoi = newest.info?.model?.poi ?? false;
      const plan = modelPlan({ uri: key, name: name.slice(0, 120), type, isPoi, versions });
      yield { kind: 'model', title: plan.name, totalBytes: sumOf(group.map(({ file }) => file)), plan };
      for (const [n, { previews }] of newestFirst.entries()) {
        const version = versions[n];
        if (!version || previews.length === 0) continue;
        const images = previews.map(({ path, totalBytes }) =>
          imagePlan({ uri: `${version.uri}#${path}`, path, totalBytes }),
        );
        const post = postPlan({ uri: `${version.uri}#images`, title: plan.name, versionUri: version.uri, images });
        posts.push({ kind: 'post', title: plan.name, totalBytes: sumOf(previews), plan: post });
      }
    }
    yield* posts;
  }

  async #readInfo(files: readonly TreeFile[], stem: string): Promise<Info | null> {
    const path = `${stem}.civitai.info`;
    if (!files.some((file) => file.path === path)) return null;
    try {
      const text = (await this.tree.read(path, MOST_INFO_BYTES)).toString('utf8').replace(/^\uFEFF/, '');
      return Info.parse(JSON.parse(text));
    } catch {
      this.notes.push(t('import.bad-info', { name: path }));
      return null;
    }
  }
}

const keyOf = ({ path, totalBytes }: TreeFile): string => `file:${path.split('/').at(-1)}:${totalBytes}`;
const nameOf = (path: string): string => (path.split('/').at(-1) ?? path).replace(/\.[^.]+$/, '').replaceAll('_', ' ');

/** `ink.png`, `ink.preview.png`, `ink.preview.1.png`, `ink_0.jpeg`. */
function isPreviewOf(path: string, stem: string): boolean {
  if (!path.startsWith(stem)) return false;
  return /^(?:\.preview)?(?:[._-]\d{1,3})?\.[a-z]+$/i.test(path.slice(stem.length));
}

function versionOf({ file, info }: Weights): VersionDoc {
  const fileName = file.path.split('/').at(-1) ?? file.path;
  // the sidecar is of a file of that name: only when the lengths agree is its hash believed to be this file's
  const told = info?.files.find(({ sizeKB }) => Math.round(sizeKB * 1_024) === file.totalBytes);
  const hash = told?.hashes.SHA256?.toLowerCase() ?? '';
  const doc: FileDoc = {
    ...{ name: fileName.slice(0, 200), kind: 'Model', totalBytes: file.totalBytes, path: file.path },
    sha256: /^[0-9a-f]{64}$/.test(hash) ? hash : null,
  };
  const uri = info && info.id > 0 ? `civitai:version:${info.id}:${fileName}` : `${keyOf(file)}:version`;
  return info
    ? { ...civitaiVersion(info, uri, [doc]), state: 'draft' }
    : versionPlan({ uri, name: 'v1.0', files: [doc] });
}

/** Pictures with the recipes that are in them, in posts of a folder each. Each waits for its author's rating. */
export class PicturesSource extends TreeSource {
  async *look(signal: AbortSignal): AsyncGenerator<FoundItem> {
    const folders = new Map<string, TreeFile[]>();
    for (const file of await this.list()) {
      signal.throwIfAborted();
      if (!PICTURES.test(file.path)) continue;
      const folder = file.path.split('/').slice(0, -1).join('/');
      folders.set(folder, [...(folders.get(folder) ?? []), file]);
    }
    if (folders.size === 0) throw new AppError('invalid', t('import.no-pictures'));
    for (const [folder, files] of folders) {
      for (let n = 0; n < files.length; n += PER_POST) {
        const some = files.slice(n, n + PER_POST);
        const images = some.map(({ path, totalBytes }) =>
          imagePlan({ uri: `picture:${path}:${totalBytes}`, path, totalBytes }),
        );
        const uri = `pictures:${folder}:${some[0]?.path}:${sumOf(some)}`.slice(0, 2_048);
        const title = (folder.split('/').at(-1) ?? '').slice(0, 200);
        const plan = postPlan({ uri, title, images });
        const shown = title || t('import.pictures', { n: some.length });
        yield { kind: 'post', title: shown, totalBytes: sumOf(some), plan };
      }
    }
  }
}

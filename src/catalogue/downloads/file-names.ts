import { safeFileName } from '../../kit/web/download/file-names.ts';

interface NamedFile {
  readonly originalName: string;
  readonly kind: string;
  readonly precision: string;
}

/**
 * The name under which a file is offered (spec/civitai-api.md 2.5): adapters keep their owner's, an embedding is called
 * by its trigger word because that is how it is used, the rest is `modelName_versionName`.
 */
export function offeredName(
  model: { readonly name: string; readonly type: string },
  version: { readonly name: string; readonly trainedWords: readonly string[] },
  file: NamedFile,
): string {
  const extension = /\.[A-Za-z0-9]{1,12}$/.exec(file.originalName)?.[0] ?? '';
  const isWeights = ['Model', 'Pruned Model', 'Negative', 'Config'].includes(file.kind);
  if (!isWeights || ['LORA', 'LoCon', 'DoRA'].includes(model.type)) return safeFileName(file.originalName);
  const word = version.trainedWords[0];
  if (model.type === 'TextualInversion' && word) {
    return safeFileName(`${word}${file.kind === 'Negative' ? '-neg' : ''}${extension}`);
  }
  const stem = `${camelCase(model.name)}_${camelCase(version.name)}`;
  return stem === '_' ? safeFileName(file.originalName) : safeFileName(stem + extension);
}

/** One version offers no name twice: precision, then a number tells them apart. */
export function offeredNames(
  model: Parameters<typeof offeredName>[0],
  version: Parameters<typeof offeredName>[1],
  files: readonly NamedFile[],
): string[] {
  const taken = new Set<string>();
  return files.map((file) => {
    const name = offeredName(model, version, file);
    const dot = name.lastIndexOf('.');
    const at = dot > 0 ? dot : name.length;
    const withMark = (mark: string | number) => `${name.slice(0, at)}_${mark}${name.slice(at)}`;
    let free = name;
    if (taken.has(free.toLowerCase()) && file.precision) free = withMark(file.precision);
    for (let n = 2; taken.has(free.toLowerCase()); n += 1) free = withMark(n);
    taken.add(free.toLowerCase());
    return free;
  });
}

function camelCase(text: string): string {
  const words = text
    .normalize('NFKC')
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .split(/[\s_-]+/)
    .filter((word) => word !== '');
  const joined = words.map((word, n) => (n === 0 ? word : word[0]?.toUpperCase() + word.slice(1))).join('');
  return joined === '' ? '' : joined[0]?.toLowerCase() + joined.slice(1);
}

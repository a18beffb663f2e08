import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

// ComfyUI loads what lies under its own folders, and more folders can be named to it in a file. That file is written for
// the operator; the folder is the one of this node's engine, where each model lies under its hash.

const KINDS = ['checkpoints', 'loras', 'vae', 'embeddings', 'upscale_models'];

/** A safetensors file of nothing, whose name in ComfyUI's list says that the folder is shared with this node. */
export const markerOf = (modelsFolder: string): string =>
  `tessera-${createHash('sha256').update(modelsFolder).digest('hex').slice(0, 12)}.safetensors`;

/** `comfyui/extra_model_paths.yaml` in DATA_DIR, for `python main.py --extra-model-paths-config`. Returns its path. */
export async function writeShare(modelsFolder: string): Promise<string> {
  const path = join(dirname(dirname(modelsFolder)), 'comfyui', 'extra_model_paths.yaml');
  await mkdir(dirname(path), { recursive: true });
  await mkdir(modelsFolder, { recursive: true });
  const text = [
    '# Written by Tessera at each start. Start ComfyUI with:',
    `#   python main.py --extra-model-paths-config ${JSON.stringify(path)}`,
    '# On another machine, mount the folder there and change base_path in a copy of this file.',
    'tessera:',
    // a JSON string is one in YAML, too
    `  base_path: ${JSON.stringify(modelsFolder)}`,
    ...KINDS.map((kind) => `  ${kind}: .`),
    '',
  ];
  await writeFile(path, text.join('\n'));
  const header = Buffer.from('{}      ');
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  await writeFile(join(modelsFolder, markerOf(modelsFolder)), Buffer.concat([length, header]));
  return path;
}

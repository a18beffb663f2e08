import { AppError } from '../../kit/errors.ts';
import { t } from '../../kit/web/messages.ts';
import type { Transfer } from '../import/model.ts';
import type { TransferParts } from '../import/parts.ts';
import type { Source } from '../import/source.ts';
import { addressPlace, zipPlace } from './archive-places.ts';
import { CivitaiSource } from './civitai.ts';
import { FolderSource, PicturesSource } from './folder.ts';
import { HuggingFaceSource } from './hugging-face.ts';
import { TesseraSource } from './tessera.ts';
import { zipTree } from './trees.ts';

/** The source of a transfer. `archivePath` is where its archive lies, where it has one. */
export async function openSource(
  { net }: Pick<TransferParts, 'net'>,
  { source, place, who }: Pick<Transfer, 'source' | 'place' | 'who'>,
  key: string,
  archivePath: string | null,
): Promise<Source> {
  if (source === 'civitai') return new CivitaiSource(net, place, who, key);
  if (source === 'huggingface') return new HuggingFaceSource(net, place, key);
  if (source === 'tessera')
    return new TesseraSource(archivePath ? await zipPlace(archivePath) : addressPlace(net, place));
  // a folder of this machine is an operator's to name, by the command
  if (!archivePath) throw new AppError('invalid', t('import.no-archive'));
  const tree = await zipTree(archivePath);
  return source === 'folder' ? new FolderSource(tree) : new PicturesSource(tree);
}

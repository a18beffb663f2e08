import { AppError } from '../../kit/errors.ts';
import { t } from '../../kit/web/messages.ts';
import type { Transfer } from '../import/model.ts';
import type { TransferParts } from '../import/parts.ts';
import type { Source } from '../import/source.ts';
import { addressPlace, zipPlace } from './archive-places.ts';
import { TesseraSource } from './tessera.ts';

/** The source of a transfer. `archivePath` is where its archive lies, where it has one. */
export async function openSource(
  { net }: Pick<TransferParts, 'net'>,
  { source, place }: Pick<Transfer, 'source' | 'place' | 'who'>,
  _key: string,
  archivePath: string | null,
): Promise<Source> {
  switch (source) {
    case 'tessera':
      return new TesseraSource(archivePath ? await zipPlace(archivePath) : addressPlace(net, place));
    default:
      throw new AppError('invalid', t('import.no-source'));
  }
}

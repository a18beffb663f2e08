import { z } from 'zod';
import { assertSees } from '../gallery/access.ts';
import { eyesOf } from '../gallery/views.ts';
import { t } from '../kit/web/messages.ts';
import type { PageHead } from '../kit/web/views.ts';
import type { Work } from '../kit/work.ts';
import type { TileView } from './cards.ts';
import { listTiles } from './images.ts';
import { addressOf } from './lists/address.ts';

export const RemixesQuery = z.object({ cursor: z.string().max(200).optional().catch(undefined) });

export interface RemixesPage {
  readonly imageUrl: string;
  readonly items: readonly TileView[];
  readonly moreUrl: string;
  readonly page: PageHead;
}

/** Others' public remixes of a picture, for these eyes. Throws `not_found`, `gone` or `withheld`, as its page does. */
export async function loadRemixesPage(
  { em, viewer }: Pick<Work, 'em' | 'viewer'>,
  imageId: number,
  { cursor }: z.output<typeof RemixesQuery>,
): Promise<RemixesPage> {
  await assertSees(em, viewer, { kind: 'image', id: imageId });
  const { items, nextCursor } = await listTiles(em, await eyesOf(em, viewer), { remixOf: imageId }, { cursor });
  const imageUrl = `/images/${imageId}`;
  return {
    ...{ imageUrl, items },
    moreUrl: nextCursor ? addressOf(`${imageUrl}/remixes`, { cursor: nextCursor }) : '',
    page: { title: t('remixes.title'), noindex: true },
  };
}

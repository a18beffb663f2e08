import { rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import type { Work } from '../../kit/work.ts';

const FOLDERS: Readonly<Record<string, string>> = {
  ...{ model: 'models', version: 'versions', post: 'posts', image: 'images', collection: 'collections' },
};
const MOST_PAGES = 200_000;

/** Where pages of elsewhere are here, for the node that they came from. */
export async function listOwnPages(
  { em, viewer }: Pick<Work, 'em' | 'viewer'>,
  publicUrl: URL,
): Promise<{ from: string; to: string }[]> {
  if (!viewer) throw new AppError('unauthenticated', 'Please sign in.');
  const found = await rows<{ origin: string; kind: string; target_id: string }>(
    em,
    `select origin, kind, target_id from transfer_mark where account_id = ? order by created_at, key_hash limit ${MOST_PAGES}`,
    [viewer.id],
  );
  return found.flatMap(({ origin, kind, target_id }) => {
    const folder = FOLDERS[kind];
    if (!folder || !/^https?:\/\/[^#]+$/.test(origin)) return [];
    return [{ from: origin, to: new URL(`/${folder}/${target_id}`, publicUrl).href }];
  });
}

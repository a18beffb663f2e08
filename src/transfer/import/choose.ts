import { z } from 'zod';
import { inList, rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { isId } from '../../kit/ids.ts';
import { t } from '../../kit/web/messages.ts';
import type { Work } from '../../kit/work.ts';
import { ITEM_KINDS, type Transfer } from './model.ts';
import type { Transfers } from './transfers.ts';

const list = z.preprocess((value) => (value === undefined ? [] : [value].flat()), z.array(z.string()).max(500));
const ids = list.transform((all) => all.filter(isId));

export const ChoiceForm = z.object({
  /** Of which anything comes at all. */
  kind: list.transform((kinds) => ITEM_KINDS.filter((kind) => kinds.includes(kind))),
  /** Those that stood on the page, and those of them that were ticked. */
  shown: ids,
  item: ids,
  publish: z.literal('1').optional(),
});

/** What was chosen waits for its turn; the rest stays as it was found. Throws `invalid` when nothing was. */
export async function chooseItems(
  transfers: Transfers,
  work: Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>,
  transfer: Transfer,
  { kind, shown, item, publish }: z.output<typeof ChoiceForm>,
): Promise<void> {
  if (transfer.state !== 'choosing') throw new AppError('conflict', t('import.chosen'));
  const { em } = work;
  const left = shown.filter((id) => !item.includes(id));
  await rows(
    em,
    `update transfer_item set state = case when kind in (${inList(kind)})
       ${left.length > 0 ? `and id not in (${inList(left)})` : ''} then 'waiting' else 'found' end
     where transfer_id = ? and state in ('found', 'waiting') returning id`,
    [...kind, ...left, transfer.id],
  );
  const waiting = await rows(em, `select id from transfer_item where transfer_id = ? and state = 'waiting' limit 1`, [
    transfer.id,
  ]);
  if (waiting.length === 0) throw new AppError('invalid', t('import.choose-something'));
  await transfers.run(work, transfer, { publishes: publish === '1' });
}

/** What failed waits again, and so does what a stop left. */
export async function tryAgain(
  transfers: Transfers,
  work: Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>,
  transfer: Transfer,
): Promise<void> {
  await rows(
    work.em,
    `update transfer_item set state = 'waiting', message = null where transfer_id = ? and state = 'failed' returning id`,
    [transfer.id],
  );
  await transfers.run(work, transfer);
}

import { z } from 'zod';
import { defineJob } from '../kit/queue/define.ts';
import { AccountExport } from './export/model.ts';
import { MovedPage, Transfer, TransferItem, TransferMark } from './import/model.ts';

/** Who left took nothing with them: archives, lists of what came in, and the way on from old pages go. */
export const forgetTransfersJob = defineJob({
  name: 'transfer.forget-account',
  lane: 'clock',
  payload: z.object({ accountId: z.int() }),
  attempts: 5,
  run: ({ em }, { accountId }) =>
    em.transactional(async (tx) => {
      const own = { account: accountId };
      const transfers = await tx.find(Transfer, own, { fields: ['id'] });
      await tx.nativeDelete(TransferItem, { transfer: { $in: transfers.map(({ id }) => id) } });
      await tx.nativeDelete(Transfer, own);
      await tx.nativeDelete(TransferMark, own);
      await tx.nativeDelete(MovedPage, own);
      await tx.nativeDelete(AccountExport, own);
    }),
});

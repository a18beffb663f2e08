import { z } from 'zod';
import { rows } from '../kit/database/sql.ts';
import { defineJob, type JobDefinition } from '../kit/queue/define.ts';
import { cancelQuietly } from './bounties/end.ts';
import type { IsLookedInto } from './deps.ts';
import { closeOffersOf } from './licences/offer.ts';

const Payload = z.object({ accountId: z.int() });

/**
 * After `account.deleted`: their bounties end and give back what others put in, their entries and what they asked for are
 * withdrawn, their words go. What they were granted and awarded stays as a record without their words.
 */
export const endDealingsJobOf = (isLookedInto: IsLookedInto): JobDefinition<typeof Payload> =>
  defineJob({
    name: 'economy.end-dealings',
    lane: 'clock',
    payload: Payload,
    attempts: 10,
    run: async ({ em, jobs, now }, { accountId }) => {
      const bounties = await rows<{ id: string }>(em, 'select id from bounty where owner_id = ? order by id', [
        accountId,
      ]);
      for (const { id } of bounties) {
        await em.fork().transactional(async (tx) => {
          await cancelQuietly(tx, jobs, isLookedInto, id, now());
          await tx.flush();
        });
      }
      await em.fork().transactional(async (tx) => {
        await rows(tx, `update bounty set title = '', text = '' where owner_id = ? returning id`, [accountId]);
        await rows(
          tx,
          `update bounty_entry set text = '', withdrawn_at = coalesce(withdrawn_at, ?) where account_id = ? returning id`,
          [now(), accountId],
        );
        await closeOffersOf(tx, accountId, now());
        await rows(
          tx,
          `update licence_grant set state = 'withdrawn', ended_at = ? where holder_id = ? and state = 'asked' returning id`,
          [now(), accountId],
        );
        await rows(tx, `update licence_grant set purpose = '' where holder_id = ? returning id`, [accountId]);
      });
    },
  });

import type { EntityManager } from '@mikro-orm/core';
import { z } from 'zod';
import { rows } from '../../kit/database/sql.ts';
import { record } from '../../kit/events/events.ts';
import { defineJob, type JobDefinition } from '../../kit/queue/define.ts';
import type { Work } from '../../kit/work.ts';
import { findHold } from '../../safety/holds/hold.ts';
import type { IsLookedInto } from '../deps.ts';
import { bountyEntered } from '../events.ts';
import { cancelQuietly } from './end.ts';
import { Bounty, BountyEntry } from './model.ts';

export const BOUNTY_WORDS = ['bounty', 'entry'] as const;
type Kind = (typeof BOUNTY_WORDS)[number];

/** Withheld, and still there. */
export const countBountyWords = (em: EntityManager, kind: Kind, id: string): Promise<number> => {
  const where = { id, withheldAt: { $ne: null } };
  return kind === 'bounty' ? em.count(Bounty, where) : em.count(BountyEntry, { ...where, withdrawnAt: null });
};

const table = (kind: Kind): string => (kind === 'bounty' ? 'bounty' : 'bounty_entry');

/** By a decision: nobody but moderators sees it, and nothing is paid out for it meanwhile. */
export const withholdBountyWords = ({ em, now }: Pick<Work, 'em' | 'now'>, kind: Kind, id: string) =>
  rows(em, `update ${table(kind)} set withheld_at = ? where id = ? and withheld_at is null returning id`, [now(), id]);

export const showBountyWords = ({ em }: Pick<Work, 'em'>, kind: Kind, id: string) =>
  rows(em, `update ${table(kind)} set withheld_at = null where id = ? returning id`, [id]);

const Payload = z.object({ kind: z.enum(BOUNTY_WORDS), id: z.uuid(), outcome: z.enum(['released', 'refused']) });

/** After `safety.decided`: what waited for a person opens, or its credits go back. */
export const bountyDecidedJobOf = (isLookedInto: IsLookedInto): JobDefinition<typeof Payload> =>
  defineJob({
    name: 'economy.bounty-decided',
    lane: 'clock',
    payload: Payload,
    attempts: 10,
    run: async ({ em, jobs, now }, { kind, id, outcome }) => {
      await em.fork().transactional(async (tx) => {
        if (outcome === 'refused') {
          await withholdBountyWords({ em: tx, now }, kind, id);
          if (kind === 'bounty') await cancelQuietly(tx, jobs, isLookedInto, id, now());
        } else if ((await findHold(tx, kind, id)) === null) {
          await rows(tx, `update ${table(kind)} set held_at = null where id = ? returning id`, [id]);
          if (kind === 'entry') record(tx, bountyEntered, { entryId: id });
        }
        await tx.flush();
      });
    },
  });

export const decidedBounty = (kind: string, id: string, outcome: 'released' | 'refused') => {
  const known = BOUNTY_WORDS.find((one) => one === kind);
  return known ? { kind: known, id, outcome } : null;
};

import type { EntityManager } from '@mikro-orm/core';
import { z } from 'zod';
import { rows, toBoolean } from '../kit/database/sql.ts';
import { defineJob, type JobDefinition } from '../kit/queue/define.ts';
import type { Settings } from '../kit/settings.ts';
import type { Work } from '../kit/work.ts';
import { creditAccountId, NODE, person } from './ledger/accounts.ts';
import type { PostingKind } from './ledger/model.ts';
import { type Act, post } from './ledger/post.ts';
import { type CreditSettings, creditSettings, dayOf, dayStart } from './settings.ts';
import { sumOfDay } from './sums.ts';

const Payload = z.object({ postId: z.int() });

/** After `post.published`. */
export const rewardPostJobOf = (settings: Settings): JobDefinition<typeof Payload> =>
  defineJob({
    name: 'economy.reward-post',
    lane: 'clock',
    payload: Payload,
    attempts: 5,
    run: (work, { postId }) => rewardPost(work, settings, postId),
  });

interface PostRow {
  owner_id: number;
  is_shown: unknown;
}

/** The first public post of a day earns something; one that is not shown, comes back, or is of elsewhere, does not. */
async function rewardPost({ em, now }: Pick<Work, 'em' | 'now'>, settings: Settings, postId: number): Promise<void> {
  const rules = await settings.read(em, creditSettings);
  if (!rules.isOn || rules.firstPostReward === 0) return;
  const [found] = await rows<PostRow>(
    em,
    `select p.owner_id, (p.listed_at is not null) as is_shown from post p join account a on a.id = p.owner_id
     where p.id = ? and p.published_at >= ? and p.is_local and a.host = '' and a.state = 'active'`,
    [postId, dayStart(now())],
  );
  if (!found || !toBoolean(found.is_shown)) return;
  const subject = { kind: 'post', id: postId };
  await em.fork().transactional(async (tx) => {
    const id = await creditAccountId(tx, person(found.owner_id));
    const key = `post:${id}:${dayOf(now())}`;
    // a second post of the day is another subject and another amount, and no mistake
    const known = await rows(tx, 'select id from credit_posting where key = ?', [key]);
    if (known.length > 0) return;
    await post(tx, { ...giving('reward-post', found.owner_id, rules.firstPostReward), key, subject, at: now() });
  });
}

export interface ModelUse {
  readonly makerId: number;
  readonly userId: number;
  readonly modelId: number;
}

/**
 * Thanks the maker of a model for a generation that somebody paid for: once for each person, model and day, up to what
 * a day may bring. The caller knows that the maker is of this node, active, and not the user.
 */
export async function rewardUse(
  em: EntityManager,
  rules: CreditSettings,
  { makerId, userId, modelId }: ModelUse,
  now: Date,
): Promise<void> {
  if (!rules.isOn || rules.modelUseReward === 0) return;
  await em.fork().transactional(async (tx) => {
    const user = await creditAccountId(tx, person(userId));
    const maker = await creditAccountId(tx, person(makerId));
    // one after the other, so that the sum of the day holds
    await rows(tx, 'update credit_account set balance = balance where id = ? returning id', [maker]);
    const key = `use:${user}:${modelId}:${dayOf(now)}`;
    const known = await rows(tx, 'select id from credit_posting where key = ?', [key]);
    const left = rules.modelUseMostPerDay - (await sumOfDay(tx, maker, 'reward-use', 'in', now));
    const amount = Math.min(rules.modelUseReward, left);
    if (known.length > 0 || amount <= 0) return;
    await post(tx, { ...giving('reward-use', makerId, amount), key, subject: { kind: 'model', id: modelId }, at: now });
  });
}

const giving = (kind: PostingKind, accountId: number, amount: number): Pick<Act, 'kind' | 'moves'> => ({
  kind,
  moves: [
    { account: NODE, amount: -amount },
    { account: person(accountId), amount },
  ],
});

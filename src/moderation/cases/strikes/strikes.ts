import type { EntityManager } from '@mikro-orm/core';
import { PERMISSION } from '../../../accounts/permissions.ts';
import { rows, toNumber } from '../../../kit/database/sql.ts';
import type { Work } from '../../../kit/work.ts';
import { openRow } from '../../queue/open.ts';
import type { Outcome } from '../../takedown/model.ts';
import { LOCK_DAYS, startTakedown, type TakedownParameters } from '../../takedown/start.ts';
import type { ClaimCase } from '../model/case.ts';
import { Strike } from '../model/strike.ts';
import { CLAIMS, type ClaimType, DAY } from '../types/types.ts';

const LIFE_MS = 180 * DAY;
const LOCK_AT = 3;
const SUSPEND_AT = 6;
const REVIEW_AT = 10;

/** Outcomes that say somebody did wrong; credit, a licence or a rating is put right and forgotten. */
const COUNTED: readonly Outcome[] = ['remove', 'limit', 'de_attribute', 'account_action'];

/** Points that count against somebody now, by their account or by the address that it had. */
export async function pointsOf(
  em: EntityManager,
  { accountId, emailHash }: { readonly accountId: number | null; readonly emailHash: string | null },
  now: Date,
): Promise<number> {
  const [row] = await rows<{ points: unknown }>(
    em,
    `select coalesce(sum(s.points), 0) as points from strike s where (s.account_id = ? or s.email_hash = ?)
       and s.voided_at is null and (s.expires_at is null or s.expires_at > ?)`,
    [accountId ?? 0, emailHash ?? '', now],
  );
  return toNumber(row?.points);
}

/** The first copyright notice warns, the ones after it count double (spec/takedowns.md 2.7). */
async function pointsFor(em: EntityManager, type: ClaimType, kase: ClaimCase, now: Date): Promise<number> {
  if (type !== 'copyright') return CLAIMS[type].strikePoints;
  const who = { accountId: kase.uploaderId ?? 0, emailHash: kase.uploaderEmailHash ?? '' };
  const [before] = await rows(
    em,
    `select 1 as one from strike s where (s.account_id = ? or s.email_hash = ?) and s.type = 'copyright'
       and s.voided_at is null and (s.expires_at is null or s.expires_at > ?) limit 1`,
    [who.accountId, who.emailHash, now],
  );
  return before ? 2 : CLAIMS.copyright.strikePoints;
}

/** One strike for a case that was upheld against somebody of this node, and what their sum leads to. */
export async function giveStrike({ em, now }: Pick<Work, 'em' | 'now'>, kase: ClaimCase): Promise<void> {
  if (!kase.outcome || !COUNTED.includes(kase.outcome) || kase.uploaderId == null || kase.uploaderHost !== '') return;
  // what both sides agreed on is no offence
  if (kase.rule === AGREED || (await em.findOne(Strike, kase.id))) return;
  const at = now();
  const points = await pointsFor(em, kase.type, kase, at);
  const who = { accountId: kase.uploaderId, emailHash: kase.uploaderEmailHash ?? null };
  const before = await pointsOf(em, who, at);
  em.create(
    Strike,
    {
      ...{ caseId: kase.id, ...who, type: kase.type, points, createdAt: at },
      expiresAt: kase.type === 'minor' ? null : new Date(at.getTime() + LIFE_MS),
    },
    { persist: true },
  );
  await follow(em, kase, before, before + points, at);
}

/** The rule that stands in a decision which the parties made themselves. */
export const AGREED = 'agreement';

async function follow(em: EntityManager, kase: ClaimCase, before: number, after: number, now: Date): Promise<void> {
  const accountId = kase.uploaderId ?? 0;
  const passes = (limit: number) => before < limit && after >= limit;
  const act = (action: NonNullable<TakedownParameters['action']>) => {
    const target = { kind: 'account', id: accountId } as const;
    const parameters = { action, ...(action === 'lock_uploads' ? { days: LOCK_DAYS } : {}) };
    startTakedown(em, { caseId: null, target, outcome: 'account_action', category: kase.type, parameters }, now);
  };
  if (passes(SUSPEND_AT)) act('suspend');
  else if (passes(LOCK_AT)) act('lock_uploads');
  if (!passes(REVIEW_AT)) return;
  // nobody is thrown out by a sum
  const entry = {
    ...({ kind: 'report', subjectId: `account:${accountId}`, priority: 1 } as const),
    about: { kind: 'account', id: accountId },
    title: `${after} strike points`,
    permission: PERMISSION.moderateAccounts,
  };
  await openRow(em, entry, now);
}

/** A strike that fell with its decision: it stays to be read and counts no more. */
export async function voidStrike(em: EntityManager, kase: ClaimCase, voidReason: string, now: Date): Promise<void> {
  const strike = await em.findOne(Strike, kase.id);
  if (strike && strike.voidedAt == null) Object.assign(strike, { voidedAt: now, voidReason });
}

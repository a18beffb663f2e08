import { z } from 'zod';
import { Login } from '../../accounts/login.ts';
import { letter } from '../../accounts/mail/letters.ts';
import type { Mailer } from '../../accounts/mail/mailer.ts';
import { nodeSettings } from '../../accounts/node-settings.ts';
import { defineJob, type JobDefinition } from '../../kit/queue/define.ts';
import type { Settings } from '../../kit/settings.ts';
import { t } from '../../kit/web/messages.ts';
import type { Work } from '../../kit/work.ts';
import { QueueDecision } from '../queue/model.ts';
import { statementOf } from './statement.ts';

interface Teller {
  readonly mailer: Mailer;
  readonly settings: Settings;
  readonly publicUrl: URL;
}
const Payload = z.object({ decisionId: z.string() });

/** After `moderation.restriction-decided`: its owner is told what was done, why, and what they can do about it. */
export const tellOwnerJobOf = (teller: Teller): JobDefinition<typeof Payload> =>
  defineJob({
    name: 'moderation.tell-owner',
    lane: 'clock',
    payload: Payload,
    attempts: 10,
    run: (work, { decisionId }) => tellOwner(work, teller, decisionId),
  });

async function tellOwner(
  work: Pick<Work, 'em' | 'jobs' | 'now'>,
  { mailer, settings, publicUrl }: Teller,
  decisionId: string,
): Promise<void> {
  const { em, now } = work;
  const decision = await em.findOne(QueueDecision, { id: decisionId, state: 'done' });
  const where = { account: decision?.ownerId ?? 0, emailVerifiedAt: { $ne: null } };
  const login = await em.findOne(Login, where, { populate: ['account'] });
  if (!decision || !login) return;
  const { what, rule, facts, appealUntil } = await statementOf(em, decision, now());
  const node = await settings.read(em, nodeSettings);
  const url = new URL(`/decisions/${decisionId}`, publicUrl);
  const begun = letter(node, 'decision', login.account.$.name, { what }, url, false);
  const paragraphs = [
    ...begun.paragraphs,
    ...(rule ? [t('statement.rule', { rule })] : []),
    t('statement.facts', { facts }),
    t('statement.redress', { until: appealUntil }),
  ];
  mailer.post(work, login.email, { ...begun, paragraphs });
  await em.flush();
}

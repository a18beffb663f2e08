import { AppError } from '../errors.ts';
import type { Work } from '../work.ts';
import { type AuditWrite, audited } from './append.ts';

/** Writes down that somebody tried what they may not, and refuses: throws `forbidden`. Outside of any transaction. */
export async function refuseAudited(
  work: Pick<Work, 'em' | 'viewer' | 'now'>,
  attempt: Pick<AuditWrite, 'action' | 'subject' | 'after'>,
  message: string,
): Promise<never> {
  const entry: AuditWrite = { ...attempt, after: { ...attempt.after, refused: message } };
  await audited({ ...work, em: work.em.fork() }, async () => ({ result: null, entries: [entry] }));
  throw new AppError('forbidden', message);
}

import { z } from 'zod';
import { AppError } from '../../../kit/errors.ts';
import { newId } from '../../../kit/ids.ts';
import { t } from '../../../kit/web/messages.ts';
import type { Work } from '../../../kit/work.ts';
import type { Desk } from '../desk.ts';
import { attach, type KeptPicture, keepPictures } from '../files/attachments.ts';
import { type ClaimCase, ENDED } from '../model/case.ts';
import { CaseMessage, type Party, THREADS, type Thread } from '../model/talk.ts';
import { CLAIMS } from '../types/types.ts';
import { tellClaimant, tellUploader } from '../verify/letters.ts';
import { threadsOf } from './lanes.ts';

type Actor = Pick<Work, 'em' | 'viewer' | 'jobs' | 'now'>;

export const MessageForm = z.object({
  thread: z.enum(THREADS),
  text: z
    .string()
    .trim()
    .min(1, t('case.error-text'))
    .max(4_000, t('claim.error-long', { n: 4_000 })),
});

const MOST_MESSAGES = 500;

/** Writes what a party says, with pictures that lie at these paths. Throws `not_found` for a thread that is not theirs. */
export async function say(
  work: Actor & Pick<Work, 'files'>,
  desk: Desk,
  kase: ClaimCase,
  party: Party,
  { thread, text }: z.output<typeof MessageForm>,
  paths: readonly string[] = [],
): Promise<void> {
  const { em } = work;
  if (!threadsOf(kase, party).includes(thread)) throw new AppError('not_found', 'There is no such conversation.');
  if (ENDED.includes(kase.state) && kase.state !== 'closed') throw new AppError('conflict', 'This case has ended.');
  if ((await em.count(CaseMessage, { caseId: kase.id })) >= MOST_MESSAGES) {
    throw new AppError('conflict', 'This case has as many messages as it can have.');
  }
  const pictures = await keepPictures(work, desk, kase, paths);
  await writeMessage(work, kase, thread, { author: party, authorId: work.viewer?.id ?? null }, text, pictures);
  const isFor = (other: Party) => party !== other && (thread === other || thread === 'joint');
  if (isFor('claimant')) await tellClaimant(work, desk, kase, 'message');
  if (isFor('uploader') && kase.uploaderToldAt) await tellUploader(work, desk, kase, 'message');
  await em.flush();
}

/** Persists a message and flushes. */
export async function writeMessage(
  { em, now }: Pick<Work, 'em' | 'now'>,
  { id: caseId }: Pick<ClaimCase, 'id'>,
  thread: Thread,
  { author, authorId }: Pick<CaseMessage, 'author'> & { authorId: number | null },
  text: string,
  pictures: readonly KeptPicture[] = [],
): Promise<void> {
  const said = { id: newId(), caseId, thread, author, authorId, text, createdAt: now() };
  attach(em, em.create(CaseMessage, said, { persist: true }), pictures);
  await em.flush();
}

/** Either party says that they would talk with the other; the thread is there when both have (spec/takedowns.md 2.5). */
export async function wishJoint({ em, now }: Pick<Work, 'em' | 'now'>, kase: ClaimCase, party: Party): Promise<void> {
  if (!CLAIMS[kase.type].hasJointLane || party === 'moderator') {
    throw new AppError('conflict', 'Cases of this type have no joint conversation.');
  }
  if (party === 'claimant') kase.jointClaimantAt ??= now();
  else kase.jointUploaderAt ??= now();
  await em.flush();
}

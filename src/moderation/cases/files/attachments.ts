import type { EntityManager } from '@mikro-orm/core';
import { AppError } from '../../../kit/errors.ts';
import { newId } from '../../../kit/ids.ts';
import { listReferenced } from '../../../kit/storage/references.ts';
import { t } from '../../../kit/web/messages.ts';
import type { Work } from '../../../kit/work.ts';
import type { Desk } from '../desk.ts';
import type { ClaimCase } from '../model/case.ts';
import { CaseAttachment, type CaseMessage, type Party } from '../model/talk.ts';
import { threadsOf } from '../threads/lanes.ts';
import { isSevere } from '../types/types.ts';
import { takePicture } from './picture.ts';

/** Files of one message. */
export const MOST_PICTURES = 3;
export const MOST_PICTURE_BYTES = 10_000_000;
const MOST_IN_A_CASE = 30;
const KEPT = { mostSide: 2_048, mostBytes: 2_000_000 };

/** Pictures may go with the messages of a case; never where a picture is what the case is about (spec/takedowns.md 2.5). */
export const takesPictures = ({ type }: Pick<ClaimCase, 'type'>): boolean => !isSevere(type);

export type KeptPicture = Pick<CaseAttachment, 'sha256' | 'totalBytes' | 'width' | 'height'>;

/**
 * Keeps pictures that are about to go with a message; who may write it has been asked. Throws `conflict` where there are
 * none or too many, and as `takePicture`, naming the field.
 */
export async function keepPictures(
  work: Pick<Work, 'em' | 'viewer' | 'files'>,
  desk: Desk,
  kase: ClaimCase,
  paths: readonly string[],
): Promise<KeptPicture[]> {
  if (paths.length === 0) return [];
  if (!takesPictures(kase)) throw new AppError('conflict', t('case.attach-never'));
  if ((await work.em.count(CaseAttachment, { caseId: kase.id })) + paths.length > MOST_IN_A_CASE) {
    throw new AppError('conflict', t('case.attach-many', { n: MOST_IN_A_CASE }));
  }
  const kept: KeptPicture[] = [];
  for (const path of paths) {
    const { webp, width, height } = await takePicture(work, desk, 'case-attachment', path, KEPT).catch(naming);
    const { sha256, totalBytes } = await work.files.put(webp);
    kept.push({ sha256, totalBytes, width, height });
  }
  return kept;
}

function naming(error: unknown): never {
  if (!(error instanceof AppError)) throw error;
  throw new AppError(error.kind, error.message, { cause: error, fields: { pictures: error.message } });
}

/** Persisted with the message, in one flush. */
export function attach(em: EntityManager, message: CaseMessage, kept: readonly KeptPicture[]): void {
  const { id: messageId, caseId, thread, createdAt } = message;
  for (const picture of kept) {
    em.create(CaseAttachment, { id: newId(), caseId, messageId, thread, createdAt, ...picture }, { persist: true });
  }
}

/** Throws `not_found` for one of another case, and of a thread that is not this party's: as if there were none. */
export async function loadAttachment(
  em: EntityManager,
  kase: ClaimCase,
  party: Party,
  id: string,
): Promise<CaseAttachment> {
  const found = await em.findOne(CaseAttachment, { id, caseId: kase.id, thread: { $in: threadsOf(kase, party) } });
  if (!found) throw new AppError('not_found', 'There is no such picture.');
  return found;
}

/** Their bytes, after the rows are gone: what another row names stays. */
export async function removeBytes({ em, files }: Pick<Work, 'em' | 'files'>, hashes: readonly string[]): Promise<void> {
  if (hashes.length === 0) return;
  const named = await listReferenced(em, hashes);
  for (const sha256 of new Set(hashes)) if (!named.has(sha256)) await files.remove(sha256);
}

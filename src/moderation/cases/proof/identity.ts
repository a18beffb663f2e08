import type { EntityManager } from '@mikro-orm/core';
import { can } from '../../../accounts/permissions.ts';
import { audited } from '../../../kit/audit/append.ts';
import { refuseAudited } from '../../../kit/audit/refuse.ts';
import { AppError } from '../../../kit/errors.ts';
import { t } from '../../../kit/web/messages.ts';
import type { Work } from '../../../kit/work.ts';
import { requireDecider } from '../decide/bars.ts';
import { type Desk, sealPerson, unsealPerson } from '../desk.ts';
import { takePicture } from '../files/picture.ts';
import type { CaseState, ClaimCase } from '../model/case.ts';
import { IdentityProof } from '../model/proofs.ts';
import { isSevere } from '../types/types.ts';

/*
 * A party shows who they are (spec/takedowns.md 2.11): one reviewer opens the picture once, which is written down, and
 * notes what it showed. With that note, or with the decision, the picture is gone; nobody keeps papers here.
 */

export const MOST_PROOF_BYTES = 10_000_000;
/** Sealed in the row, so it is kept small. */
const KEPT = { mostSide: 1_600, mostBytes: 600_000 };
const UNDECIDED: readonly CaseState[] = ['open', 'needs_info', 'notified', 'review', 'appealed'];

export type Side = IdentityProof['party'];
type Actor = Pick<Work, 'em' | 'viewer' | 'now'>;

/** While something is to be decided; of severe cases nobody is asked for papers or pictures. */
const takesProof = ({ type, state, executedAt }: ClaimCase): boolean =>
  !isSevere(type) && UNDECIDED.includes(state) && (state !== 'needs_info' || executedAt == null);

/** `sent`: nobody opened it yet; `opened`: whoever did has not noted anything. */
type Stage = 'sent' | 'opened' | NonNullable<IdentityProof['outcome']>;

const stageOf = ({ outcome, openedAt }: IdentityProof): Stage => outcome ?? (openedAt == null ? 'sent' : 'opened');

export interface OwnIdentity {
  readonly stage: Stage | 'none';
  readonly maySend: boolean;
}

/** What a party sees of their proof; null where there is none and none is taken. */
export async function loadOwnIdentity(em: EntityManager, kase: ClaimCase, party: Side): Promise<OwnIdentity | null> {
  const proof = await em.findOne(IdentityProof, { caseId: kase.id, party });
  if (!proof && !takesProof(kase)) return null;
  const stage = proof ? stageOf(proof) : 'none';
  return { stage, maySend: takesProof(kase) && stage !== 'opened' && stage !== 'shown' };
}

export interface IdentityView {
  readonly party: Side;
  readonly partyLabel: string;
  readonly stage: Stage;
  /** The viewer opened it and has to say what it showed. */
  readonly isMine: boolean;
}

export async function loadIdentities(em: EntityManager, caseId: string, viewerId: number): Promise<IdentityView[]> {
  const proofs = await em.find(IdentityProof, { caseId }, { orderBy: { party: 'asc' } });
  return proofs.map((proof) => {
    const stage = stageOf(proof);
    const { party, openerId } = proof;
    return { party, stage, partyLabel: t(`case.party-${party}`), isMine: stage === 'opened' && openerId === viewerId };
  });
}

/** Takes a proof in, in place of one that nobody opened or that did not show it. Throws `conflict`, and as `takePicture`. */
export async function sendIdentity(
  work: Actor,
  desk: Desk,
  kase: ClaimCase,
  party: Side,
  path: string | undefined,
): Promise<void> {
  const { maySend = false } = (await loadOwnIdentity(work.em, kase, party)) ?? {};
  if (!maySend) throw new AppError('conflict', t('case.identity-error-not-now'));
  const nothing = t('case.identity-error-none');
  if (!path) throw new AppError('invalid', nothing, { fields: { identity: nothing } });
  const { webp } = await takePicture(work, desk, 'identity-proof', path, KEPT).catch(naming);
  const sealed = sealPerson(desk, { webp: webp.toString('base64') });
  await audited(work, async (em) => {
    const fresh = { sealed, sentAt: work.now(), openedAt: null, openerId: null, outcome: null, deletedAt: null };
    const known = await em.findOne(IdentityProof, { caseId: kase.id, party }, { refresh: true });
    if (known && stageOf(known) === 'opened') throw new AppError('conflict', t('case.identity-error-not-now'));
    if (known) Object.assign(known, fresh);
    else em.create(IdentityProof, { caseId: kase.id, party, ...fresh }, { persist: true });
    const entry = { action: 'case.send-identity', subject: { kind: 'case', id: kase.id }, role: party };
    return { result: null, entries: [entry] };
  });
}

function naming(error: unknown): never {
  if (!(error instanceof AppError)) throw error;
  throw new AppError(error.kind, error.message, { cause: error, fields: { identity: error.message } });
}

/**
 * The picture, for one reviewer and once: of two at once one gets it, and nobody afterwards. Throws `forbidden` without
 * the permission to see who filed a case, `conflict` when it was opened or is gone.
 */
export async function openIdentity(work: Actor, desk: Desk, caseId: string, party: Side): Promise<string> {
  await requireDecider(work, caseId, 'case.open-identity');
  const subject = { kind: 'case', id: caseId };
  const { viewer } = work;
  if (!viewer || !can(viewer, 'seeClaimants')) {
    return refuseAudited(work, { action: 'case.open-identity', subject, after: { party } }, t('case.identity-may-not'));
  }
  return audited(work, async (em) => {
    const proof = await em.findOne(IdentityProof, { caseId, party }, { refresh: true });
    const opened = { openedAt: work.now(), openerId: viewer.id };
    const isFirst =
      proof?.sealed != null &&
      (await em.nativeUpdate(IdentityProof, { caseId, party, openedAt: null, sealed: proof.sealed }, opened)) === 1;
    if (!isFirst) throw new AppError('conflict', t('case.identity-once'));
    const { webp } = unsealPerson<{ webp: string }>(desk, proof.sealed ?? '');
    return {
      result: `data:image/webp;base64,${webp}`,
      entries: [{ action: 'case.open-identity', subject, after: { party, opened: true } }],
    };
  });
}

/** What it showed, by who opened it; the picture is gone with that. */
export async function noteIdentity(
  work: Actor,
  caseId: string,
  party: Side,
  outcome: 'shown' | 'not-shown',
): Promise<void> {
  await requireDecider(work, caseId, 'case.note-identity');
  await audited(work, async (em) => {
    const mine = { caseId, party, openerId: work.viewer?.id ?? 0, outcome: null };
    const noted = await em.nativeUpdate(IdentityProof, mine, { outcome, sealed: null, deletedAt: work.now() });
    if (noted !== 1) throw new AppError('conflict', t('case.identity-not-yours'));
    const entry = { action: 'case.note-identity', subject: { kind: 'case', id: caseId }, after: { party, outcome } };
    return { result: null, entries: [entry] };
  });
}

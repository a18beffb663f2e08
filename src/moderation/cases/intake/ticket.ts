import { createHash, randomBytes } from 'node:crypto';
import { sign, unsign } from '../../../accounts/access/secrets.ts';

/*
 * Against floods, without a third party: a browser with scripts finds a number whose hash begins with zero bits, one
 * without waits twenty seconds. Each form can be sent once.
 */

const MAX_AGE_MS = 12 * 3_600_000;
const DELAY_MS = 20_000;
export const PROOF_BITS = 15;

export const makeTicket = (secretKey: string, now: Date): string =>
  sign(secretKey, 'claim ticket', `${now.getTime()}-${randomBytes(12).toString('hex')}`);

/** Was work done for this form, or did its sender take the time that a person needs? */
export function isEarned(secretKey: string, ticket: string, proof: string, now: Date): boolean {
  const madeAt = Number((unsign(secretKey, 'claim ticket', ticket) ?? '').split('-')[0]);
  if (!Number.isSafeInteger(madeAt) || madeAt === 0) return false;
  const ageMs = now.getTime() - madeAt;
  return ageMs < MAX_AGE_MS && (ageMs >= DELAY_MS || isProof(ticket, proof));
}

function isProof(ticket: string, proof: string): boolean {
  if (!/^\d{1,12}$/.test(proof)) return false;
  const digest = createHash('sha256').update(`${ticket}:${proof}`).digest();
  return digest.readUInt32BE(0) >>> (32 - PROOF_BITS) === 0;
}

import { Secret, TOTP } from 'otpauth';
import { AppError } from '../../../kit/errors.ts';
import { newId } from '../../../kit/ids.ts';
import type { Work } from '../../../kit/work.ts';
import type { Account } from '../../model.ts';
import { Credential } from '../model.ts';
import { seal, unseal } from '../secrets.ts';

const PERIOD_SECONDS = 30;
// RFC 6238, 5.2: one step back for delay, and one ahead for clocks that are fast
const WINDOW = 1;

interface Keys {
  readonly secretKey: string;
  readonly issuer: string;
}

const totpOf = (secret: string, issuer: string, label: string): TOTP =>
  new TOTP({ issuer, label, secret: Secret.fromBase32(secret), period: PERIOD_SECONDS, digits: 6, algorithm: 'SHA1' });

/** Begins, or begins anew, to set up an authenticator app; it counts once it has shown a code. Flushes. */
export async function beginTotp(
  { em, now }: Pick<Work, 'em' | 'now'>,
  account: Account,
  { secretKey, issuer }: Keys,
): Promise<{ qrSvgUri: string; secret: string }> {
  const known = await em.findOne(Credential, { account, kind: 'totp' });
  if (known?.confirmedAt) throw new AppError('conflict', 'An authenticator app is already set up.');
  const secret = known ? unseal(secretKey, known.secret) : new Secret({ size: 20 }).base32;
  if (!known) {
    const sealed = seal(secretKey, secret);
    await em
      .persist(em.create(Credential, { id: newId(), account, kind: 'totp', secret: sealed, createdAt: now() }))
      .flush();
  }
  const { default: QRCode } = await import('qrcode'); // seldom needed, and large
  const svg = await QRCode.toString(totpOf(secret, issuer, account.name).toString(), { type: 'svg', margin: 2 });
  return { qrSvgUri: `data:image/svg+xml;base64,${Buffer.from(svg).toString('base64')}`, secret };
}

/** Is this the app's code now? Each works once: a code that was read over a shoulder or on the wire is worth nothing. */
export async function useTotp(
  { em, now }: Pick<Work, 'em' | 'now'>,
  account: Account,
  code: string,
  secretKey: string,
): Promise<boolean> {
  const known = await em.findOne(Credential, { account, kind: 'totp' });
  if (!known || !/^\d{6}$/.test(code)) return false;
  const totp = totpOf(unseal(secretKey, known.secret), '', account.name);
  const timestamp = now().getTime();
  const delta = totp.validate({ token: code, timestamp, window: WINDOW });
  if (delta === null) return false;
  const step = Math.floor(timestamp / 1_000 / PERIOD_SECONDS) + delta;
  // one statement, so that of two requests with the same code one loses
  const taken = await em.nativeUpdate(
    Credential,
    { id: known.id, counter: { $lt: step } },
    { counter: step, usedAt: now(), confirmedAt: known.confirmedAt ?? now() },
  );
  return taken === 1;
}

export async function hasTotp({ em }: Pick<Work, 'em'>, account: Account): Promise<boolean> {
  return (await em.count(Credential, { account, kind: 'totp', confirmedAt: { $ne: null } })) > 0;
}

/** Takes the app and its recovery codes away. */
export async function removeTotp({ em }: Pick<Work, 'em'>, account: Account): Promise<void> {
  await em.nativeDelete(Credential, { account: account.id, kind: { $in: ['totp', 'recovery'] } });
}

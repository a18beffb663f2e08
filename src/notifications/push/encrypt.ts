import { createCipheriv, createECDH, createHmac, randomBytes } from 'node:crypto';

/*
 * A message for one browser, which the push service in between cannot read (RFC 8291): a key that both sides derive from
 * a fresh key of ours, the browser's own and its secret, and one record of aes128gcm (RFC 8188) under it.
 */

export interface Recipient {
  /** Base64url: the uncompressed P-256 point of the browser, 65 bytes, and its secret, 16 bytes. */
  readonly p256dh: string;
  readonly auth: string;
}

/** A body must be no larger for any push service (RFC 8030, 7.2); the header takes 86 of it, the tag and padding 17. */
export const MOST_PUSH_BYTES = 4_096 - 86 - 17;
const RECORD_BYTES = 4_096;

const hmac = (key: Uint8Array, ...parts: readonly (Uint8Array | string)[]): Buffer =>
  parts.reduce((mac, part) => mac.update(part), createHmac('sha256', key)).digest();

/** `salt` and `privateKey` are of chance; tests give those of RFC 8291, appendix A. Throws for keys that are none. */
export function encryptPush(
  plain: Buffer,
  { p256dh, auth }: Recipient,
  { salt = randomBytes(16), privateKey }: { readonly salt?: Buffer; readonly privateKey?: Buffer } = {},
): Buffer {
  if (plain.length > MOST_PUSH_BYTES) throw new RangeError('a push message is too long');
  const ours = createECDH('prime256v1');
  if (privateKey) ours.setPrivateKey(privateKey);
  else ours.generateKeys();
  const [theirPoint, ourPoint] = [Buffer.from(p256dh, 'base64url'), ours.getPublicKey()];
  // RFC 8291, 3.4
  const shared = hmac(Buffer.from(auth, 'base64url'), ours.computeSecret(theirPoint));
  const material = hmac(shared, 'WebPush: info\0', theirPoint, ourPoint, Buffer.of(1));
  // RFC 8188, 2.2 and 2.3
  const pseudoRandom = hmac(salt, material);
  const key = hmac(pseudoRandom, 'Content-Encoding: aes128gcm\0', Buffer.of(1)).subarray(0, 16);
  const nonce = hmac(pseudoRandom, 'Content-Encoding: nonce\0', Buffer.of(1)).subarray(0, 12);
  const cipher = createCipheriv('aes-128-gcm', key, nonce);
  // 2 ends the last record, and there is only one
  const record = Buffer.concat([
    cipher.update(plain),
    cipher.update(Buffer.of(2)),
    cipher.final(),
    cipher.getAuthTag(),
  ]);
  const head = Buffer.alloc(21);
  salt.copy(head);
  head.writeUInt32BE(RECORD_BYTES, 16);
  head.writeUInt8(ourPoint.length, 20);
  return Buffer.concat([head, ourPoint, record]);
}

/** Can be a recipient: a point of the curve, and a secret of the right length. */
export function isRecipient({ p256dh, auth }: Recipient): boolean {
  const point = Buffer.from(p256dh, 'base64url');
  if (point.length !== 65 || Buffer.from(auth, 'base64url').length !== 16) return false;
  try {
    const ecdh = createECDH('prime256v1');
    ecdh.generateKeys();
    ecdh.computeSecret(point);
    return true;
  } catch {
    return false;
  }
}

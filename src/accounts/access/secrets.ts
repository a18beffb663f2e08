import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  hkdfSync,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';

/** What is stored of a secret of `randomToken`. It has 256 bits of chance in it, so a fast hash without salt is enough. */
export const hashSecret = (secret: string): string => createHash('sha256').update(secret).digest('hex');

const keyFor = (secretKey: string, purpose: string): Buffer =>
  Buffer.from(hkdfSync('sha256', secretKey, '', `tessera ${purpose}`, 32));

/** Encrypts what we must read again, so that a copy of the database alone does not give it away. AES-256-GCM. */
export function seal(secretKey: string, text: string): string {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', keyFor(secretKey, 'seal'), nonce);
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64url');
}

/** Throws when the key is another or the text was changed. */
export function unseal(secretKey: string, sealed: string): string {
  const bytes = Buffer.from(sealed, 'base64url');
  const decipher = createDecipheriv('aes-256-gcm', keyFor(secretKey, 'seal'), bytes.subarray(0, 12));
  decipher.setAuthTag(bytes.subarray(12, 28));
  return Buffer.concat([decipher.update(bytes.subarray(28)), decipher.final()]).toString('utf8');
}

/** `text.mac`: readable by the browser, not changeable. */
export const sign = (secretKey: string, purpose: string, text: string): string =>
  `${text}.${mac(secretKey, purpose, text)}`;

/** The text of `sign`, or null when it is not ours. */
export function unsign(secretKey: string, purpose: string, signed: string): string | null {
  const at = signed.lastIndexOf('.');
  const text = signed.slice(0, at);
  const given = Buffer.from(signed.slice(at + 1));
  const expected = Buffer.from(mac(secretKey, purpose, text));
  return at > 0 && given.length === expected.length && timingSafeEqual(given, expected) ? text : null;
}

const mac = (secretKey: string, purpose: string, text: string): string =>
  createHmac('sha256', keyFor(secretKey, purpose)).update(text).digest('base64url');

/** Finds the same text again without keeping it: nobody without the key can try texts out. Hex, 64 digits. */
export const keyedHash = (secretKey: string, purpose: string, text: string): string =>
  createHmac('sha256', keyFor(secretKey, purpose)).update(text).digest('hex');

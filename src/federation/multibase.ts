const ALPHABET = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
const ED25519_PUBLIC = Buffer.from([0xed, 0x01]); // multicodec ed25519-pub
const SHA256_MULTIHASH = Buffer.from([0x12, 0x20]); // sha2-256, 32 bytes
/** Longer than any key or digest we know; base58 takes quadratic time. */
const LONGEST_TEXT = 128;

/** Base58 with Bitcoin's alphabet behind multibase's `z`. */
export function toMultibase(bytes: Buffer): string {
  let value = bytes.length === 0 ? 0n : BigInt(`0x${bytes.toString('hex')}`);
  let text = '';
  for (; value > 0n; value /= 58n) text = ALPHABET.charAt(Number(value % 58n)) + text;
  const zeros = bytes.findIndex((byte) => byte !== 0);
  return `z${'1'.repeat(zeros === -1 ? bytes.length : zeros)}${text}`;
}

/** Null when the text is not base58 multibase. */
export function fromMultibase(text: string): Buffer | null {
  if (!text.startsWith('z') || text.length > LONGEST_TEXT) return null;
  let value = 0n;
  for (const character of text.slice(1)) {
    const digit = ALPHABET.indexOf(character);
    if (digit === -1) return null;
    value = value * 58n + BigInt(digit);
  }
  const zeros = /^1*/.exec(text.slice(1))?.[0].length ?? 0;
  const hex = value === 0n ? '' : value.toString(16);
  return Buffer.concat([Buffer.alloc(zeros), Buffer.from(hex.length % 2 ? `0${hex}` : hex, 'hex')]);
}

/** A Multikey's `publicKeyMultibase` for 32 raw bytes of Ed25519, and back. */
export const toEd25519Multikey = (raw: Buffer): string => toMultibase(Buffer.concat([ED25519_PUBLIC, raw]));
export const fromEd25519Multikey = (text: string): Buffer | null => withoutPrefix(text, ED25519_PUBLIC);

/** FEP-1311's `digestMultibase` for a SHA-256 in hexadecimal, and back. */
export const toDigestMultibase = (sha256: string): string =>
  toMultibase(Buffer.concat([SHA256_MULTIHASH, Buffer.from(sha256, 'hex')]));
export const fromDigestMultibase = (text: string): string | null =>
  withoutPrefix(text, SHA256_MULTIHASH)?.toString('hex') ?? null;

function withoutPrefix(text: string, prefix: Buffer): Buffer | null {
  const bytes = fromMultibase(text);
  if (bytes?.length !== prefix.length + 32 || !bytes.subarray(0, prefix.length).equals(prefix)) return null;
  return bytes.subarray(prefix.length);
}

import { randomBytes } from 'node:crypto';

let lastMs = 0;
let sequence = 0;

/**
 * A UUIDv7 (RFC 9562, 5.7): 48 bits of milliseconds, then 12 bits that count up within one (method 1 of 6.2), so that
 * ids of one process sort in the order in which they were made.
 */
export function newId(nowMs: number = Date.now()): string {
  const bytes = randomBytes(16);
  if (nowMs > lastMs) {
    lastMs = nowMs;
    sequence = bytes.readUInt16BE(6) & 0x7ff; // the top bit is left free, to count into
  } else {
    sequence += 1;
    if (sequence > 0xfff) {
      lastMs += 1; // more than 2,048 within a millisecond: borrow from the next
      sequence = 0;
    }
  }
  bytes.writeUIntBE(lastMs, 0, 6);
  bytes.writeUInt16BE(0x7000 | sequence, 6);
  bytes.writeUInt8(0x80 | (bytes.readUInt8(8) & 0x3f), 8);
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** A secret for links, sessions and API tokens: base64url, 8 bits of chance a byte. */
export function randomToken(byteCount = 32): string {
  return randomBytes(byteCount).toString('base64url');
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Whether a text from outside can be an id of ours. PostgreSQL refuses to compare a UUID with anything else. */
export const isId = (text: string): boolean => UUID.test(text);

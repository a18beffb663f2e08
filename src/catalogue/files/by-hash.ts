import type { Parameter } from '../../kit/database/sql.ts';

// A file is named by hashes of many lengths:
//   64 digits   SHA-256 of the file, of its tensors, or BLAKE3
//   12          AutoV3: the start of the SHA-256 of the tensors
//   10          AutoV2: the start of the SHA-256 of the file
//   8           AutoV1, CRC32, or the start of either SHA-256
// Others from 8 up are taken as the start of one of the two (tools cut hashes where they like).

export const LEAST_HASH_DIGITS = 8;
/** A hash that is shorter than this has its own column beside the prefixes. */
const SHORT_DIGITS = 8;
/** SHA-256 of nothing, which broken tools write for everything. */
const OF_NOTHING = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** In lower case. */
export const isFileHash = (hash: string): boolean =>
  new RegExp(`^[0-9a-f]{${LEAST_HASH_DIGITS},64}$`).test(hash) && !OF_NOTHING.startsWith(hash);

/** What somebody typed or pasted, as we write hashes; null when it is none. */
export function readFileHash(text: string): string | null {
  const hash = text.trim().toLowerCase().replace(/^0x/, '');
  return isFileHash(hash) ? hash : null;
}

/** A subquery with the ids of the files that have this hash: one branch for each column, so that each uses its own index. */
export function filesWithHash(hash: string): { readonly sql: string; readonly values: readonly Parameter[] } {
  const where: string[] = [];
  const values: Parameter[] = [];
  for (const column of ['sha256', 'tensor_sha256']) {
    // a range, which every index serves: hex digits sort below `g`
    where.push(hash.length === 64 ? `f.${column} = ?` : `(f.${column} >= ? and f.${column} < ?)`);
    values.push(...(hash.length === 64 ? [hash] : [hash, `${hash}g`]));
  }
  if (hash.length === 64) where.push('f.blake3 = ?');
  if (hash.length === SHORT_DIGITS) where.push('f.auto_v1 = ?', 'f.crc32 = ?');
  values.push(...where.slice(2).map(() => hash));
  const sql = where.map((condition) => `select f.id from model_file f where ${condition}`).join(' union ');
  return { sql, values };
}

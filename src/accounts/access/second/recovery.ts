import { randomBytes } from 'node:crypto';
import { newId } from '../../../kit/ids.ts';
import type { Work } from '../../../kit/work.ts';
import type { Account } from '../../model.ts';
import { Credential } from '../model.ts';
import { hashSecret } from '../secrets.ts';

const COUNT = 10;
// base32 of Crockford: no i, l, o or u, which are misread
const LETTERS = '0123456789abcdefghjkmnpqrstvwxyz';

/** 80 bits, in four groups of four. */
const newCode = (): string =>
  Array.from(randomBytes(16), (byte) => LETTERS[byte & 31])
    .join('')
    .replace(/(.{4})(?=.)/g, '$1-');

const plain = (code: string): string =>
  code
    .toLowerCase()
    .replace(/[^0-9a-z]/g, '')
    .replaceAll('o', '0')
    .replace(/[il]/g, '1');

/** Makes new recovery codes in place of the old. They are shown once. Flushes. */
export async function renewRecoveryCodes(
  { em, now }: Pick<Work, 'em' | 'now'>,
  account: Account,
): Promise<readonly string[]> {
  await em.nativeDelete(Credential, { account: account.id, kind: 'recovery' });
  const codes = Array.from({ length: COUNT }, newCode);
  for (const code of codes) {
    const secret = hashSecret(plain(code));
    em.persist(em.create(Credential, { id: newId(), account, kind: 'recovery', secret, createdAt: now() }));
  }
  await em.flush();
  return codes;
}

/** Is this a recovery code that was not used? It is gone after this. */
export async function useRecoveryCode({ em }: Pick<Work, 'em'>, account: Account, code: string): Promise<boolean> {
  const secret = hashSecret(plain(code));
  return (await em.nativeDelete(Credential, { account: account.id, kind: 'recovery', secret })) > 0;
}

export async function countRecoveryCodes({ em }: Pick<Work, 'em'>, account: Account): Promise<number> {
  return em.count(Credential, { account, kind: 'recovery' });
}

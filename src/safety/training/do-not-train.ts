import { defineEntity, type EntityManager, type InferEntity, p } from '@mikro-orm/core';
import { inList, rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';

/** A picture whose maker does not want that anybody trains on it here, by what its bytes are. */
export const DoNotTrain = defineEntity({
  name: 'DoNotTrain',
  properties: {
    /** SHA-256 of the file, as its maker has it or as it was posted here. */
    sha256: p.string().length(64).primary(),
    source: p.enum(['opt-out', 'style-case']),
    /** The case or the request behind it. */
    reference: p.string().length(64).default(''),
    createdAt: p.datetime(),
  },
});
export interface DoNotTrain extends InferEntity<typeof DoNotTrain> {}

const MOST_AT_ONCE = 2_000;

/** Adds works to the registry; what is in it already stays. Returns how many are new. Throws `invalid`, `too_large`. */
export async function addDoNotTrain(
  em: EntityManager,
  works: {
    readonly sha256s: readonly string[];
    readonly source: DoNotTrain['source'];
    readonly reference?: string;
  },
  now: Date,
): Promise<number> {
  const hashes = [...new Set(works.sha256s.map((hash) => hash.toLowerCase()))];
  if (hashes.length > MOST_AT_ONCE) throw new AppError('too_large', `At most ${MOST_AT_ONCE} works at once.`);
  if (!hashes.every((hash) => /^[0-9a-f]{64}$/.test(hash)))
    throw new AppError('invalid', 'A SHA-256 has 64 hex digits.');
  const known = await findDoNotTrain(em, hashes);
  const fresh = hashes.filter((hash) => !known.has(hash));
  const { source, reference = '' } = works;
  for (const sha256 of fresh) em.create(DoNotTrain, { sha256, source, reference, createdAt: now }, { persist: true });
  await em.flush();
  return fresh.length;
}

/** Those of the hashes that are in the registry. */
export async function findDoNotTrain(em: EntityManager, sha256s: readonly string[]): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  for (let from = 0; from < sha256s.length; from += 500) {
    const some = sha256s.slice(from, from + 500);
    const known = await rows<{ sha256: string }>(
      em,
      `select sha256 from do_not_train where sha256 in (${inList(some)})`,
      some,
    );
    for (const { sha256 } of known) found.add(sha256);
  }
  return found;
}

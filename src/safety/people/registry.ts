import { z } from 'zod';
import { AppError } from '../../kit/errors.ts';
import { newId } from '../../kit/ids.ts';
import { t } from '../../kit/web/messages.ts';
import type { Work } from '../../kit/work.ts';
import { hashName, type NameHashes } from '../prompts/match/people.ts';
import { ProtectedName, ProtectedPerson } from './model.ts';

const MOST_NAMES = 8;
const MOST_OPEN = 500;

export const ProtectForm = z.object({
  /** One a line. */
  names: z
    .string()
    .transform((text) => text.replaceAll('\u0000', '').split('\n'))
    .transform((lines) => lines.map((line) => line.trim().replace(/\s+/g, ' ')).filter((line) => line !== ''))
    .refine((names) => names.length > 0, 'Write the name.')
    .refine((names) => names.length <= MOST_NAMES, `At most ${MOST_NAMES} ways to write it.`)
    .refine((names) => names.every((name) => name.length >= 2 && name.length <= 80), 'A name has 2 to 80 characters.'),
  note: z.string().trim().max(1_000, 'At most 1,000 characters.').default(''),
  isMe: z.literal('1', 'Say that it is you, or that you may speak for them.'),
});

type Writing = Pick<Work, 'em' | 'now'>;

/** Somebody asks never to be generated; it holds when staff have confirmed it. Throws `unavailable` when too many wait. */
export async function requestProtection(
  { em, now }: Writing,
  { names, note }: Pick<z.output<typeof ProtectForm>, 'names' | 'note'>,
): Promise<void> {
  if ((await em.count(ProtectedPerson, { state: 'requested' })) >= MOST_OPEN) {
    throw new AppError('unavailable', t('protect.full'));
  }
  const person = {
    id: newId(),
    source: 'self' as const,
    names: names.join('\n'),
    note: note || null,
    createdAt: now(),
  };
  await em.persist(em.create(ProtectedPerson, person)).flush();
}

/** Staff confirm or refuse; the name in clear goes either way. Throws `not_found` for what does not wait. */
export async function decideProtection(
  { em, viewer, now }: Writing & Pick<Work, 'viewer'>,
  secretKey: string,
  id: string,
  outcome: 'active' | 'refused',
): Promise<void> {
  await em.transactional(async (tx) => {
    const person = await tx.findOne(ProtectedPerson, { id, state: 'requested' });
    if (!person) throw new AppError('not_found', 'There is no such request.');
    const names = (person.names ?? '').split('\n');
    Object.assign(person, {
      state: outcome,
      names: null,
      note: null,
      decidedAt: now(),
      decidedById: viewer?.id ?? null,
    });
    if (outcome === 'refused') return;
    for (const { first, whole } of names.flatMap((name) => hashName(nameKey(secretKey), name))) {
      tx.create(ProtectedName, { id: newId(), person, firstHash: first, wholeHash: whole }, { persist: true });
    }
  });
}

/** Of its own, so that what is signed elsewhere with the secret tells nothing of a name. */
export const nameKey = (secretKey: string): string => `${secretKey} protected-names`;

export async function listNameHashes({ em }: Pick<Work, 'em'>): Promise<NameHashes[]> {
  const names = await em.find(ProtectedName, { person: { state: 'active' } }, { limit: 200_000, orderBy: { id: 1 } });
  return names.map(({ firstHash, wholeHash }) => ({ first: firstHash, whole: wholeHash }));
}

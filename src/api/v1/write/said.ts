import type { EntityManager } from '@mikro-orm/core';
import { z } from 'zod';
import { isWaiting, type Worded } from '../../../safety/words/hold.ts';

// What writing answers: the thing as it is now where programs go on with it, else no more than that it is done.

export const Done = z.object({ ok: z.literal(true) });
export const done = { ok: true } as const;

/** Published, or kept until somebody of the node has looked at its words. */
export const Published = z.object({ url: z.url(), waiting: z.boolean() });

export const published = async (
  em: EntityManager,
  url: string,
  thing: Worded,
): Promise<z.output<typeof Published>> => ({
  url,
  waiting: await isWaiting(em.fork(), thing),
});

/** A moment; with an offset, or `Z`. */
const Moment = z.iso.datetime({ offset: true });
/** When it is to be public; absent is now. */
export const When = z.strictObject({ publishAt: Moment.optional() });

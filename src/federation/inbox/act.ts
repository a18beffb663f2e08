import type { Account } from '../../accounts/model.ts';
import type { Work } from '../../kit/work.ts';
import type { Federation } from '../deps.ts';
import type { Json } from '../json.ts';
import type { ApObject } from '../normalise.ts';

/** A proven activity whose actor is written down here. */
export interface IncomingAct {
  readonly id: string;
  readonly actorId: string;
  readonly actor: Account;
  readonly activity: ApObject;
  readonly raw: Json;
}

export type InboxWork = Pick<Work, 'em' | 'viewer' | 'jobs' | 'words' | 'now'>;

/** Carries out one activity; running it twice is harmless. Returns `done`, or why it had no effect. */
export type Handler = (work: InboxWork, federation: Federation, act: IncomingAct) => Promise<string>;

/** The object of the activity as it stood in the body. */
export function rawObject(raw: Json): Json {
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) return null;
  const object = (raw as { readonly [key: string]: Json }).object ?? null;
  return Array.isArray(object) ? (object[0] ?? null) : object;
}

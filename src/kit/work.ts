import type { EntityManager } from '@mikro-orm/core';
import type { Jobs } from './queue/jobs.ts';
import type { Files } from './storage/files.ts';

/** Who asks: a signed-in account, by what the rules need of it. */
export interface Viewer {
  readonly id: number;
  readonly name: string;
  /** Bits of accounts/permissions.ts. */
  readonly permissions: number;
  /** Ratings that this person browses, as bits. */
  readonly levels: number;
  /** What a token may do; null for a session, which may do all that the person may. */
  readonly scopes: ReadonlySet<string> | null;
  /** The host whose people this asks for: another server's own actor. Absent for everybody else. */
  readonly speaksFor?: string;
}

/** Words that somebody is about to put before others. Where they stand is for the reader to know. */
export interface Saying {
  readonly author: { readonly id: number; readonly permissions: number };
  /** Of another node: nothing is refused to it, and nobody is stopped for it. */
  readonly isRemote?: boolean;
  /** The rating that they stand beside; 1 where there is none. */
  readonly level: number;
  readonly texts: readonly { readonly scope: string; readonly text: string; readonly field?: string }[];
}

/** Reads words before everybody does; a room above this one knows what may be said. */
export interface Words {
  /** Why somebody looks at them first; null when nobody has to. Throws `invalid` at the field for what may not be said. */
  read(saying: Saying): Promise<string | null>;
}

/** What a request, a job and a command have in common. A service names the parts that it uses. */
export interface Work {
  /** Forked for this work; one flush is one transaction. */
  readonly em: EntityManager;
  /** Null is a visitor, or the node itself. */
  readonly viewer: Viewer | null;
  readonly jobs: Jobs;
  readonly files: Files;
  /** Ask it before a transaction: what it finds is written down at once, whatever becomes of the rest. */
  readonly words: Words;
  readonly now: () => Date;
}

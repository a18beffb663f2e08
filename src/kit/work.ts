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

/** What a request, a job and a command have in common. A service names the parts that it uses. */
export interface Work {
  /** Forked for this work; one flush is one transaction. */
  readonly em: EntityManager;
  /** Null is a visitor, or the node itself. */
  readonly viewer: Viewer | null;
  readonly jobs: Jobs;
  readonly files: Files;
  readonly now: () => Date;
}

import type { z } from 'zod';
import type { Scope } from '../../accounts/scopes.ts';
import type { Eyes } from '../../gallery/views.ts';
import type { StoredBytes } from '../../kit/web/bytes.ts';
import type { ServerEvent } from '../../kit/web/event-stream.ts';
import type { UploadedFile } from '../../kit/web/multipart.ts';
import type { Limit } from '../../kit/web/rate-limit.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import type { ApiDeps } from '../deps.ts';

/** Who asks for what, and where. */
export interface Ask extends Work {
  /** What whoever asks may be given unasked. */
  readonly eyes: Eyes;
  readonly origin: string;
  /** What the services of the pages lean on. */
  readonly deps: ApiDeps;
  /** The address that was asked, under the node's own name. */
  readonly url: URL;
}

/** The ask of an operation that needs a token: whose it is. */
export interface OwnAsk extends Ask {
  readonly viewer: Viewer;
  /** Takes one from a bucket that the page of the same act takes from too. Throws `rate_limited`. */
  take(limit: Limit): void;
}

type Read<Schema> = Schema extends z.ZodType ? z.output<Schema> : undefined;

interface Given<Params, Query, Body> {
  readonly params: Read<Params>;
  readonly query: Read<Query>;
  readonly body: Read<Body>;
  /** Of a form with files; they are gone when the operation ended. */
  readonly files: readonly UploadedFile[];
}

/** Files of a multipart form. */
interface FilesTaken {
  readonly most: number;
  readonly mostBytes: (deps: ApiDeps) => number;
  readonly limit: Limit;
  /** What is put in, for the document. */
  readonly description: string;
}

interface Described<Params, Query, Body> {
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** Under `/api/v1`, as the router writes it. */
  readonly path: string;
  /** Its name in the document. */
  readonly name: string;
  readonly summary: string;
  /** What belongs together on the page. */
  readonly group?: string;
  readonly params?: Params;
  readonly query?: Query;
  readonly body?: Body;
  readonly maxBodyBytes?: number;
  readonly files?: FilesTaken;
  /** Seconds that caches on the way may keep what everybody gets. */
  readonly cacheSeconds?: number;
  /** Of a success; 200 where nothing is said. */
  readonly status?: 201 | 202;
  /** A scope that it needs beside its own. */
  readonly alsoScope?: Scope;
  /** Takes `Idempotency-Key`: what would hurt when it is sent twice. */
  readonly once?: true;
}

/** JSON out; also without a token. */
export interface OpenOperation<Params, Query, Body, Answer extends z.ZodType> extends Described<Params, Query, Body> {
  readonly answer: Answer;
  run(ask: Ask, given: Given<Params, Query, Body>): Promise<z.output<Answer>>;
}

/** JSON out, to whoever sends a token with this scope. */
export interface OwnOperation<Params, Query, Body, Answer extends z.ZodType> extends Described<Params, Query, Body> {
  readonly scope: Scope;
  readonly answer: Answer;
  run(ask: OwnAsk, given: Given<Params, Query, Body>): Promise<z.output<Answer>>;
}

/** Server-sent events, each with the data that `event` says. */
export interface StreamOperation<Params> extends Described<Params, undefined, undefined> {
  readonly scope: Scope;
  readonly event: z.ZodType;
  /** Throws before the first event what the operation refuses. */
  open(
    ask: OwnAsk,
    given: Given<Params, undefined, undefined>,
  ): Promise<(signal: AbortSignal, lastEventId: string | null) => AsyncIterable<ServerEvent>>;
}

/** Stored bytes. */
export interface BytesOperation<Params> extends Described<Params, undefined, undefined> {
  readonly scope: Scope;
  readonly mediaType: string;
  find(
    ask: OwnAsk,
    given: Given<Params, undefined, undefined>,
  ): Promise<Pick<StoredBytes, 'sha256' | 'totalBytes' | 'fileName' | 'contentType'>>;
}

type Shape = z.ZodObject | undefined;

/** Of any shape, as they stand in one list. */
export interface Operation extends Described<Shape, Shape, z.ZodType | undefined> {
  readonly scope?: Scope;
  readonly answer?: z.ZodType;
  readonly event?: z.ZodType;
  readonly mediaType?: string;
  run?(ask: OwnAsk, given: object): Promise<unknown>;
  open?(
    ask: OwnAsk,
    given: object,
  ): Promise<(signal: AbortSignal, lastEventId: string | null) => AsyncIterable<ServerEvent>>;
  find?(ask: OwnAsk, given: object): Promise<Pick<StoredBytes, 'sha256' | 'totalBytes' | 'fileName' | 'contentType'>>;
}

// Each ties the types of one operation together and then forgets them.

export const defineOperation = <
  Answer extends z.ZodType,
  Params extends Shape = undefined,
  Query extends Shape = undefined,
  Body extends z.ZodType | undefined = undefined,
>(
  operation: OpenOperation<Params, Query, Body, Answer>,
): Operation => operation as unknown as Operation;

export const defineOwn = <
  Answer extends z.ZodType,
  Params extends Shape = undefined,
  Query extends Shape = undefined,
  Body extends z.ZodType | undefined = undefined,
>(
  operation: OwnOperation<Params, Query, Body, Answer>,
): Operation => operation as unknown as Operation;

export const defineStream = <Params extends Shape = undefined>(operation: StreamOperation<Params>): Operation =>
  operation as unknown as Operation;

export const defineBytes = <Params extends Shape = undefined>(operation: BytesOperation<Params>): Operation =>
  operation as unknown as Operation;

/** What a token needs for it; none is everybody. */
export const scopesOf = ({ scope, alsoScope }: Pick<Operation, 'scope' | 'alsoScope'>): Scope[] =>
  [scope, alsoScope].flatMap((one) => one ?? []);

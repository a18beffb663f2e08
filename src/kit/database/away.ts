import { setTimeout as wait } from 'node:timers/promises';

const LOOK_EVERY_MS = 250;

/**
 * How a server says that it is going or not yet here (PostgreSQL 17, appendix A: class 08, and 57P01 to 57P03), and the
 * network that it is not there.
 */
const AWAY = /^(08...|57P0[123]|ECONNREFUSED|ECONNRESET|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH)$/;
/** What `pg` says of a connection that ended under it has no code; knex puts the statement in front. */
const ENDED = /\bConnection (terminated|ended)( unexpectedly| due to connection timeout)?$/;

/** The database cannot be reached now, and may be in a moment; what was asked may or may not have been done. */
function isAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code } = error as { readonly code?: unknown };
  // several addresses were tried
  if (error instanceof AggregateError && error.errors.some(isAway)) return true;
  return typeof code === 'string' ? AWAY.test(code) : ENDED.test(error.message) || error.name === 'KnexTimeoutError';
}

/**
 * For what took long to make: does it once the database is back, if it is away, for as long as `goesOn`. It may be done
 * twice, for a connection may break after the commit.
 */
export async function whenBack<T>(act: () => Promise<T>, goesOn: () => boolean): Promise<T> {
  for (;;) {
    try {
      return await act();
    } catch (error) {
      if (!isAway(error) || !goesOn()) throw error;
    }
    await wait(LOOK_EVERY_MS);
  }
}

import { type Logger, pino } from 'pino';

export type Log = Logger;

/** One line of JSON for each request, job and command, on stdout. What could hold a secret is cut out. */
export function makeLog(level: string): Log {
  return pino({
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: {
      paths: ['*.password', '*.token', '*.authorization', '*.cookie', '*.secret'],
      censor: '…',
    },
  });
}

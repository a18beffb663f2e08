/** What a word about a host forbids of its accounts is of this source, whoever else forbids something. */
export const domainSource = (host: string): string => `domain:${host}`.slice(0, 120);

import { raw } from '@mikro-orm/core';

/** What an activity is about: our ids of activities are those of things, with what was said after a `#`. */
export const aboutOf = (uri: string): string => uri.split('#', 1)[0] ?? uri;

/**
 * The activities whose ids begin so, for a start that reaches past the `#`. By the part before it, which is indexed: LIKE
 * would read `_` as any letter, and no order of texts that both databases share finds a start in an index.
 */
export const saidUnder = (start: string): { readonly [column: string]: string } => ({
  about: aboutOf(start),
  [raw(`substr(uri, 1, ${start.length})`)]: start,
});

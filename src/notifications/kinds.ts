/**
 * What people are told of. Settings are kept as bits by the place in this list, so it only ever grows at its end.
 */
export const KINDS = [
  ...(['like', 'comment', 'reply', 'mention', 'review', 'share', 'follow', 'follow-request'] as const),
  ...(['model', 'version', 'post', 'collected', 'collection', 'tip'] as const),
  ...(['generation', 'generation-failed', 'training', 'training-failed', 'webhook'] as const),
  ...(['search', 'merge', 'merge-failed', 'bounty-entry', 'bounty-award', 'licence', 'licence-answer'] as const),
  ...(['invited', 'submission', 'contest', 'licence-end', 'made-with'] as const),
] as const;
export type Kind = (typeof KINDS)[number];

export const bitOf = (kind: Kind): number => 1 << KINDS.indexOf(kind);
const bitsOf = (kinds: readonly Kind[]): number => kinds.reduce((bits, kind) => bits | bitOf(kind), 0);

/** Ways to tell somebody, as bits of a row. */
export const CHANNEL = { page: 1, mail: 2, push: 4 } as const;
export const CHANNELS = ['page', 'mail', 'push'] as const;
export type Channel = (typeof CHANNELS)[number];

/** What is off until somebody switches it on: whoever waits for a picture sees it come, and a phone is not for everything. */
export const OFF_AT_FIRST: Readonly<Record<Channel, number>> = {
  page: bitsOf(['generation']),
  mail: bitsOf(['generation', 'generation-failed']),
  push: bitsOf(['like', 'share', 'post', 'collected', 'collection', 'search']),
};

export const DIGESTS = ['off', 'daily', 'weekly'] as const;
export type Digest = (typeof DIGESTS)[number];

import { z } from 'zod';

// Rules as data (spec/guardrails.md 3.2, 5): what a set says is declared, never run.

export const ACTIONS = ['allow', 'count', 'warn', 'force_rating', 'hold', 'deny'] as const;
export type Action = (typeof ACTIONS)[number];
/** The strictest wins. */
export const isStricter = (one: Action, other: Action): boolean => ACTIONS.indexOf(one) > ACTIONS.indexOf(other);

/**
 * Where a text stands. `resource` is what a checkpoint is called, `trigger` what a LoRA or embedding is, and its words.
 * `prose` is what people say to each other and about things: no picture is made of it, so a rule reads it only by name.
 */
const SCOPES = ['positive', 'negative', 'title', 'tag', 'caption', 'trigger', 'resource', 'bounty', 'prose'] as const;
export type Scope = (typeof SCOPES)[number];
export const isScope = (name: string): name is Scope => (SCOPES as readonly string[]).includes(name);
/** Those that a condition without scopes is about. */
export const isReadByAll = (scope: Scope): boolean => scope !== 'negative' && scope !== 'prose';

/** `photo` is a camera's picture to begin from, `unproven` one that does not say where it is from. */
const FLAGS = ['minor', 'poi', 'sfwOnly', 'photo', 'unproven', 'claimed'] as const;
export type Flag = (typeof FLAGS)[number];

/** By language; words between commas, a `*` at the end leaves the ending open. */
const TermList = z.record(z.string().max(10), z.string().max(20_000));
export type TermList = z.output<typeof TermList>;

const scopes = z.array(z.enum(SCOPES)).optional();
const Simple = z.union([
  z.strictObject({ lists: z.array(z.string()).min(1), scopes }),
  /** A word of the one list at most so many characters from one of the other, in one text. */
  z.strictObject({ near: z.tuple([z.string(), z.string()]), within: z.int().min(1).max(200), scopes }),
  /** One letter away from a long word of these lists. */
  z.strictObject({ almost: z.array(z.string()).min(1), scopes }),
  z.strictObject({ flag: z.enum(FLAGS) }),
  z.strictObject({ levelAbove: z.int() }),
  /** Share of letters in scripts that no list reads. */
  z.strictObject({ unscannableAbove: z.number().min(0).max(1) }),
  z.strictObject({ person: z.literal(true) }),
  z.strictObject({ mixedScripts: z.literal(true) }),
  /** Alternatives that nobody can read to the end. */
  z.strictObject({ tangled: z.literal(true) }),
]);
export type SimpleCondition = z.output<typeof Simple>;
const Condition = z.union([Simple, z.strictObject({ any: z.array(Simple).min(1).max(20) })]);
export type Condition = z.output<typeof Condition>;

const Rule = z.strictObject({
  id: z.string().regex(/^[a-z0-9-]{1,60}$/),
  /** What people are told; a key of the message catalogue under `safety.category.`. */
  category: z.string().regex(/^[a-z0-9-]{1,40}$/),
  /** Hard: no exception, the word is not shown, and it is counted. */
  severity: z.enum(['hard', 'soft']),
  action: z.enum(ACTIONS),
  /** With `force_rating`: pictures get at most this one. */
  ceiling: z.int().optional(),
  /** All of them. */
  when: z.array(Condition).min(1).max(10),
});
export type Rule = z.output<typeof Rule>;

const Test = z.strictObject({
  texts: z
    .array(z.strictObject({ scope: z.enum(SCOPES), text: z.string().max(2_000) }))
    .min(1)
    .max(5),
  flags: z.array(z.enum(FLAGS)).default([]),
  level: z.int().default(1),
  action: z.enum(ACTIONS),
});

/** Expressions of one set. */
const MOST_PATTERNS = 40;

/** Hits of an expression count for the list of its name, beside the words of it. */
const Patterns = z
  .record(
    z.string().regex(/^[a-z0-9-]{1,40}$/),
    z.array(z.string().min(1).max(200, 'An expression has at most 200 characters.')).min(1).max(MOST_PATTERNS),
  )
  .refine(
    (lists) => Object.values(lists).reduce((sum, list) => sum + list.length, 0) <= MOST_PATTERNS,
    `At most ${MOST_PATTERNS} expressions.`,
  );

/** Lists that are there without words: ages in numbers are `minor`. */
const BUILT_IN = ['minor'];

const listsOf = (condition: SimpleCondition): readonly string[] => {
  if ('lists' in condition) return condition.lists;
  if ('near' in condition) return condition.near;
  return 'almost' in condition ? condition.almost : [];
};

const Shape = z.strictObject({
  version: z.string().regex(/^[\w.-]{1,60}$/),
  lists: z.record(z.string().max(40), TermList),
  patterns: Patterns.default({}),
  /** What covers a word of a list takes it out. */
  exceptions: TermList.default({}),
  /** The least rating that a word of the list stands for. */
  levels: z.record(z.string(), z.int()).default({}),
  rules: z.array(Rule).min(1).max(200),
  tests: z.array(Test).min(1, 'A set of rules brings its tests.').max(500),
});
export type RuleSet = z.output<typeof Shape>;

/** A rule that names no list would never match, and nobody would see it. */
export const RuleSet = Shape.superRefine(({ lists, patterns, rules }, ctx) => {
  const known = new Set([...Object.keys(lists), ...Object.keys(patterns), ...BUILT_IN]);
  for (const [n, { id, when }] of rules.entries()) {
    const named = when.flatMap((one) => ('any' in one ? one.any : [one])).flatMap(listsOf);
    for (const name of named) {
      if (!known.has(name))
        ctx.addIssue({
          code: 'custom',
          path: ['rules', n],
          message: `${id} names the list ${name}, which is not there.`,
        });
    }
  }
});

export const wordsOf = (list: TermList): { readonly language: string; readonly word: string }[] =>
  Object.entries(list).flatMap(([language, words]) =>
    words
      .split(',')
      .map((word) => ({ language, word: word.trim().replace(/\s+/g, ' ') }))
      .filter(({ word }) => word !== ''),
  );

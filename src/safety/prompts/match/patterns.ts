import { RE2JS, RE2JSException, RE2JSSyntaxException } from 're2js';
import type { RuleSet } from '../rules/schema.ts';
import type { Mapped } from '../text/mapped.ts';
import type { Hit } from './lexicon.ts';

// Expressions that whoever runs the node writes. They run on an engine whose time grows with the text and never with
// what the expression makes of it (spec/guardrails.md 3.2, 4); what bounds the rest is how much of them there is.

/** Instructions of one compiled expression, and of all of a set. */
const MOST_SIZE = 600;
const MOST_TOTAL = 3_000;
/** Of one expression in one text; a rule needs one. */
const MOST_HITS = 20;
/** For the expressions of one call; past it nothing passes unread. */
const BUDGET_MS = 1_500;

interface Compiled {
  readonly list: string;
  readonly expression: RE2JS;
}

const compile = (source: string): RE2JS => RE2JS.compile(source, RE2JS.CASE_INSENSITIVE);

/** The expressions of a set of rules, ready to be looked for. Runs in the thread of screen-worker.ts. */
export class Patterns {
  readonly #compiled: readonly Compiled[];
  #spentMs = 0;

  /** Of a set in which `patternProblems` finds nothing. */
  constructor(patterns: RuleSet['patterns']) {
    this.#compiled = Object.entries(patterns).flatMap(([list, sources]) =>
      sources.map((source) => ({ list, expression: compile(source) })),
    );
  }

  begin(): void {
    this.#spentMs = 0;
  }

  /** In a text as it was sent, with upper case, signs and all. Throws when the call has taken too long. */
  find({ text, at }: Mapped): Hit[] {
    if (this.#compiled.length === 0) return [];
    const hits: Hit[] = [];
    for (const { list, expression } of this.#compiled) {
      const begun = performance.now();
      const matcher = expression.matcher(text);
      for (let n = 0; n < MOST_HITS && matcher.find(); n += 1) {
        const [start, end] = [matcher.start(), matcher.end()];
        // one that matches nothing matches everywhere
        if (end > start) hits.push({ list, start: at[start] ?? 0, end: (at[end - 1] ?? 0) + 1, isAlmost: false });
      }
      this.#spentMs += performance.now() - begun;
      if (this.#spentMs > BUDGET_MS) throw new Error('The expressions of the rules took too long.');
    }
    return hits;
  }
}

export interface PatternProblem {
  readonly list: string;
  /** From 1, among those of the list. */
  readonly place: number;
  readonly text: string;
}

/** What is wrong with the expressions of a set, each with its place. May take long: it runs in the thread. */
export function patternProblems(patterns: RuleSet['patterns']): PatternProblem[] {
  const problems: PatternProblem[] = [];
  let total = 0;
  for (const [list, sources] of Object.entries(patterns)) {
    for (const [n, source] of sources.entries()) {
      const problem = (text: string) => problems.push({ list, place: n + 1, text });
      try {
        const expression = compile(source);
        const size = expression.programSize();
        total += size;
        if (size > MOST_SIZE) problem(`it is too large (${size} steps of ${MOST_SIZE})`);
        else if (expression.matcher('').find()) problem('it matches a text without words');
      } catch (error) {
        if (!(error instanceof RE2JSException)) throw error;
        problem(placeOf(source, error));
      }
      if (total > MOST_TOTAL) {
        problem(`all of them together are too large (${MOST_TOTAL} steps)`);
        return problems;
      }
    }
  }
  return problems;
}

/** In the engine's words, with the character at which it stopped where it says which. */
function placeOf(source: string, error: RE2JSException): string {
  if (!(error instanceof RE2JSSyntaxException)) return error.message;
  const part = (error.getPattern() ?? '').replace(/^\(\?i\)/, '');
  const at = part === '' || part === source ? -1 : source.indexOf(part);
  const where = at < 0 ? '' : ` at character ${at + 1}`;
  return `${error.getDescription()}${where}${part === '' ? '' : `: ${part}`}`;
}

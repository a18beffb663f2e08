import { parentPort } from 'node:worker_threads';
import { Judge, type ScreenFacts, type ScreenText, type Verdict } from './judge.ts';
import { type PatternProblem, patternProblems } from './match/patterns.ts';
import { type NameHashes, PeopleIndex } from './match/people.ts';
import { DEFAULT_RULES } from './rules/default.ts';
import type { RuleSet } from './rules/schema.ts';

/** The thread of screen.ts: it keeps compiled rules, and answers in order. */
export type ToScreen =
  | { readonly act: 'rules'; readonly set: RuleSet }
  /** What is wrong with these expressions. */
  | { readonly act: 'check'; readonly id: number; readonly patterns: RuleSet['patterns'] }
  /** All that it was given; what it compiled of the program's own stays. */
  | { readonly act: 'forget' }
  | { readonly act: 'people'; readonly key: string; readonly names: readonly NameHashes[] }
  | {
      readonly act: 'judge';
      readonly id: number;
      /** Null: those that the program brings. */
      readonly version: string | null;
      readonly texts: readonly ScreenText[];
      readonly facts: ScreenFacts;
    };

export type FromScreen =
  /** Its own rules are compiled: from now on a text takes what a text takes. */
  | { readonly isReady: true }
  | { readonly id: number; readonly problems: readonly PatternProblem[] }
  | { readonly id: number; readonly verdict: Verdict }
  | { readonly id: number; readonly failure: string };

const judges = new Map<string, Judge>();
let standard: Judge | null = null;
let people: PeopleIndex | null = null;

function judgeOf(version: string | null): Judge {
  if (version === null) {
    standard ??= new Judge(DEFAULT_RULES);
    return standard;
  }
  const judge = judges.get(version);
  if (!judge) throw new Error(`The rules ${version} were not given.`);
  return judge;
}

/** Rules that do not compile are not there: a thread that ended would take the others with it. */
function keepRules(set: RuleSet): void {
  judges.delete(set.version);
  try {
    judges.set(set.version, new Judge(set));
  } catch {
    // whoever asks for them is told
  }
}

/** Whatever an answer throws is told, and the thread goes on. */
function answer(id: number, find: () => FromScreen): void {
  let found: FromScreen;
  try {
    found = find();
  } catch (error) {
    found = { id, failure: error instanceof Error ? error.message : String(error) };
  }
  parentPort?.postMessage(found);
}

parentPort?.on('message', (message: ToScreen) => {
  if (message.act === 'rules') keepRules(message.set);
  else if (message.act === 'forget') {
    judges.clear();
    people = null;
  } else if (message.act === 'people') people = new PeopleIndex(message.key, message.names);
  else if (message.act === 'check') {
    const { id, patterns } = message;
    answer(id, () => ({ id, problems: patternProblems(patterns) }));
  } else {
    const { id, version, texts, facts } = message;
    answer(id, () => ({ id, verdict: judgeOf(version).judge(texts, facts, people) }));
  }
});

judgeOf(null);
parentPort?.postMessage({ isReady: true } satisfies FromScreen);

import { highestLevel } from '../ratings.ts';
import { plainOf } from '../words/prose.ts';
import { type Hit, Lexicon } from './match/lexicon.ts';
import { Patterns } from './match/patterns.ts';
import type { PeopleIndex } from './match/people.ts';
import {
  type Action,
  type Condition,
  type Flag,
  isReadByAll,
  isStricter,
  type Rule,
  type RuleSet,
  type Scope,
  type SimpleCondition,
} from './rules/schema.ts';
import { parsePrompt } from './text/grammar.ts';
import { decoded } from './text/mapped.ts';
import { hasMixedScripts, unscannableShare } from './text/scripts.ts';
import { firstView, viewsOf } from './text/views.ts';

export interface ScreenText {
  readonly scope: Scope;
  readonly text: string;
  /** Field of the form, for the person at the screen. */
  readonly field?: string;
}

export interface ScreenFacts {
  /** The rating that is asked for; 1 is PG. */
  readonly level: number;
  readonly flags: readonly Flag[];
}

export interface Verdict {
  readonly action: Action;
  /** Of the rule that decides; null when none does. */
  readonly category: string | null;
  readonly isHard: boolean;
  readonly categories: readonly string[];
  /** The least rating that the words stand for; 1 is PG. */
  readonly level: number;
  /** Pictures get at most this rating. */
  readonly ceiling: number | null;
  /** Where the words stand, for soft rules only: of which text, from and to. */
  readonly highlights: readonly { readonly text: number; readonly start: number; readonly end: number }[];
  readonly field: string | null;
  readonly version: string;
}

interface Found {
  readonly list: string;
  readonly start: number;
  readonly end: number;
  readonly text: number;
  readonly isAlmost: boolean;
}

interface Seen {
  readonly texts: readonly ScreenText[];
  readonly facts: ScreenFacts;
  readonly hits: readonly Found[];
  readonly level: number;
  readonly unscannable: number;
  readonly isMixed: boolean;
  readonly isTangled: boolean;
  readonly personText: number | null;
}

const NO_PLACES: readonly Found[] = [];
const MOST_HIGHLIGHTS = 20;

/** A set of rules, compiled. Runs in the thread of screen-worker.ts. */
export class Judge {
  readonly #set: RuleSet;
  readonly #lexicon: Lexicon;
  readonly #patterns: Patterns;

  constructor(set: RuleSet) {
    this.#set = set;
    this.#lexicon = new Lexicon(set);
    this.#patterns = new Patterns(set.patterns);
  }

  judge(texts: readonly ScreenText[], facts: ScreenFacts, people: PeopleIndex | null = null): Verdict {
    const seen = this.#look(texts, facts, people);
    let action: Action = 'allow';
    let decisive: Rule | null = null;
    let ceiling: number | null = null;
    const categories = new Set<string>();
    let places: readonly Found[] = NO_PLACES;
    for (const rule of this.#set.rules) {
      const matched = matchAll(rule.when, seen);
      if (!matched) continue;
      categories.add(rule.category);
      if (rule.ceiling !== undefined) ceiling = Math.min(ceiling ?? rule.ceiling, rule.ceiling);
      const isSame = rule.action === action && rule.severity === 'hard' && decisive?.severity === 'soft';
      if (!isStricter(rule.action, action) && !isSame) continue;
      action = rule.action;
      decisive = rule;
      places = matched;
    }
    const isHard = decisive?.severity === 'hard';
    const isPlaced = (found: Found) => texts[found.text]?.scope !== 'prose';
    const place = places[0]?.text ?? seen.personText;
    return {
      action,
      category: decisive?.category ?? null,
      isHard,
      categories: [...categories],
      level: seen.level,
      ceiling,
      highlights: isHard
        ? []
        : places
            .filter(isPlaced)
            .slice(0, MOST_HIGHLIGHTS)
            .map(({ text, start, end }) => ({ text, start, end })),
      field: place === null ? null : (texts[place]?.field ?? null),
      version: this.#set.version,
    };
  }

  #look(texts: readonly ScreenText[], facts: ScreenFacts, people: PeopleIndex | null): Seen {
    const hits: Found[] = [];
    let personText: number | null = null;
    let isMixed = false;
    let isTangled = false;
    this.#patterns.begin();
    for (const [text, { scope, text: sent }] of texts.entries()) {
      const raw = scope === 'prose' ? plainOf(sent) : sent;
      const source = decoded(raw);
      const { texts: variants, resources, isTangled: isThis } = parsePrompt(source);
      isTangled ||= isThis && scope !== 'prose';
      const known = new Set<string>();
      const keep = (hit: Hit) => {
        const key = `${hit.list}:${hit.start}:${hit.end}:${hit.isAlmost}`;
        if (known.has(key)) return;
        known.add(key);
        hits.push({ ...hit, text });
      };
      this.#patterns.find(source).forEach(keep);
      const called = resources.map((name) => ({ text: name, at: new Array<number>(name.length).fill(0) }));
      const read = new Set<string>();
      for (const variant of [...variants, ...called]) {
        const first = firstView(variant);
        if (read.has(first.text)) continue;
        read.add(first.text);
        const views = viewsOf(variant, first);
        this.#lexicon.find(variant, views).forEach(keep);
        // once without syntax and ornaments; every branch of every prompt would be too much
        if (read.size === 1) this.#patterns.find(first).forEach(keep);
        if (
          isReadByAll(scope) &&
          personText === null &&
          people !== null &&
          views.some((view) => people.names(view.text))
        )
          personText = text;
      }
      isMixed ||= scope !== 'prose' && hasMixedScripts(raw);
    }
    // what a checkpoint is called says what it can make, not what it is asked for
    const isSaid = (scope: Scope) => isReadByAll(scope) && scope !== 'resource';
    const said = hits.filter(({ text, isAlmost }) => !isAlmost && isSaid(texts[text]?.scope ?? 'positive'));
    const levels = said.map(({ list }) => this.#set.levels[list] ?? 1);
    return {
      ...{ texts, facts, hits, isMixed, isTangled, personText },
      level: highestLevel(levels.reduce((sum, level) => sum | level, 1)),
      unscannable: Math.max(
        0,
        ...texts.filter(({ scope }) => isReadByAll(scope)).map(({ text }) => unscannableShare(text)),
      ),
    };
  }
}

/** The places that fulfil all conditions; null when one is not. */
function matchAll(conditions: readonly Condition[], seen: Seen): readonly Found[] | null {
  const places: Found[] = [];
  for (const condition of conditions) {
    const options = 'any' in condition ? condition.any : [condition];
    const matched = options.map((one) => match(one, seen)).find((found) => found !== null);
    if (!matched) return null;
    places.push(...matched);
  }
  return places;
}

function match(condition: SimpleCondition, seen: Seen): readonly Found[] | null {
  const { facts, texts } = seen;
  const isIn = (found: Found, scopes: readonly Scope[] | undefined): boolean => {
    const scope = texts[found.text]?.scope ?? 'positive';
    return scopes ? scopes.includes(scope) : isReadByAll(scope);
  };
  const some = (found: readonly Found[]) => (found.length > 0 ? found : null);
  const holds = (is: boolean) => (is ? NO_PLACES : null);
  if ('lists' in condition) {
    const { lists, scopes } = condition;
    return some(seen.hits.filter((hit) => !hit.isAlmost && lists.includes(hit.list) && isIn(hit, scopes)));
  }
  if ('near' in condition) {
    const {
      near: [one, other],
      within,
      scopes,
    } = condition;
    const of = (list: string) => seen.hits.filter((hit) => !hit.isAlmost && hit.list === list && isIn(hit, scopes));
    const others = of(other);
    return some(
      of(one).filter((hit) => others.some((beside) => hit.text === beside.text && gap(hit, beside) <= within)),
    );
  }
  if ('almost' in condition) {
    const { almost, scopes } = condition;
    return some(seen.hits.filter((hit) => almost.includes(hit.list) && isIn(hit, scopes)));
  }
  if ('flag' in condition) return holds(facts.flags.includes(condition.flag));
  if ('levelAbove' in condition) return holds(Math.max(facts.level, seen.level) > condition.levelAbove);
  if ('unscannableAbove' in condition) return holds(seen.unscannable > condition.unscannableAbove);
  if ('person' in condition) return holds(seen.personText !== null);
  return holds('tangled' in condition ? seen.isTangled : seen.isMixed);
}

const gap = (one: Found, other: Found): number => Math.max(one.start - other.end, other.start - one.end, 0);

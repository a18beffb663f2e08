import { readdirSync, readFileSync } from 'node:fs';

const FOLDER = new URL('../../../views/messages/', import.meta.url);

export type MessageValues = Readonly<Record<string, string | number>>;

/**
 * All visible text, key to English. `en.json` holds what the kit says; each feature may keep its own in
 * `en/<feature>.json`, so that two people who add a page do not edit one file.
 */
function readCatalogue(language: string): ReadonlyMap<string, string> {
  const files = [new URL(`${language}.json`, FOLDER)];
  const folder = new URL(`${language}/`, FOLDER);
  for (const name of readdirOrNothing(folder)) if (name.endsWith('.json')) files.push(new URL(name, folder));

  const catalogue = new Map<string, string>();
  for (const file of files) {
    const messages: Record<string, string> = JSON.parse(readFileSync(file, 'utf8'));
    for (const [key, text] of Object.entries(messages)) {
      if (catalogue.has(key)) throw new Error(`The message ${key} of ${file.pathname} stands in another file too.`);
      catalogue.set(key, text);
    }
  }
  return catalogue;
}

function readdirOrNothing(folder: URL): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

let english: ReadonlyMap<string, string> | undefined;

/** The text for a key with its `{name}` places filled. A key that nobody wrote shows as itself; a test looks for those. */
export function t(key: string, values?: MessageValues): string {
  // Read on first use, not on import: the catalogue is part of the program, like its templates.
  english ??= readCatalogue('en');
  const text = english.get(key) ?? key;
  if (!values) return text;
  return text.replace(/\{(\w+)\}/g, (place, name: string) => {
    const value = values[name];
    return value === undefined ? place : String(value);
  });
}

export function hasMessage(key: string): boolean {
  english ??= readCatalogue('en');
  return english.has(key);
}

const plurals = new Intl.PluralRules('en');

/** `likes` with 1 is the message `likes.one`, with 2 `likes.other`; both may use `{n}`. */
export function tCount(key: string, amount: number, shown: string | number = amount): string {
  return t(`${key}.${plurals.select(amount)}`, { n: shown });
}

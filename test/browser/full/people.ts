import assert from 'node:assert/strict';
import type { Account } from '../../../src/accounts/model.ts';
import { Browser, textOf } from '../../accounts/browser.ts';
import type { Site } from '../site.ts';

/** Somebody in a browser without scripts. What is refused ends the test. */
export class Person {
  readonly browser: Browser;
  readonly #name: string;

  constructor(address: URL, name: string) {
    this.browser = new Browser(address);
    this.#name = name;
  }

  static async signedIn(address: URL, name: string): Promise<Person> {
    const person = new Person(address, name);
    await person.browser.signIn(name);
    return person;
  }

  /** Sends a form; returns where its answer leads. */
  async send(path: string, fields: Record<string, string | readonly string[]> = {}): Promise<string> {
    const { status, text, location } = await this.browser.post(path, fields);
    assert.ok(status < 400, `${this.#name} ${path}: ${status} ${textOf(text).slice(0, 2_000)}`);
    return location;
  }

  /** The same, for what makes something: its id, as its address ends. */
  async make(path: string, fields: Record<string, string | readonly string[]>): Promise<string> {
    return idIn(await this.send(path, fields));
  }
}

/** Of `/collections/12?said=…#top`: 12. */
export const idIn = (location: string): string => /\/([\w-]+)(?:[?#].*)?$/.exec(location)?.[1] ?? '';

/** What somebody of this node does on it: its owner, a creator, some who come by, a moderator and a rights holder. */
export const NAMES = ['olga', 'ada', 'ben', 'cyd', 'jo', 'mia', 'rita'] as const;
export type Name = (typeof NAMES)[number];
export type People = Readonly<Record<Name, Person>>;

/** The site with all of them. */
export interface Peopled extends Site {
  readonly cyd: Account;
  readonly jo: Account;
  readonly mia: Account;
  readonly rita: Account;
}

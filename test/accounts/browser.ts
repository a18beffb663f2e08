import type { TestNode } from '../node.ts';

export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
  /** Where a redirect leads, or ''. */
  readonly location: string;
}

/** A browser with cookies and no scripts. It sends what browsers send with a form of the same site. */
export class Browser {
  readonly address: URL;
  readonly cookies = new Map<string, string>();

  constructor(address: URL) {
    this.address = address;
  }

  async get(path: string, headers: Record<string, string> = {}): Promise<Answer> {
    return this.#send(path, { headers });
  }

  async post(
    path: string,
    fields: Record<string, string | readonly string[]> = {},
    headers: Record<string, string> = {},
  ): Promise<Answer> {
    const body = new URLSearchParams();
    for (const [name, value] of Object.entries(fields)) for (const one of [value].flat()) body.append(name, one);
    return this.#send(path, { method: 'POST', body, headers: { 'sec-fetch-site': 'same-origin', ...headers } });
  }

  async postJson(path: string, value: unknown): Promise<{ status: number; body: Record<string, unknown> }> {
    const headers = { 'sec-fetch-site': 'same-origin', 'content-type': 'application/json', accept: 'application/json' };
    const answer = await this.#send(path, { method: 'POST', body: JSON.stringify(value), headers });
    return { status: answer.status, body: JSON.parse(answer.text) as Record<string, unknown> };
  }

  async upload(path: string, field: string, bytes: Uint8Array, name: string): Promise<Answer> {
    const body = new FormData();
    body.append(field, new Blob([new Uint8Array(bytes)]), name);
    return this.#send(path, { method: 'POST', body, headers: { 'sec-fetch-site': 'same-origin' } });
  }

  /** As a browser sends a form with `enctype="multipart/form-data"`. */
  async postForm(path: string, body: FormData): Promise<Answer> {
    return this.#send(path, { method: 'POST', body, headers: { 'sec-fetch-site': 'same-origin' } });
  }

  async #send(path: string, init: RequestInit): Promise<Answer> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const headers = { accept: 'text/html', ...(cookie ? { cookie } : {}), ...(init.headers as Record<string, string>) };
    const response = await fetch(new URL(path, this.address), { ...init, headers, redirect: 'manual' });
    for (const line of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value === '') this.cookies.delete(name);
      else this.cookies.set(name, value);
    }
    const location = response.headers.get('location') ?? '';
    return { status: response.status, text: await response.text(), headers: response.headers, location };
  }

  /** Signs in by the form. */
  async signIn(name: string, password: string = PASSWORD): Promise<Answer> {
    return this.post('/sign-in', { name, password });
  }
}

export const PASSWORD = 'correct horse battery';

/** The text of the page without its tags. */
export const textOf = (html: string): string => html.replace(/<[^>]+>/g, ' ').replace(/\s+/g, ' ');

const WORDS = 'zero one two three four five six seven eight nine ten eleven twelve'.split(' ');

/** Fills in the riddle of a sign-up page as a person would. */
export function solve(html: string): { ticket: string; sum: string } {
  const [, first = '', second = ''] = /What is (\w+) plus (\w+)\?/.exec(html) ?? [];
  const ticket = /name="ticket" value="([^"]+)"/.exec(html)?.[1] ?? '';
  return { ticket, sum: String(WORDS.indexOf(first) + WORDS.indexOf(second)) };
}

/** The secret in the newest mail to this address that waits in the outbox. */
export async function mailedSecret({ node }: Pick<TestNode, 'node'>, toAddress: string): Promise<string> {
  const { OutboxMail } = await import('../../src/accounts/mail/model.ts');
  const mails = await node.orm.em.fork().find(OutboxMail, { toAddress }, { orderBy: { id: 'desc' } });
  const mail = mails.find(({ text }) => text.includes('token='));
  return /token=([\w-]+)/.exec(mail?.text ?? '')?.[1] ?? '';
}

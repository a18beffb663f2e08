import assert from 'node:assert/strict';
import { Ajv2020, type AnySchemaObject } from 'ajv/dist/2020.js';
import type { Json } from './shelf.ts';

/** Checks values against a document: '' for what fits, else what does not. */
export function checker(document: Json) {
  const ajv = new Ajv2020({ strict: false, allErrors: true, validateFormats: false });
  ajv.addSchema(document as AnySchemaObject, 'api');
  return (ref: string, value: unknown): string => {
    const validate = ajv.getSchema(`api${ref}`) ?? ajv.compile({ $ref: `api${ref}` });
    return validate(value) ? '' : ajv.errorsText(validate.errors);
  };
}

interface Call {
  /** Places of the path and names of the query, in one. */
  readonly with?: Readonly<Record<string, string | number>>;
  readonly body?: unknown;
  readonly files?: Readonly<Record<string, Uint8Array | string>>;
  /** null: none at all. */
  readonly token?: string | null;
  readonly key?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** What is expected; a success where nothing is said. */
  readonly status?: number;
}

/** Calls operations of the document by their names, and holds each answer against it. */
export class Caller {
  readonly document: Json;
  readonly called = new Set<string>();
  readonly #address: URL;
  readonly token: string;
  readonly #check: ReturnType<typeof checker>;

  private constructor(address: URL, document: Json, token: string) {
    this.#address = address;
    this.token = token;
    this.document = document;
    this.#check = checker(document);
  }

  static async open(address: URL, token: string): Promise<Caller> {
    const answer = await fetch(new URL('/api/openapi.json', address));
    return new Caller(address, await answer.json(), token);
  }

  find(name: string): { path: string; method: string; operation: Json } {
    for (const [path, methods] of Object.entries<Json>(this.document.paths))
      for (const [method, operation] of Object.entries<Json>(methods))
        if (operation.operationId === name) return { path, method, operation };
    throw new Error(`the document has no ${name}`);
  }

  async send(name: string, call: Call = {}): Promise<Response> {
    const { path, method } = this.find(name);
    const query = new URLSearchParams();
    let filled = path;
    for (const [key, value] of Object.entries(call.with ?? {})) {
      if (filled.includes(`{${key}}`)) filled = filled.replace(`{${key}}`, encodeURIComponent(value));
      else query.set(key, String(value));
    }
    const token = call.token === undefined ? this.token : call.token;
    const form = call.files && new FormData();
    for (const [fileName, bytes] of Object.entries(call.files ?? {})) {
      form?.append('file', new Blob([typeof bytes === 'string' ? bytes : new Uint8Array(bytes)]), fileName);
    }
    const body = form ?? (call.body === undefined ? undefined : JSON.stringify(call.body));
    return fetch(new URL(`${filled}${query.size > 0 ? `?${query}` : ''}`, this.#address), {
      method: method.toUpperCase(),
      redirect: 'manual',
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(call.body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(call.key ? { 'idempotency-key': call.key } : {}),
        ...call.headers,
      },
      ...(body === undefined ? {} : { body }),
    });
  }

  async call(name: string, call: Call = {}): Promise<Json> {
    const answer = await this.send(name, call);
    const text = await answer.text();
    const { operation } = this.find(name);
    const response = operation.responses[answer.status];
    const what = `${name} ${JSON.stringify(call.with ?? {})}: ${answer.status} ${text.slice(0, 400)}`;
    assert.ok(response, `${what} is in the document`);
    const content = response.content['application/json'];
    const json = content ? JSON.parse(text) : null;
    if (content) assert.equal(this.#check(content.schema.$ref, json), '', what);
    const success = Number(Object.keys(operation.responses)[0]);
    assert.equal(answer.status, call.status ?? success, what);
    if (answer.status < 300) this.called.add(name);
    return json ?? text;
  }

  get names(): string[] {
    return Object.values<Json>(this.document.paths).flatMap((methods) =>
      Object.values<Json>(methods).map(({ operationId }) => operationId),
    );
  }
}

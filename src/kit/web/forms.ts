import type { z } from 'zod';
import { AppError } from '../errors.ts';
import { isId } from '../ids.ts';
import { failureOf } from './errors.ts';
import type { Ctx } from './state.ts';

/** Larger than any text that our forms take, so that a longer one is refused with a reason instead of cut. */
const MAX_FORM_BYTES = 1_000_000;
const MAX_FIELDS = 1_000;

export type RawForm = Readonly<Record<string, string | string[]>>;

/** Reads the body up to `maxBytes`. Throws `too_large`. */
export async function readBody(ctx: Ctx, maxBytes: number): Promise<Buffer> {
  const declared = Number(ctx.get('content-length') || 0);
  if (declared > maxBytes) throw tooLarge(maxBytes);
  const chunks: Buffer[] = [];
  let total = 0;
  for await (const chunk of ctx.req as AsyncIterable<Buffer>) {
    total += chunk.length;
    if (total > maxBytes) throw tooLarge(maxBytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

const tooLarge = (maxBytes: number) =>
  new AppError('too_large', `That is more than ${Math.floor(maxBytes / 1_000)} kB of text; please shorten it.`);

const decoder = new TextDecoder('utf-8', { fatal: true });

function decode(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new AppError('malformed', 'The text is not valid UTF-8.', { cause });
  }
}

function decodePart(part: string): string {
  try {
    return decodeURIComponent(part.replaceAll('+', ' '));
  } catch (cause) {
    throw new AppError('malformed', 'The text is not valid UTF-8.', { cause });
  }
}

/** The fields of a sent form, before any schema; a name that stands twice, or ends in `[]`, gives a list. */
export async function readRawForm(ctx: Ctx): Promise<RawForm> {
  const text = decode(await readBody(ctx, MAX_FORM_BYTES));
  refuseNul(text, ctx.is('application/json') ? '\\u0000' : '%00');
  if (ctx.is('application/json')) return parseJsonObject(text) as RawForm;
  if (!ctx.is('application/x-www-form-urlencoded')) {
    if (text === '') return {};
    throw new AppError('malformed', 'This address takes a form.');
  }
  const form: Record<string, string | string[]> = Object.create(null);
  const pairs = text === '' ? [] : text.split('&');
  if (pairs.length > MAX_FIELDS) throw new AppError('too_large', 'That form has too many fields.');
  for (const pair of pairs) {
    const at = pair.indexOf('=');
    const name = decodePart(at < 0 ? pair : pair.slice(0, at));
    // browsers send line ends as CRLF (HTML, 4.10.21.4)
    const value = at < 0 ? '' : decodePart(pair.slice(at + 1)).replaceAll('\r\n', '\n');
    const before = form[name];
    if (before === undefined) form[name] = name.endsWith('[]') ? [value] : value;
    else form[name] = Array.isArray(before) ? [...before, value] : [before, value];
  }
  const named: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(form)) {
    const key = name.endsWith('[]') ? name.slice(0, -2) : name;
    if (key !== '__proto__') named[key] = value;
  }
  return named;
}

/** PostgreSQL holds no text with a NUL, and no person writes one. `written` is how the body would have it. */
function refuseNul(text: string, written: string): void {
  if (text.includes('\0') || text.includes(written)) throw new AppError('malformed', 'A text holds a NUL.');
}

function parseJsonObject(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new AppError('malformed', 'The body is not valid JSON.', { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new AppError('malformed', 'The body must be a JSON object.');
  }
  return value as Record<string, unknown>;
}

/** Checks fields against the schema of a form. Throws `invalid` with a message for each field. */
export function checkForm<Schema extends z.ZodType>(raw: unknown, schema: Schema): z.output<Schema> {
  const parsed = schema.safeParse(raw);
  if (parsed.success) return parsed.data;
  const fields: Record<string, string> = {};
  for (const issue of parsed.error.issues) {
    const name = String(issue.path[0] ?? 'form');
    fields[name] ??= issue.message;
  }
  throw new AppError('invalid', Object.values(fields)[0] ?? 'Please check the form.', { fields });
}

/** The sent form, checked. */
export async function readForm<Schema extends z.ZodType>(ctx: Ctx, schema: Schema): Promise<z.output<Schema>> {
  return checkForm(await readRawForm(ctx), schema);
}

/** The query of a page, checked; what does not fit falls back to the schema's `catch`, or throws `malformed`. */
export function readQuery<Schema extends z.ZodType>(ctx: Ctx, schema: Schema): z.output<Schema> {
  const parsed = schema.safeParse({ ...ctx.query });
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new AppError('malformed', `${issue?.path.join('.') ?? 'query'}: ${issue?.message ?? 'does not fit'}`);
}

/** An integer id of the path. Throws `not_found`: such an address never existed. */
export function idParam(ctx: { params: Record<string, string | undefined> }, name = 'id'): number {
  const text = ctx.params[name] ?? '';
  if (!/^[1-9]\d{0,9}$/.test(text) || Number(text) > 2_147_483_647) {
    throw new AppError('not_found', 'There is nothing at this address.');
  }
  return Number(text);
}

/** A UUID of the path. Throws `not_found`. */
export function uuidParam(ctx: { params: Record<string, string | undefined> }, name = 'id'): string {
  const text = (ctx.params[name] ?? '').toLowerCase();
  if (!isId(text)) throw new AppError('not_found', 'There is nothing at this address.');
  return text;
}

/** What a form page shows again after a refusal: all that was typed, and what is wrong with it. */
export interface FormState {
  readonly values: RawForm;
  readonly errors: Readonly<Record<string, string>>;
  readonly message: string | null;
}

export const EMPTY_FORM: FormState = { values: {}, errors: {}, message: null };

/**
 * Reads a form and acts; when either refuses, `again` shows the page filled with what was sent, under the refusal's
 * status. Faults of ours pass through.
 */
export async function submitForm<Schema extends z.ZodType>(
  ctx: Ctx,
  schema: Schema,
  act: (form: z.output<Schema>) => Promise<void>,
  again: (state: FormState) => Promise<void> | void,
): Promise<void> {
  await submitRaw(ctx, await readRawForm(ctx), schema, act, again);
}

/** The same for fields that were read already, as those of a form with files. */
export async function submitRaw<Schema extends z.ZodType>(
  ctx: Ctx,
  raw: RawForm,
  schema: Schema,
  act: (form: z.output<Schema>) => Promise<void>,
  again: (state: FormState) => Promise<void> | void,
): Promise<void> {
  try {
    await act(checkForm(raw, schema));
  } catch (error) {
    const failure = failureOf(error);
    if (failure.isFault || failure.kind === 'not_found' || wantsJson(ctx)) throw error;
    await again({ values: withoutSecrets(raw), errors: failure.fields, message: failure.message });
    ctx.status = failure.status;
    if (failure.retryAfterSeconds !== null) ctx.set('Retry-After', String(failure.retryAfterSeconds));
  }
}

/** A password is typed again, never sent back. */
function withoutSecrets(raw: RawForm): RawForm {
  return Object.fromEntries(Object.entries(raw).filter(([name]) => !/password|secret|code/i.test(name)));
}

/** Does this request want JSON rather than a page? */
export function wantsJson(ctx: { path: string; get(name: string): string }): boolean {
  if (ctx.path.startsWith('/api/')) return true;
  const accept = ctx.get('accept');
  return accept.includes('json') && !accept.includes('text/html');
}

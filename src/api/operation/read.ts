import type { z } from 'zod';
import { AppError } from '../../kit/errors.ts';
import { readBody } from '../../kit/web/forms.ts';
import type { Ctx } from '../../kit/web/state.ts';

/** Checks what came against a schema. Throws `malformed` with the name of the first field that does not fit. */
export function readWith<Schema extends z.ZodType>(
  schema: Schema | undefined,
  raw: unknown,
): z.output<Schema> | undefined {
  if (!schema) return undefined;
  const parsed = schema.safeParse(raw);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const name = issue?.path.join('.') ?? '';
  throw new AppError('malformed', `${name === '' ? '' : `${name}: `}${issue?.message ?? 'does not fit'}`);
}

const LONE_SURROGATE = /\p{Surrogate}/gu;

/**
 * The body as JSON; none is an empty object. Half a character becomes the sign for one that is broken, and NUL is
 * refused: databases keep neither. Throws `malformed` and `too_large`.
 */
export async function readJson(ctx: Ctx, maxBytes: number): Promise<unknown> {
  const text = (await readBody(ctx, maxBytes)).toString('utf8');
  if (text.trim() === '') return {};
  try {
    return JSON.parse(text, cleaned);
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw new AppError('malformed', 'The body is not valid JSON.', { cause });
  }
}

function cleaned(key: string, value: unknown): unknown {
  if (key.includes('\0')) throw new AppError('malformed', 'A name holds a NUL.');
  if (typeof value !== 'string') return value;
  if (value.includes('\0')) throw new AppError('malformed', `${key}: a text holds a NUL.`);
  return value.replace(LONE_SURROGATE, '\ufffd');
}

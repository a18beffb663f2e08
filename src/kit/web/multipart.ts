import { randomUUID } from 'node:crypto';
import { createWriteStream, type WriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Busboy, type BusboyConfig, type BusboyFileStream, type BusboyInstance } from '@fastify/busboy';
import { AppError } from '../errors.ts';
import { storageError } from '../storage/failures.ts';
import { safeFileName } from './download/file-names.ts';
import type { RawForm } from './forms.ts';
import type { Ctx } from './state.ts';

export interface MultipartLimits {
  /** Where files lie until they are put; on the disk of the file store, taking them over costs nothing. */
  readonly folder: string;
  readonly maxFiles: number;
  readonly maxFileBytes: number;
  /** Fields that are not files. */
  readonly maxFields?: number;
  readonly maxFieldBytes?: number;
}

export interface UploadedFile {
  readonly field: string;
  /** As sent, made safe to show and to save. */
  readonly fileName: string;
  readonly path: string;
  readonly totalBytes: number;
}

export interface MultipartForm {
  readonly fields: RawForm;
  readonly files: readonly UploadedFile[];
  /** Removes what was not taken over; call it in a `finally`. */
  discard(): Promise<void>;
}

const MAX_FIELDS = 200;
/** A prompt may be long; a form is no place for more than this. */
const MAX_FIELD_BYTES = 200_000;

/**
 * Reads a form with files: each file goes to the disk as it comes, so memory does not grow with its size. Nothing is
 * left on the disk when it throws: `too_large`, `malformed` (also when the sender stopped half way) or `unavailable`.
 */
export async function readMultipart(ctx: Ctx, limits: MultipartLimits): Promise<MultipartForm> {
  const { maxFiles, maxFileBytes, maxFields = MAX_FIELDS, maxFieldBytes = MAX_FIELD_BYTES } = limits;
  const parser = openParser(ctx, {
    files: maxFiles + EMPTY_FILES,
    fileSize: maxFileBytes,
    fields: maxFields,
    fieldSize: maxFieldBytes,
    fieldNameSize: 200,
    parts: maxFiles + EMPTY_FILES + maxFields,
    headerPairs: 20,
    headerSize: 16_384,
  });
  const fields = new Map<string, string[]>();
  const files: (() => UploadedFile)[] = [];
  const paths: string[] = [];
  const streams: (BusboyFileStream | WriteStream)[] = [];
  const writes: Promise<void>[] = [];
  const discard = async () => {
    for (const path of paths) await rm(path, { force: true });
  };

  try {
    await new Promise<void>((resolve, refuse) => {
      const cutOff = () => refuse(new AppError('malformed', 'The upload stopped before its end.'));
      parser.on('filesLimit', () => refuse(tooMany(maxFiles)));
      parser.on('fieldsLimit', () => refuse(new AppError('too_large', 'That form has too many fields.')));
      parser.on('partsLimit', () => refuse(new AppError('too_large', 'That form has too many fields.')));
      parser.on('field', (name, value, isNameCut, isCut) => {
        if (value.includes('\0')) refuse(new AppError('malformed', 'A text holds a NUL.'));
        if (isNameCut || isCut) refuse(new AppError('too_large', `The field ${name} is too long.`));
        if (value.includes('\uFFFD'))
          refuse(new AppError('malformed', `The text of ${name} has broken characters (\uFFFD).`));
        // browsers send line ends as CRLF (HTML, 4.10.21.4)
        fields.set(name, [...(fields.get(name) ?? []), value.replaceAll('\r\n', '\n')]);
      });
      parser.on('file', (field, stream, sentName: string | undefined) => {
        streams.push(stream);
        stream.on('limit', () => refuse(tooLarge(maxFileBytes)));
        if (!sentName) return stream.resume();
        if (files.length === maxFiles) refuse(tooMany(maxFiles));
        const path = join(limits.folder, randomUUID());
        paths.push(path);
        const out = createWriteStream(path, { flags: 'wx', mode: 0o640, highWaterMark: WRITE_BYTES });
        out.on('error', (cause) => refuse(storageError(cause)));
        streams.push(out); // a file that was cut off just at its end does not end what it is written to
        const fileName = safeFileName(sentName);
        files.push(() => ({ field, fileName, path, totalBytes: out.bytesWritten }));
        const write = pipeline(stream, out);
        write.catch(cutOff);
        writes.push(write);
      });
      parser.once('error', (cause: unknown) =>
        refuse(new AppError('malformed', 'The form cannot be read.', { cause })),
      );
      parser.once('finish', () => Promise.all(writes).then(() => resolve(), refuse));
      ctx.req.once('error', cutOff);
      ctx.req.once('close', () => ctx.req.complete || cutOff());
      ctx.req.pipe(parser);
    });
    return { fields: formOf(fields), files: files.map((finished) => finished()), discard };
  } catch (error) {
    // The rest of the body is not wanted, and a connection that still carries it takes no further request.
    ctx.req.unpipe(parser);
    ctx.req.resume();
    ctx.set('Connection', 'close');
    for (const stream of streams) stream.destroy();
    await Promise.allSettled(writes);
    await discard();
    throw error;
  }
}

const WRITE_BYTES = 1024 * 1024;
/** A browser sends a part without a name for each file field that nobody filled in. */
const EMPTY_FILES = 20;

function openParser(ctx: Ctx, limits: BusboyConfig['limits']): BusboyInstance {
  const contentType = ctx.get('Content-Type');
  if (!ctx.is('multipart/form-data')) throw new AppError('malformed', 'This address takes a form with files.');
  try {
    return new Busboy({ headers: { ...ctx.headers, 'content-type': contentType }, limits, fileHwm: WRITE_BYTES });
  } catch (cause) {
    throw new AppError('malformed', 'The form cannot be read.', { cause });
  }
}

/** A name that stands twice, or ends in `[]`, gives a list, as in the forms without files. */
function formOf(fields: ReadonlyMap<string, readonly string[]>): RawForm {
  const pairs = [...fields].map(([name, values]): [string, string | string[]] => [
    name.endsWith('[]') ? name.slice(0, -2) : name,
    values.length > 1 || name.endsWith('[]') ? [...values] : (values[0] ?? ''),
  ]);
  return Object.fromEntries(pairs.filter(([name]) => name !== '__proto__'));
}

const tooMany = (maxFiles: number) => new AppError('too_large', `Please send at most ${maxFiles} at a time.`);

const tooLarge = (maxBytes: number) =>
  new AppError('too_large', `A file may have at most ${Math.floor(maxBytes / 1_000_000)} MB here.`);

import { createHash } from 'node:crypto';
import type { z } from 'zod';
import { readCsv } from '../../kit/csv.ts';
import { AppError } from '../../kit/errors.ts';
import { t } from '../../kit/web/messages.ts';
import {
  BLOCKED,
  CollectionDoc,
  CommentDoc,
  DOCUMENTS,
  FOLLOWING,
  MANIFEST,
  Manifest,
  MOST_LINE_BYTES,
  MOST_MANIFEST_BYTES,
  ModelDoc,
  MUTED,
  PostDoc,
  PROFILE,
  ProfileDoc,
  ReviewDoc,
} from '../format.ts';
import type { ItemKind } from '../import/model.ts';
import type { FoundItem, Source, WantedBytes } from '../import/source.ts';

/** An archive of an account, wherever it lies. */
export interface ArchivePlace {
  /** The whole of a small entry. Throws `not_found` when there is none. */
  read(name: string, mostBytes: number): Promise<Buffer>;
  /** Puts an entry into a file. `sha256` is what the manifest says; it is right when this returns. */
  bring(name: string, told: { sha256: string; totalBytes: number }, path: string, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

const MOST_DOCUMENT_BYTES = 256_000_000;
const MOST_PEOPLE = 20_000;

/** An archive of `/settings/export`: every entry that is read is compared with its checksum. */
export class TesseraSource implements Source {
  readonly isExact = true;
  readonly #place: ArchivePlace;
  readonly #notes: string[] = [];
  #entries: ReadonlyMap<string, Manifest['entries'][number]> | null = null;

  constructor(place: ArchivePlace) {
    this.#place = place;
  }

  get notes(): readonly string[] {
    return this.#notes;
  }

  async *look(signal: AbortSignal): AsyncGenerator<FoundItem> {
    await this.#loadEntries();
    yield await this.#profile();
    yield* this.#documents(DOCUMENTS.models, 'model', ModelDoc, signal, (doc) => ({
      title: doc.name,
      totalBytes: sum(doc.versions.flatMap(({ files }) => files)),
    }));
    yield* this.#documents(DOCUMENTS.posts, 'post', PostDoc, signal, (doc) => ({
      title: doc.title || t('import.untitled-post'),
      totalBytes: sum(doc.images),
    }));
    yield* this.#documents(DOCUMENTS.reviews, 'review', ReviewDoc, signal, ({ text, versionUri }) => ({
      title: text.slice(0, 100) || versionUri,
    }));
    yield* this.#documents(DOCUMENTS.comments, 'comment', CommentDoc, signal, ({ text }) => ({
      title: text.slice(0, 100),
    }));
    yield* this.#documents(DOCUMENTS.collections, 'collection', CollectionDoc, signal, ({ name }) => ({ title: name }));
    yield* this.#people(BLOCKED, 'block');
    yield* this.#people(MUTED, 'mute');
    yield* this.#people(FOLLOWING, 'follow');
  }

  async bring({ place }: WantedBytes, path: string, signal: AbortSignal): Promise<void> {
    const told = await this.#told(place);
    if (!told) throw new AppError('gone', t('import.not-in-archive'));
    await this.#place.bring(place, told, path, signal);
  }

  close(): Promise<void> {
    return this.#place.close();
  }

  async #loadEntries() {
    if (this.#entries) return this.#entries;
    const bytes = await this.#place.read(MANIFEST, MOST_MANIFEST_BYTES).catch((error: unknown) => {
      if (error instanceof AppError && error.kind === 'not_found')
        throw new AppError('invalid', t('import.no-manifest'));
      throw error;
    });
    const parsed = Manifest.safeParse(parseJson(bytes.toString('utf8')));
    if (!parsed.success) throw new AppError('invalid', t('import.no-manifest'));
    this.#notes.push(...parsed.data.leftOut);
    this.#entries = new Map(parsed.data.entries.map((entry) => [entry.name, entry]));
    return this.#entries;
  }

  async #told(name: string) {
    return (await this.#loadEntries()).get(name) ?? null;
  }

  /** A document that is compared with its checksum before a word of it is believed. */
  async #text(name: string): Promise<string> {
    const told = await this.#told(name);
    if (!told) return '';
    const bytes = await this.#place.read(name, MOST_DOCUMENT_BYTES);
    if (createHash('sha256').update(bytes).digest('hex') !== told.sha256) {
      throw new AppError('invalid', t('import.damaged-entry', { name }));
    }
    return bytes.toString('utf8').replaceAll('\u0000', '');
  }

  async #profile(): Promise<FoundItem> {
    const doc = ProfileDoc.safeParse(parseJson(await this.#text(PROFILE)));
    if (!doc.success) throw new AppError('invalid', t('import.damaged-entry', { name: PROFILE }));
    const { displayName, name } = doc.data;
    return { kind: 'profile', title: displayName || name, totalBytes: 0, plan: doc.data };
  }

  async *#documents<Doc>(
    name: string,
    kind: ItemKind,
    schema: z.ZodType<Doc>,
    signal: AbortSignal,
    viewOf: (doc: Doc) => { readonly title: string; readonly totalBytes?: number },
  ): AsyncGenerator<FoundItem> {
    for (const [n, line] of (await this.#text(name)).split('\n').entries()) {
      signal.throwIfAborted();
      if (line.trim() === '') continue;
      const doc = line.length > MOST_LINE_BYTES ? null : schema.safeParse(parseJson(line));
      if (!doc?.success) this.#notes.push(t('import.bad-line', { name, n: n + 1 }));
      else yield { kind, totalBytes: 0, ...viewOf(doc.data), plan: doc.data };
    }
  }

  async *#people(name: string, kind: ItemKind): AsyncGenerator<FoundItem> {
    let count = 0;
    for (const { cells } of readCsv(await this.#text(name))) {
      const handle = (cells[0] ?? '').trim().replace(/^@/, '');
      if (!handle.includes('@') || handle.length > 400) continue;
      count += 1;
      if (count > MOST_PEOPLE) return;
      yield { kind, title: `@${handle}`, totalBytes: 0, plan: { handle } };
    }
  }
}

const sum = (files: readonly { readonly totalBytes: number; readonly path: string | null }[]): number =>
  files.reduce((total, { totalBytes, path }) => total + (path === null ? 0 : totalBytes), 0);

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { Account } from '../../accounts/model.ts';
import type { storedHashes } from '../files/hash.ts';
import type { Inspection } from '../files/inspect.ts';
import { ModelVersion } from '../model.ts';
import { FILE_KINDS, SCAN_RESULTS } from '../types.ts';

const UPLOAD_STATES = ['receiving', 'hashing', 'ready', 'refused'] as const;

export type StoredHashes = ReturnType<typeof storedHashes>;

/**
 * A file on its way in. Its bytes lie in the uploads folder under its id until they are a blob (`sha256`); the row goes
 * when a version has the file, or when nobody wanted it for some days.
 */
export const Upload = defineEntity({
  name: 'Upload',
  indexes: [{ properties: ['owner', 'createdAt'] }, { properties: ['expiresAt'] }],
  properties: {
    id: p.uuid().primary(),
    owner: () => p.manyToOne(Account).ref(),
    /** The version that gets the file as soon as it is ready. */
    version: () => p.manyToOne(ModelVersion).ref().nullable().index(),
    kind: p.enum([...FILE_KINDS]).default('Model'),
    fileName: p.string().length(200),
    totalBytes: p.bigint('number'),
    /** As of the last pause; the length of the file on disk is the truth. */
    receivedBytes: p.bigint('number').default(0),
    state: p.enum([...UPLOAD_STATES]).default('receiving'),
    /** Known before the bytes become a blob, so that a crash in between loses nothing. */
    hashes: p.json<StoredHashes>().nullable(),
    inspection: p.json<Inspection>().nullable(),
    virusScanResult: p.enum([...SCAN_RESULTS]).default('Pending'),
    virusScanMessage: p.string().length(300).nullable(),
    /** Set when the store holds the bytes. */
    sha256: p.string().length(64).nullable().index(),
    /** Why it was refused, for its owner. */
    message: p.string().length(600).nullable(),
    /** It was refused because it is blocked, which has a status of its own. */
    isWithheld: p.boolean().default(false),
    /** Where the same file is already. */
    duplicateUrl: p.string().length(200).nullable(),
    createdAt: p.datetime(),
    updatedAt: p.datetime(),
    expiresAt: p.datetime(),
  },
});
export interface Upload extends InferEntity<typeof Upload> {}

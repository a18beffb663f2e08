import { createReadStream } from 'node:fs';
import type { EntityManager } from '@mikro-orm/core';
import { rows } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import type { HashGate } from '../../safety/hashes/gate.ts';
import { scanWithClamd } from '../files/clamd.ts';
import type { Inspection } from '../files/inspect.ts';
import type { SCAN_RESULTS } from '../types.ts';

export type ScanResult = (typeof SCAN_RESULTS)[number];

export interface IntakePolicy {
  /** The owner of the node lets pickles in, after a scan of their opcodes. */
  readonly allowPickle: boolean;
  readonly clamdSocket: string | null;
  /** Keeps out what must not come back. */
  readonly hashGate: HashGate;
}

export interface VirusVerdict {
  readonly virusScanResult: ScanResult;
  readonly virusScanMessage: string | null;
}

/** What goes beside weights: configuration, wildcards, workflows, training data. */
const COMPANIONS = /\.(?:zip|ya?ml|json|txt|csv|toml)$/i;

/** Throws `invalid` with a sentence for the owner when the node does not take this file. */
export function assertTakes(
  fileName: string,
  { refusal, format, pickle }: Inspection,
  policy: Pick<IntakePolicy, 'allowPickle'>,
): void {
  if (refusal !== null) throw new AppError('invalid', refusal);
  if (format === 'PickleTensor') {
    if (!policy.allowPickle) {
      throw new AppError(
        'invalid',
        'This node does not take pickle files (.ckpt, .pt, .bin): they can run code on the machines of those who load them. Convert it to safetensors first.',
      );
    }
    if (pickle?.result !== 'Success') {
      throw new AppError('invalid', `This pickle is not safe to load: ${pickle?.message ?? 'it could not be read.'}`);
    }
    return;
  }
  if (format === 'Other' && !COMPANIONS.test(fileName)) {
    throw new AppError(
      'invalid',
      'This node takes safetensors and GGUF models, and beside them .zip, .yaml, .json, .toml, .txt and .csv files.',
    );
  }
}

/** Throws `invalid` for what clamd knows as harmful. Without clamd the result stays `Pending` (DESIGN.md ruling 13). */
export async function scanForViruses(
  path: string,
  { clamdSocket }: Pick<IntakePolicy, 'clamdSocket'>,
  signal: AbortSignal,
): Promise<VirusVerdict> {
  if (clamdSocket === null) return { virusScanResult: 'Pending', virusScanMessage: null };
  const scan = await scanWithClamd(clamdSocket, createReadStream(path, { highWaterMark: 1024 * 1024 }), { signal });
  if (scan.result === 'infected') throw new AppError('invalid', `The virus scanner found ${scan.name} in this file.`);
  if (scan.result === 'error') return { virusScanResult: 'Error', virusScanMessage: scan.message.slice(0, 300) };
  return { virusScanResult: 'Success', virusScanMessage: null };
}

export interface Duplicate {
  readonly message: string;
  readonly url: string;
}

/**
 * Where these bytes are already, as far as this person may know: in a public version, or in one of their own. Small
 * companions, such as a VAE's configuration, may stand in many places.
 */
export async function findDuplicate(em: EntityManager, ownerId: number, sha256: string): Promise<Duplicate | null> {
  const [found] = await rows<{
    version_id: number;
    version_name: string;
    state: string;
    model_id: number;
    model_name: string;
  }>(
    em,
    `select v.id as version_id, v.name as version_name, v.state, m.id as model_id, m.name as model_name
     from model_file f join model_version v on v.id = f.version_id join model m on m.id = v.model_id
     where f.sha256 = ? and f.is_stored = ? and f.format <> 'Other' and v.state <> 'deleted' and m.state <> 'deleted'
       and (m.owner_id = ? or (v.state = 'published' and m.listed_at is not null))
     order by f.id limit 1`,
    [sha256, true, ownerId],
  );
  if (!found) return null;
  const isPublic = found.state === 'published';
  return {
    message: `This file is here already: ${found.model_name || 'a draft of yours'}, ${found.version_name}.`,
    url: isPublic ? `/models/${found.model_id}?version=${found.version_id}` : `/versions/${found.version_id}/edit`,
  };
}

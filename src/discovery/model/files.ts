import { toBoolean, toNumber } from '../../kit/database/sql.ts';
import { t } from '../../kit/web/messages.ts';
import type { Work } from '../../kit/work.ts';

/** A copy of a peer's file; federation tells, because it keeps them. */
interface CopyView {
  readonly state: string | null;
  readonly reason: string;
  readonly percent: number;
  readonly mayAsk: boolean;
  readonly mayRemove: boolean;
}

/** By file id. */
export type ListCopies = (
  work: Pick<Work, 'em' | 'viewer'>,
  fileIds: readonly number[],
) => Promise<ReadonlyMap<number, CopyView>>;

export interface FileView {
  readonly id: number;
  readonly name: string;
  readonly kind: string;
  readonly format: string;
  readonly precision: string;
  readonly totalBytes: number;
  readonly isPrimary: boolean;
  /** Where a peer offers it: its host, and the address there unless that answers few. */
  readonly home: { readonly host: string; readonly url: string | null } | null;
  /** How a copy of it stands here; null for a file of our own. */
  readonly copy: CopyView | null;
  /** Null when the bytes are not here. */
  readonly downloadUrl: string | null;
  readonly checks: readonly { readonly label: string; readonly kind: 'good' | 'bad' | 'warn' | '' }[];
  readonly hashes: readonly { readonly label: string; readonly value: string; readonly copy: string }[];
}

/** The columns of a file that hold its hashes. */
type HashRow = Pick<FileRow, 'sha256' | 'tensor_sha256' | 'blake3' | 'auto_v1' | 'crc32'>;

export interface FileRow {
  id: number;
  name: string;
  kind: string;
  format: string;
  precision: string;
  is_primary: unknown;
  total_bytes: unknown;
  sha256: string;
  tensor_sha256: string | null;
  blake3: string | null;
  auto_v1: string | null;
  crc32: string | null;
  pickle_scan_result: string;
  virus_scan_result: string;
  is_stored: unknown;
  remote_url: string | null;
}

export const FILE_COLUMNS = `f.id, f.name, f.kind, f.format, f.precision, f.is_primary, f.total_bytes, f.sha256, f.tensor_sha256,
  f.blake3, f.auto_v1, f.crc32, f.pickle_scan_result, f.virus_scan_result, f.is_stored, f.remote_url`;

const KINDS: Readonly<Record<string, 'good' | 'bad' | 'warn' | ''>> = {
  Success: 'good',
  Danger: 'bad',
  Error: 'warn',
  Pending: '',
};

/** A file as its table shows it; the scans say which of them ran (DESIGN.md ruling 13). */
export function fileView(
  row: FileRow,
  versionId: number,
  { copy, isForAll }: { readonly copy: CopyView | null; readonly isForAll: boolean },
): FileView {
  const isPrimary = toBoolean(row.is_primary);
  const local = isPrimary ? `/api/download/models/${versionId}` : `/api/download/models/${versionId}?fileId=${row.id}`;
  return {
    id: row.id,
    name: row.name,
    kind: row.kind,
    format: row.format,
    precision: row.precision,
    totalBytes: toNumber(row.total_bytes),
    isPrimary,
    home:
      row.remote_url === null ? null : { host: new URL(row.remote_url).host, url: isForAll ? row.remote_url : null },
    copy,
    downloadUrl: toBoolean(row.is_stored) ? local : null,
    checks: [
      { label: t(`model.pickle.${row.pickle_scan_result}`), kind: KINDS[row.pickle_scan_result] ?? '' },
      { label: t(`model.virus.${row.virus_scan_result}`), kind: KINDS[row.virus_scan_result] ?? '' },
    ],
    hashes: hashesOf(row),
  };
}

/** In upper case and by the names that other tools give them (spec/civitai-api.md 2.4). */
export function hashesOf({ sha256, tensor_sha256: tensor, blake3, auto_v1: autoV1, crc32 }: HashRow) {
  const all: [string, string | null][] = [
    ['AutoV1', autoV1],
    ['AutoV2', sha256.slice(0, 10)],
    ['AutoV3', tensor?.slice(0, 12) ?? null],
    ['SHA256', sha256],
    ['BLAKE3', blake3],
    ['CRC32', crc32],
  ];
  return all.flatMap(([label, hash]) => {
    const value = hash?.toUpperCase();
    return value ? [{ label, value, copy: value }] : [];
  });
}

import { inList, type Parameter } from '../../kit/database/sql.ts';
import type { KnownFiles } from '../engine/protocol.ts';
import { infotextName } from './infotext-name.ts';

/** Whether the engine can be given a file: our own takes any of this node, another program what it lists. */
export function isKnown(
  known: KnownFiles | null,
  { sha256, name }: { readonly sha256: string; readonly name: string },
): boolean {
  if (known === null || known.sha256.includes(sha256)) return true;
  return known.names.some((one) => infotextName(one).toLowerCase() === name.toLowerCase());
}

/** The same of rows of `model_file f`. */
export function knownCondition(known: KnownFiles | null): {
  readonly sql: string;
  readonly parameters: readonly Parameter[];
} {
  if (known === null) return { sql: '', parameters: [] };
  const names = known.names.map((name) => (name.endsWith('.safetensors') ? name : `${name}.safetensors`));
  return {
    sql: `and (f.sha256 in (${inList(known.sha256)}) or lower(f.name) in (${inList(names)}))`,
    parameters: [...known.sha256, ...names],
  };
}

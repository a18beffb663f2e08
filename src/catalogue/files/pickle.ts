import { AppError } from '../../kit/errors.ts';
import type { Bytes } from './bytes.ts';
import { readPickle } from './pickle-machine.ts';
import { shorten } from './strict-json.ts';
import { listZipEntries, readZipEntry, type ZipEntry } from './zip.ts';

/** A file is a success only when it was followed to its end and imports nothing but what is on the list. */
export interface PickleScan {
  readonly result: 'Success' | 'Danger';
  /** For the page of the model. */
  readonly message: string;
  /** Dotted names, sorted. */
  readonly imports: readonly string[];
  readonly forbiddenImports: readonly string[];
}

/**
 * What a state dict of PyTorch needs. A deny list is never complete, so there is none: what is not here is a danger,
 * `torch.load` and `torch.storage._load_from_bytes` included, which unpickle what they are given.
 */
const STORAGE_KINDS = [
  ...['Float', 'Half', 'Double', 'BFloat16', 'Byte', 'Char', 'Short', 'Int', 'Long', 'Bool', 'ComplexFloat'],
  ...['ComplexDouble', 'QInt8', 'QUInt8', 'QInt32', 'Untyped', 'Typed'],
];
const ALLOWED_IMPORTS: ReadonlySet<string> = new Set([
  'collections OrderedDict',
  ...STORAGE_KINDS.map((kind) => `torch ${kind}Storage`),
  ...['torch.storage UntypedStorage', 'torch.storage TypedStorage'],
  ...['_rebuild_tensor', '_rebuild_tensor_v2', '_rebuild_parameter', '_rebuild_parameter_with_state'].map(
    (name) => `torch._utils ${name}`,
  ),
  ...['numpy dtype', 'numpy ndarray', 'numpy.core.multiarray _reconstruct', 'numpy._core.multiarray _reconstruct'],
]);

const MAX_PICKLE_BYTES = 64 * 1024 * 1024;
/** What `torch.save` writes before the object in its old format: a magic number as a pickle of its own. */
const LEGACY_MAGIC = Buffer.from('80028a0a6cfc9c46f9206aa850192e', 'hex');
/** Magic number, protocol, machine, object, keys of the storages; raw numbers follow. */
const LEGACY_PICKLES = 5;
/** Files of an archive that hold numbers or one word, never a program. */
const INERT_ENTRY =
  /^(?:[^/]+\/)?(?:data\/\d+|version|byteorder|\.format_version|\.storage_alignment|\.data\/serialization_id)$/;

/** A `.ckpt`, `.pt`, `.pth` or `.bin` of PyTorch, zipped or legacy. Only `bytes` itself throws. */
export async function scanPickle(bytes: Bytes): Promise<PickleScan> {
  const imports = new Set<string>();
  try {
    const start = await bytes.read(0, Math.min(4, bytes.totalBytes));
    if (start.toString('latin1') === 'PK\x03\x04') await scanArchive(bytes, imports);
    else await scanPlain(bytes, imports);
  } catch (error) {
    if (!(error instanceof AppError) || error.kind !== 'invalid') throw error;
    return conclude(imports, error.message);
  }
  return conclude(imports, null);
}

async function scanArchive(bytes: Bytes, imports: Set<string>): Promise<void> {
  const entries = await listZipEntries(bytes);
  const programs = entries.filter(({ name }) => /(?:^|\/)data\.pkl$/.test(name));
  if (programs.length !== 1) throw new AppError('invalid', 'The archive does not hold exactly one data.pkl.');
  for (const entry of entries) {
    if (programs.includes(entry)) await scanEntry(bytes, entry, imports);
    else if (!INERT_ENTRY.test(entry.name)) {
      // TorchScript, archives within archives, a second pickle: all of them can be made to run
      throw new AppError('invalid', `The archive holds something other than tensors: ${shorten(entry.name)}.`);
    }
  }
}

async function scanEntry(bytes: Bytes, entry: ZipEntry, imports: Set<string>): Promise<void> {
  const program = await readZipEntry(bytes, entry, MAX_PICKLE_BYTES);
  const end = addImports(program, 0, imports);
  if (end !== program.length) throw new AppError('invalid', 'Bytes follow the end of the pickle.');
}

async function scanPlain(bytes: Bytes, imports: Set<string>): Promise<void> {
  const head = await bytes.read(0, Math.min(bytes.totalBytes, MAX_PICKLE_BYTES));
  if (!head.subarray(0, LEGACY_MAGIC.length).equals(LEGACY_MAGIC)) {
    const end = addImports(head, 0, imports);
    if (end !== bytes.totalBytes) throw new AppError('invalid', 'Bytes follow the end of the pickle.');
    return;
  }
  let at = 0;
  for (let pickle = 0; pickle < LEGACY_PICKLES; pickle += 1) at = addImports(head, at, imports);
}

function addImports(program: Buffer, startBytes: number, imports: Set<string>): number {
  const found = readPickle(program, startBytes);
  for (const name of found.imports) imports.add(name);
  return found.endBytes;
}

function conclude(found: ReadonlySet<string>, problem: string | null): PickleScan {
  const shown = (names: readonly string[]) => names.map((name) => shorten(name.replace(' ', '.'))).toSorted();
  const imports = shown([...found]);
  const forbiddenImports = shown([...found].filter((name) => !ALLOWED_IMPORTS.has(name)));
  const isClean = problem === null && forbiddenImports.length === 0;
  const parts = [
    ...(problem === null ? [] : [problem]),
    ...(forbiddenImports.length === 0 ? [] : [`Imports that are not allowed: ${forbiddenImports.join(', ')}.`]),
    imports.length === 0 ? 'No imports.' : `Imports: ${imports.join(', ')}.`,
  ];
  return { result: isClean ? 'Success' : 'Danger', message: parts.join(' '), imports, forbiddenImports };
}

import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import type { SignedMessage } from '../../src/federation/signatures/message.ts';
import type { ActorKey } from '../../src/federation/signatures/verify.ts';

/** The node under test, its clock, and the honest and the hostile peer of the attack list. */
export const here = { origin: 'https://node.example', now: new Date('2026-11-20T12:00:00Z') };
export const INBOX = '/users/alice/inbox';
export const VIC = 'https://v.example/users/vic';
export const MALLORY = 'https://e.example/users/mallory';

const rsa = () => generateKeyPairSync('rsa', { modulusLength: 2048 });
export const vicPair = rsa();
export const malloryPair = rsa();
export const pem = (key: KeyObject): string => key.export({ format: 'pem', type: 'spki' }).toString();

export const vicKey: ActorKey = { keyId: `${VIC}#main-key`, actorId: VIC, publicKey: pem(vicPair.publicKey) };
export const malloryKey: ActorKey = {
  keyId: `${MALLORY}#main-key`,
  actorId: MALLORY,
  publicKey: pem(malloryPair.publicKey),
};

export const sha256 = (body: Buffer | string): string => createHash('sha256').update(body).digest('base64');

export interface CavageRecipe {
  readonly method: string;
  readonly target: string;
  readonly body: string;
  readonly names: readonly string[];
  /** Sent as headers, and signed when named. */
  readonly headers: Readonly<Record<string, string>>;
  readonly keyId: string;
  readonly algorithm: string | null;
  readonly parameters: Readonly<Record<string, string | number>>;
  readonly makeSignature: (text: string) => Buffer;
}

export function recipe(changes: Partial<CavageRecipe> = {}): CavageRecipe {
  const body = changes.body ?? '{"a":1}';
  return {
    method: 'POST',
    target: INBOX,
    body,
    names: ['(request-target)', 'host', 'date', 'digest'],
    keyId: vicKey.keyId,
    algorithm: 'rsa-sha256',
    parameters: {},
    makeSignature: (text) => sign('sha256', Buffer.from(text), vicPair.privateKey),
    ...changes,
    headers: {
      host: 'node.example',
      date: here.now.toUTCString(),
      digest: `SHA-256=${sha256(body)}`,
      ...changes.headers,
    },
  };
}

/** A second, independent writer of Cavage signatures: the product's signer would hide a mistake that both share. */
export function cavage(changes: Partial<CavageRecipe> = {}): SignedMessage {
  const r = recipe(changes);
  const text = r.names.map((name) => {
    if (name === '(request-target)') return `${name}: ${r.method.toLowerCase()} ${r.target}`;
    return `${name}: ${r.headers[name] ?? r.parameters[name.slice(1, -1)] ?? ''}`;
  });
  const parameters = {
    keyId: r.keyId,
    ...(r.algorithm === null ? {} : { algorithm: r.algorithm }),
    ...r.parameters,
    headers: r.names.join(' '),
    signature: r.makeSignature(text.join('\n')).toString('base64'),
  };
  const signature = Object.entries(parameters).map(([k, v]) => (typeof v === 'number' ? `${k}=${v}` : `${k}="${v}"`));
  const headers = { ...r.headers, signature: signature.join(',') };
  return message(headers, r);
}

export interface Rfc9421Recipe {
  readonly method: string;
  readonly target: string;
  readonly body: string;
  readonly components: readonly (readonly [name: string, value: string])[];
  readonly parameters: string;
  readonly contentDigest: string | null;
  readonly makeSignature: (text: string) => Buffer;
  readonly extraHeaders: Readonly<Record<string, string>>;
  readonly input: string | null;
}

export const createdAt = Math.floor(here.now.getTime() / 1000);

export function rfc9421(changes: Partial<Rfc9421Recipe> = {}): SignedMessage {
  const body = changes.body ?? '{"a":1}';
  const digest = `sha-256=:${sha256(body)}:`;
  const r: Rfc9421Recipe = {
    method: 'POST',
    target: INBOX,
    body,
    components: [
      ['@method', 'POST'],
      ['@target-uri', `https://node.example${INBOX}`],
      ['content-digest', digest],
    ],
    parameters: `;created=${createdAt};keyid="${vicKey.keyId}";alg="rsa-v1_5-sha256"`,
    contentDigest: digest,
    makeSignature: (text) => sign('sha256', Buffer.from(text), vicPair.privateKey),
    extraHeaders: {},
    input: null,
    ...changes,
  };
  const list = `(${r.components.map(([name]) => (name.startsWith('"') ? name : `"${name}"`)).join(' ')})${r.parameters}`;
  const lines = r.components.map(([name, value]) => `${name.startsWith('"') ? name : `"${name}"`}: ${value}`);
  const signature = r.makeSignature([...lines, `"@signature-params": ${list}`].join('\n')).toString('base64');
  const headers = {
    host: 'node.example',
    ...(r.contentDigest === null ? {} : { 'content-digest': r.contentDigest }),
    'signature-input': r.input ?? `sig1=${list}`,
    signature: `sig1=:${signature}:`,
    ...r.extraHeaders,
  };
  return message(headers, r);
}

function message(
  headers: Readonly<Record<string, string>>,
  { method, target, body }: { method: string; target: string; body: string },
): SignedMessage {
  return { method, target, rawHeaders: Object.entries(headers).flat(), body: Buffer.from(body) };
}

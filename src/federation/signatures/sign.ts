import { contentDigestOf, digestOf } from './digest.ts';
import { type KeyType, signWith } from './keys.ts';

export interface SigningKey {
  readonly keyId: string;
  readonly type: KeyType;
  readonly privateKeyPem: string;
}

export interface OutgoingMessage {
  readonly method: 'GET' | 'POST';
  readonly url: URL;
  /** Null for GET. */
  readonly body: Buffer | null;
  readonly now: Date;
}

/** The first knock: what every server understands today. The key must be RSA. */
export function signCavage({ method, url, body, now }: OutgoingMessage, key: SigningKey): Record<string, string> {
  const values: [string, string][] = [
    ['(request-target)', `${method.toLowerCase()} ${url.pathname}${url.search}`],
    ['host', url.host],
    ['date', now.toUTCString()],
    ...(body ? ([['digest', digestOf(body)]] satisfies [string, string][]) : []),
  ];
  const text = values.map(([name, value]) => `${name}: ${value}`).join('\n');
  const signature = signWith(key.privateKeyPem, key.type, text).toString('base64');
  const names = values.map(([name]) => name).join(' ');
  return {
    host: url.host,
    date: now.toUTCString(),
    ...(body ? { digest: digestOf(body) } : {}),
    signature: `keyId="${key.keyId}",algorithm="rsa-sha256",headers="${names}",signature="${signature}"`,
  };
}

/** The second knock, after a 401. */
export function signRfc9421({ method, url, body, now }: OutgoingMessage, key: SigningKey): Record<string, string> {
  const digest = body ? contentDigestOf(body) : null;
  const values: [string, string][] = [
    ['@method', method],
    ['@target-uri', url.href.split('#')[0] ?? ''],
    ...(digest ? ([['content-digest', digest]] satisfies [string, string][]) : []),
  ];
  const names = values.map(([name]) => `"${name}"`).join(' ');
  const algorithm = key.type === 'rsa' ? 'rsa-v1_5-sha256' : 'ed25519';
  const created = Math.floor(now.getTime() / 1000);
  const input = `(${names});created=${created};keyid="${key.keyId}";alg="${algorithm}"`;
  const lines = [...values.map(([name, value]) => `"${name}": ${value}`), `"@signature-params": ${input}`];
  const signature = signWith(key.privateKeyPem, key.type, lines.join('\n')).toString('base64');
  return {
    ...(digest ? { 'content-digest': digest } : {}),
    'signature-input': `sig1=${input}`,
    signature: `sig1=:${signature}:`,
  };
}

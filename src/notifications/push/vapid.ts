import { createECDH, createPrivateKey, hkdfSync, type KeyObject, sign } from 'node:crypto';

/** How this node shows push services who it is (RFC 8292): a key that never changes, since browsers subscribe to it. */
export interface Vapid {
  /** Base64url of the uncompressed point: what a browser is given to subscribe. */
  readonly publicKey: string;
  /** The `Authorization` of a message to this push service. */
  authorization(endpoint: URL, now: Date): string;
}

/** RFC 8292, 2: at most a day. */
const LIFETIME_SECONDS = 12 * 3_600;

/** The order of P-256 (FIPS 186-4, D.1.2.3). */
const ORDER = BigInt('0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551');

/** From the secret of the node, so that every process of it has the same key, and so has a backup. */
export function makeVapid(secretKey: string, contact: URL): Vapid {
  const seed = Buffer.from(hkdfSync('sha256', secretKey, '', 'tessera push identity', 48)).toString('hex');
  // 128 bits more than the order has, so that no number is likelier than another (FIPS 186-4, B.4.1)
  const secret = (BigInt(`0x${seed}`) % (ORDER - 1n)) + 1n;
  const ecdh = createECDH('prime256v1');
  ecdh.setPrivateKey(Buffer.from(secret.toString(16).padStart(64, '0'), 'hex'));
  const point = ecdh.getPublicKey();
  const publicKey = point.toString('base64url');
  const key = createPrivateKey({
    format: 'jwk',
    key: {
      kty: 'EC',
      crv: 'P-256',
      d: ecdh.getPrivateKey().toString('base64url'),
      x: point.subarray(1, 33).toString('base64url'),
      y: point.subarray(33).toString('base64url'),
    },
  });
  return {
    publicKey,
    authorization: (endpoint, now) => {
      const exp = Math.floor(now.getTime() / 1_000) + LIFETIME_SECONDS;
      return `vapid t=${token(key, { aud: endpoint.origin, exp, sub: contact.href })}, k=${publicKey}`;
    },
  };
}

function token(key: KeyObject, claims: object): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = `${part({ typ: 'JWT', alg: 'ES256' })}.${part(claims)}`;
  const signature = sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' });
  return `${text}.${signature.toString('base64url')}`;
}

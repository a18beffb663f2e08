import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

/**
 * A certificate authority of the tests: X.509 (RFC 5280) in the few fields that TLS looks at, as DER. It is written here
 * because node:crypto reads certificates and makes none, and the suite must not lean on an openssl that may be missing.
 */
export interface Authority {
  readonly certificatePem: string;
  /** A key and a certificate for these names (`*.` is allowed), signed by the authority. */
  issue(names: readonly string[]): { readonly key: string; readonly cert: string };
}

export function makeAuthority(): Authority {
  const own = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const subject = name('Tessera tests');
  const keyId = createHash('sha1')
    .update(own.publicKey.export({ format: 'der', type: 'spki' }))
    .digest();
  // Python from 3.13 on is as strict as RFC 5280, which wants the last two of an authority, and its key named in what it signs
  const extensions = Buffer.concat([
    extension('2.5.29.19', sequence(der(0x01, Buffer.of(0xff))), true),
    extension('2.5.29.15', der(0x03, Buffer.of(2, 0x04)), true), // keyCertSign
    extension('2.5.29.14', der(0x04, keyId), false),
  ]);
  const certify = (holder: KeyObject, holderName: Buffer, extensions: Buffer): string => {
    const spki = holder.export({ format: 'der', type: 'spki' });
    const body = sequence(
      der(0xa0, integer(Buffer.of(2))),
      integer(serialOf(spki)),
      ALGORITHM,
      subject,
      sequence(der(0x17, Buffer.from('200101000000Z')), der(0x17, Buffer.from('491231235959Z'))),
      holderName,
      spki,
      der(0xa3, sequence(extensions)),
    );
    const signature = sign('sha256', body, own.privateKey);
    return pem(sequence(body, ALGORITHM, der(0x03, Buffer.of(0), signature)));
  };
  return {
    certificatePem: certify(own.publicKey, subject, extensions),
    issue(names) {
      const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const alternatives = sequence(...names.map((one) => der(0x82, Buffer.from(one))));
      const cert = certify(
        pair.publicKey,
        name(names[0] ?? ''),
        Buffer.concat([
          extension('2.5.29.17', alternatives, false),
          extension('2.5.29.35', sequence(der(0x80, keyId)), false),
        ]),
      );
      return { key: pair.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(), cert };
    },
  };
}

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const bytes = Buffer.from(content.length.toString(16).padStart(content.length > 0xff ? 4 : 2, '0'), 'hex');
  const length = content.length < 0x80 ? bytes : Buffer.concat([Buffer.of(0x80 | bytes.length), bytes]);
  return Buffer.concat([Buffer.of(tag), length, content]);
}

const sequence = (...parts: readonly Buffer[]): Buffer => der(0x30, ...parts);
const integer = (value: Buffer): Buffer => der(0x02, value);
const serialOf = (spki: Buffer): Buffer => Buffer.concat([Buffer.of(1), createHash('sha1').update(spki).digest()]);

function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const base128 = [arc & 0x7f];
    for (let left = arc >> 7; left > 0; left >>= 7) base128.unshift(0x80 | (left & 0x7f));
    bytes.push(...base128);
  }
  return der(0x06, Buffer.from(bytes));
}

// ecdsa-with-SHA256, RFC 5758
const ALGORITHM = sequence(oid('1.2.840.10045.4.3.2'));

const name = (commonName: string): Buffer =>
  sequence(der(0x31, sequence(oid('2.5.4.3'), der(0x0c, Buffer.from(commonName)))));

const extension = (id: string, value: Buffer, isCritical: boolean): Buffer =>
  sequence(oid(id), ...(isCritical ? [der(0x01, Buffer.of(0xff))] : []), der(0x04, value));

function pem(bytes: Buffer): string {
  const lines = bytes.toString('base64').replace(/(.{64})(?=.)/g, '$1\n');
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}

import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isoCBOR } from '@simplewebauthn/server/helpers';

const b64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');
const sha256 = (data: string | Uint8Array): Buffer => createHash('sha256').update(data).digest();

/**
 * A passkey in software, as WebAuthn Level 3 describes its answers (sections 6.1 and 6.5.1): one ES256 key, the person
 * present and verified.
 */
export class Authenticator {
  readonly #origin: string;
  readonly #keys: { privateKey: KeyObject; publicKey: KeyObject };
  readonly #id: Buffer;
  #counter = 0;

  /** `like` answers for the same credential from another origin, or, `isForged`, with a key of its own. */
  constructor(origin: string, like?: Authenticator, isForged = false) {
    this.#origin = origin;
    this.#id = like ? like.#id : randomBytes(16);
    this.#keys = like && !isForged ? like.#keys : generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.#counter = like ? like.#counter + 5 : 0;
  }

  #clientData(type: string, challenge: string): Buffer {
    return Buffer.from(JSON.stringify({ type, challenge, origin: this.#origin, crossOrigin: false }));
  }

  /** Relying party, flags (user present, user verified, attested data), counter. */
  #authData(flags: number, rest: Uint8Array = new Uint8Array()): Buffer {
    this.#counter += 1;
    const counter = Buffer.alloc(4);
    counter.writeUInt32BE(this.#counter);
    const rpId = new URL(this.#origin).hostname;
    return Buffer.concat([sha256(rpId), Buffer.from([flags]), counter, rest]);
  }

  register({ challenge }: { challenge: string }) {
    const jwk = this.#keys.publicKey.export({ format: 'jwk' });
    const cose = new Map<number, number | Uint8Array>([
      [1, 2],
      [3, -7],
      [-1, 1],
      [-2, new Uint8Array(Buffer.from(jwk.x ?? '', 'base64url'))],
      [-3, new Uint8Array(Buffer.from(jwk.y ?? '', 'base64url'))],
    ]);
    const idLength = Buffer.alloc(2);
    idLength.writeUInt16BE(this.#id.length);
    const attested = Buffer.concat([Buffer.alloc(16), idLength, this.#id, isoCBOR.encode(cose)]);
    const attestation = new Map<string, unknown>([
      ['fmt', 'none'],
      ['attStmt', new Map()],
      ['authData', new Uint8Array(this.#authData(0x45, attested))],
    ]);
    return {
      id: b64(this.#id),
      rawId: b64(this.#id),
      type: 'public-key',
      clientExtensionResults: {},
      response: {
        clientDataJSON: b64(this.#clientData('webauthn.create', challenge)),
        attestationObject: b64(isoCBOR.encode(attestation as never)),
        transports: ['internal'],
      },
    };
  }

  sign({ challenge }: { challenge: string }) {
    const clientData = this.#clientData('webauthn.get', challenge);
    const authData = this.#authData(0x05);
    const signature = sign('sha256', Buffer.concat([authData, sha256(clientData)]), this.#keys.privateKey);
    return {
      id: b64(this.#id),
      rawId: b64(this.#id),
      type: 'public-key',
      clientExtensionResults: {},
      response: {
        clientDataJSON: b64(clientData),
        authenticatorData: b64(authData),
        signature: b64(signature),
        userHandle: b64(Buffer.from('1')),
      },
    };
  }
}

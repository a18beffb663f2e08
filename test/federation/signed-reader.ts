import { type SigningKey, signCavage } from '../../src/federation/signatures/sign.ts';
import { type Answer, Browser } from '../accounts/browser.ts';
import type { StrangeActor } from './strangers.ts';

/** Asks as a server does that signs what it reads, as one of its actors, at the time of the node. */
export class SignedReader extends Browser {
  readonly #key: SigningKey;
  readonly #now: () => Date;

  constructor(address: URL, { keyId, keys }: StrangeActor, now: () => Date) {
    super(address);
    this.#key = { keyId, type: 'rsa', privateKeyPem: keys.rsaPrivatePem };
    this.#now = now;
  }

  override async get(path: string, headers: Record<string, string> = {}): Promise<Answer> {
    const message = { method: 'GET', url: new URL(path, this.address), body: null, now: this.#now() } as const;
    const { host: _host, ...signed } = signCavage(message, this.#key);
    return super.get(path, { accept: 'application/activity+json', ...signed, ...headers });
  }
}

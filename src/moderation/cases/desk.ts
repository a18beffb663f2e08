import { z } from 'zod';
import { keyedHash, seal, unseal } from '../../accounts/access/secrets.ts';
import { canonicalEmail } from '../../accounts/login.ts';
import type { Mailer } from '../../accounts/mail/mailer.ts';
import type { Net } from '../../kit/net/net.ts';
import type { JobDefinition } from '../../kit/queue/define.ts';
import type { Settings } from '../../kit/settings.ts';
import type { HashGate } from '../../safety/hashes/gate.ts';

/** What the services of the claims desk lean on; made by the composition root. */
export interface Desk {
  readonly settings: Settings;
  readonly mailer: Mailer;
  readonly publicUrl: URL;
  readonly secretKey: string;
  /** What the pictures that parties send are compared with, and what looks for viruses in them; null without clamd. */
  readonly hashGate: HashGate;
  readonly clamdSocket: string | null;
  readonly net: Net;
  /** Looks up what a new case is about, and does what follows. */
  readonly takeInJob: JobDefinition<typeof CasePayload>;
  /** Looks whether the artist's page bears the token of the case. */
  readonly artistJob: JobDefinition<typeof CasePayload>;
}

export const CasePayload = z.object({ caseId: z.string() });

/** Who filed a case. Encrypted wherever it is stored. */
export interface Claimant {
  readonly email: string;
  /** Answers of the form that say who somebody is, by field. */
  readonly personal: Readonly<Record<string, string>>;
}

export const emailHashOf = ({ secretKey }: Pick<Desk, 'secretKey'>, email: string): string =>
  keyedHash(secretKey, 'claim mail', canonicalEmail(email));

export const sealPerson = ({ secretKey }: Pick<Desk, 'secretKey'>, person: object): string =>
  seal(secretKey, JSON.stringify(person));

/** What `sealPerson` sealed; the caller knows what that was. */
export const unsealPerson = <T extends object>({ secretKey }: Pick<Desk, 'secretKey'>, sealed: string): T =>
  JSON.parse(unseal(secretKey, sealed)) as T;

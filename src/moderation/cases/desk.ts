import { z } from 'zod';
import { keyedHash, seal, unseal } from '../../accounts/access/secrets.ts';
import { canonicalEmail } from '../../accounts/login.ts';
import type { Mailer } from '../../accounts/mail/mailer.ts';
import type { JobDefinition } from '../../kit/queue/define.ts';
import type { Settings } from '../../kit/settings.ts';

/** What the services of the claims desk lean on; made by the composition root. */
export interface Desk {
  readonly settings: Settings;
  readonly mailer: Mailer;
  readonly publicUrl: URL;
  readonly secretKey: string;
  /** Looks up what a new case is about, and does what follows. */
  readonly takeInJob: JobDefinition<typeof CasePayload>;
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

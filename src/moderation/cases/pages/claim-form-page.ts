import { claimSettings } from '../../../accounts/claim-settings.ts';
import type { FormState } from '../../../kit/web/forms.ts';
import { t } from '../../../kit/web/messages.ts';
import type { PageHead } from '../../../kit/web/views.ts';
import type { Work } from '../../../kit/work.ts';
import type { Desk } from '../desk.ts';
import { makeTicket, PROOF_BITS } from '../intake/ticket.ts';
import { CLAIM_TYPES, CLAIMS, type ClaimType } from '../types/types.ts';
import { fieldLabel } from './show.ts';

export interface ClaimFormPage extends FormState {
  readonly types: readonly {
    readonly label: string;
    readonly text: string;
    readonly href: string;
    readonly isSevere: boolean;
  }[];
  readonly chosen: null | {
    readonly type: ClaimType;
    readonly label: string;
    readonly text: string;
    readonly next: string;
    readonly mayBeAnonymous: boolean;
    /** What the law asks for may come later, so the browser must not insist on it. */
    readonly mayBeIncomplete: boolean;
    readonly fields: readonly {
      readonly name: string;
      readonly kind: string;
      readonly label: string;
      readonly hint: string;
      readonly required: boolean;
      readonly maxLength: number;
    }[];
  };
  readonly about: string;
  readonly ticket: string;
  readonly proofBits: number;
  readonly contacts: readonly { readonly label: string; readonly value: string }[];
  readonly page: PageHead;
}

/** The form, or the seven ways into it. Reads no case and no account: it says the same to everybody. */
export async function loadClaimForm(
  { em, now }: Pick<Work, 'em' | 'now'>,
  desk: Desk,
  type: ClaimType | null,
  about: string,
  form: FormState,
): Promise<ClaimFormPage> {
  const { contact, agent, ncii } = await desk.settings.read(em, claimSettings);
  const contacts = [
    { label: t('claim.contact'), value: contact },
    { label: t('claim.agent'), value: type === null || type === 'copyright' ? agent : '' },
    { label: t('claim.ncii-contact'), value: type === null || type === 'ncii' ? ncii : '' },
  ];
  return {
    ...form,
    types: CLAIM_TYPES.map((one) => ({
      label: t(`claim.type-${one}`),
      text: t(`claim.short-${one}`),
      href: `/claims/new?${new URLSearchParams({ type: one, ...(about ? { about } : {}) })}`,
      isSevere: CLAIMS[one].isSevere,
    })),
    chosen: type && {
      ...{ type, label: t(`claim.type-${type}`), text: t(`claim.text-${type}`), next: t(`claim.then-${type}`) },
      mayBeAnonymous: CLAIMS[type].mayBeAnonymous,
      mayBeIncomplete: CLAIMS[type].fields.some((field) => field.element),
      fields: CLAIMS[type].fields.map(({ name, kind, required, element = false, maxLength }) => ({
        ...{ name, kind, required: required || element, maxLength, label: fieldLabel(type, name) },
        hint: hintOf(type, name),
      })),
    },
    about: about.startsWith('/') ? new URL(about, desk.publicUrl).href : about,
    ticket: makeTicket(desk.secretKey, now()),
    proofBits: PROOF_BITS,
    contacts: contacts.filter(({ value }) => value !== ''),
    page: { title: type ? t(`claim.type-${type}`) : t('claim.title'), noindex: type !== null },
  };
}

function hintOf(type: ClaimType, name: string): string {
  for (const key of [`claim.${type}-${name}-hint`, `claim.field-${name}-hint`]) if (t(key) !== key) return t(key);
  return '';
}

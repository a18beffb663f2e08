import { t } from '../../kit/web/messages.ts';
import type { NodeSettings } from '../node-settings.ts';

/** A mail before it is written out as text and as HTML. */
export interface Letter {
  readonly subject: string;
  readonly greeting: string;
  readonly paragraphs: readonly string[];
  readonly action: { readonly label: string; readonly url: string } | null;
  readonly signature: string;
}

type NodeName = Pick<NodeSettings, 'name'>;

/** Texts are `mail.<key>.subject`, `.text` and, with a link, `.action`: our own words, and values that nobody typed. */
export function letter(
  node: NodeName,
  key: string,
  greetingName: string | null,
  values: Readonly<Record<string, string>>,
  url: URL | null,
  notMe = true,
): Letter {
  const all = { node: node.name, ...values };
  return {
    subject: t(`mail.${key}.subject`, all),
    greeting: greetingName ? t('mail.greeting', { name: greetingName }) : t('mail.greeting-stranger'),
    paragraphs: [t(`mail.${key}.text`, all), ...(notMe ? [t('mail.not-me')] : [])],
    action: url ? { label: t(`mail.${key}.action`, all), url: url.href } : null,
    signature: node.name,
  };
}

export const withToken = (path: string, publicUrl: URL, secret: string): URL => {
  const url = new URL(path, publicUrl);
  url.searchParams.set('token', secret);
  return url;
};

export const verifyEmailLetter = (node: NodeName, publicUrl: URL, name: string, secret: string): Letter =>
  letter(node, 'verify', name, {}, withToken('/verify-email', publicUrl, secret));

export const alreadyMemberLetter = (node: NodeName, publicUrl: URL): Letter =>
  letter(node, 'already-member', null, {}, new URL('/password/forgotten', publicUrl));

export const resetPasswordLetter = (node: NodeName, publicUrl: URL, name: string, secret: string): Letter =>
  letter(node, 'reset', name, {}, withToken('/password/reset', publicUrl, secret));

export const passwordChangedLetter = (node: NodeName, publicUrl: URL, name: string): Letter =>
  letter(node, 'password-changed', name, {}, new URL('/password/forgotten', publicUrl), false);

export const emailChangedLetter = (node: NodeName, publicUrl: URL, name: string, email: string): Letter =>
  letter(node, 'email-changed', name, { email }, new URL('/settings/account', publicUrl), false);

export const approvedLetter = (node: NodeName, publicUrl: URL, name: string): Letter =>
  letter(node, 'approved', name, {}, new URL('/sign-in', publicUrl), false);

export const rejectedLetter = (node: NodeName, name: string, reason: string): Letter =>
  letter(node, reason ? 'rejected-because' : 'rejected', name, { reason }, null, false);

export const deletionLetter = (node: NodeName, publicUrl: URL, name: string, day: string): Letter =>
  letter(node, 'deletion', name, { day }, new URL('/sign-in', publicUrl), false);

/** What became of a report; nothing of its text or of the thing stands in it. */
export const reportOutcomeLetter = (node: NodeName, publicUrl: URL, name: string, isActedOn: boolean): Letter =>
  letter(node, isActedOn ? 'report-acted' : 'report-dismissed', name, {}, new URL('/reports', publicUrl), false);

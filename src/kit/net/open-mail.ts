import type { Config } from '../config.ts';
import type { MailTransport } from './smtp.ts';

/** Null without SMTP_URL. The library of mail is large and is loaded for those who need it. */
export async function openTransport({
  smtpUrl,
  mailFrom,
}: Pick<Config, 'smtpUrl' | 'mailFrom'>): Promise<MailTransport | null> {
  if (!smtpUrl) return null;
  const { openSmtp } = await import('./smtp.ts');
  return openSmtp(smtpUrl, mailFrom);
}

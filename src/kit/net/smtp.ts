import { createTransport } from 'nodemailer';
import { AppError } from '../errors.ts';

interface OutgoingMail {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  /** The same for every attempt, so that a mail that was sent twice shows once. */
  readonly messageId: string;
  /** Where a program of mail stops mail of this kind at once (RFC 8058). */
  readonly unsubscribeUrl: string | null;
}

export interface MailTransport {
  /** Throws `unavailable` when the server did not take it. */
  send(mail: OutgoingMail): Promise<void>;
}

const TIMEOUT_MS = 20_000;

/** The operator door of mail: the one server that `SMTP_URL` names. */
export function openSmtp(url: URL, from: string): MailTransport {
  const transport = createTransport({
    url: url.href,
    connectionTimeout: TIMEOUT_MS,
    greetingTimeout: TIMEOUT_MS,
    socketTimeout: TIMEOUT_MS,
    // a template could name a file or a URL; ours never do, so neither is read
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  return {
    async send({ to, subject, text, html, messageId, unsubscribeUrl }) {
      const headers: Record<string, string> = unsubscribeUrl
        ? { 'List-Unsubscribe': `<${unsubscribeUrl}>`, 'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click' }
        : {};
      try {
        // an address object, so that no sign in it can become a second recipient
        await transport.sendMail({ from, to: { name: '', address: to }, subject, text, html, messageId, headers });
      } catch (cause) {
        throw new AppError('unavailable', 'The mail server did not take the mail.', { cause });
      }
    },
  };
}

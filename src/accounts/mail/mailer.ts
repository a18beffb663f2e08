import { z } from 'zod';
import { newId } from '../../kit/ids.ts';
import type { MailTransport } from '../../kit/net/smtp.ts';
import { defineJob, type JobDefinition } from '../../kit/queue/define.ts';
import { renderPage } from '../../kit/web/views.ts';
import type { Work } from '../../kit/work.ts';
import type { Letter } from './letters.ts';
import { OutboxMail } from './model.ts';

const Payload = z.object({ mailId: z.string() });

/** Mail of this node. A letter is a row first; with SMTP a job sends it, without one the owner passes it on. */
export class Mailer {
  readonly #transport: MailTransport | null;
  readonly #host: string;
  /** Part of the worker's jobs. */
  readonly job: JobDefinition<typeof Payload>;

  constructor(transport: MailTransport | null, publicUrl: URL) {
    this.#transport = transport;
    this.#host = publicUrl.hostname;
    this.job = defineJob({
      name: 'accounts.send-mail',
      lane: 'mail',
      payload: Payload,
      attempts: 8,
      backOff: { baseMs: 30_000, capMs: 3_600_000 },
      run: (work, { mailId }) => this.#deliver(work, mailId),
    });
  }

  /** Whether mail reaches people by itself. */
  get isConnected(): boolean {
    return this.#transport !== null;
  }

  /** Persisted with the caller's flush, like the change that it tells of. */
  post(
    { em, jobs, now }: Pick<Work, 'em' | 'jobs' | 'now'>,
    toAddress: string,
    letter: Letter,
    { unsubscribeUrl = null }: { readonly unsubscribeUrl?: string | null } = {},
  ): void {
    const mail = em.create(OutboxMail, {
      id: newId(),
      toAddress,
      subject: letter.subject,
      text: plainText(letter),
      html: htmlText(letter),
      unsubscribeUrl,
      createdAt: now(),
    });
    em.persist(mail);
    if (this.#transport) jobs.enqueue(em, this.job, { mailId: mail.id });
  }

  async #deliver({ em, now }: Pick<Work, 'em' | 'now'>, mailId: string): Promise<void> {
    const mail = await em.findOne(OutboxMail, mailId);
    if (!mail || mail.sentAt || !this.#transport) return;
    const { toAddress: to, subject, text, html } = mail;
    const messageId = `<${mail.id}@${this.#host}>`;
    await this.#transport.send({ to, subject, text, html, messageId, unsubscribeUrl: mail.unsubscribeUrl ?? null });
    Object.assign(mail, { sentAt: now(), text: '', html: '' });
    await em.flush();
  }
}

function plainText({ greeting, paragraphs, action, signature }: Letter): string {
  const link = action ? [`${action.label}:\n${action.url}`] : [];
  return [greeting, ...paragraphs, ...link, `-- \n${signature}`].join('\n\n');
}

const htmlText = (letter: Letter): string =>
  renderPage(
    'accounts/mail/letter',
    { node: { name: letter.signature, description: '' }, viewer: null, path: '', theme: 'system' },
    { ...letter },
  );

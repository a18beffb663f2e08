import { z } from 'zod';
import { Account } from '../accounts/model.ts';
import type { Viewer, Work } from '../kit/work.ts';
import { bitOf, CHANNELS, type Channel, DIGESTS, type Digest, KINDS, type Kind, OFF_AT_FIRST } from './kinds.ts';
import { NotificationSetting, PushSubscription } from './model.ts';

const kinds = z
  .union([z.string().transform((one) => [one]), z.array(z.string())])
  .default([])
  .pipe(z.array(z.enum(KINDS, 'There is no such kind.')));

/** The kinds that are on, by channel. */
export const NotificationForm = z.object({
  ...{ page: kinds, mail: kinds, push: kinds },
  digest: z.enum(DIGESTS, 'Choose how often.').default('off'),
});

const offBits = (on: readonly Kind[]): number =>
  KINDS.reduce((bits, kind) => (on.includes(kind) ? bits : bits | bitOf(kind)), 0);

export async function saveSettings(
  { em, now }: Pick<Work, 'em' | 'now'>,
  viewer: Viewer,
  { page, mail, push, digest }: z.output<typeof NotificationForm>,
): Promise<void> {
  const known = await em.findOne(NotificationSetting, viewer.id);
  const facts = { pageOff: offBits(page), mailOff: offBits(mail), pushOff: offBits(push), digest };
  // what was there before somebody asked for mail is not sent
  const since = digest === 'off' || known?.digest !== 'off' ? {} : { digestAt: now() };
  if (known) Object.assign(known, facts, since);
  else {
    const account = em.getReference(Account, viewer.id);
    em.create(NotificationSetting, { account, digestAt: now(), ...facts }, { persist: true });
  }
  await em.flush();
}

export interface SettingsView {
  readonly kinds: readonly { readonly kind: Kind; readonly on: Readonly<Record<Channel, boolean>> }[];
  readonly digest: Digest;
  readonly browsers: readonly { readonly id: string; readonly label: string; readonly since: string }[];
}

export async function loadSettings({ em }: Pick<Work, 'em'>, viewer: Viewer): Promise<SettingsView> {
  const known = await em.findOne(NotificationSetting, viewer.id);
  const off: Record<Channel, number> = known
    ? { page: known.pageOff, mail: known.mailOff, push: known.pushOff }
    : { ...OFF_AT_FIRST };
  const browsers = await em.find(
    PushSubscription,
    { account: viewer.id },
    { orderBy: { createdAt: 'desc', id: 'desc' } },
  );
  return {
    kinds: KINDS.map((kind) => ({
      kind,
      on: Object.fromEntries(CHANNELS.map((channel) => [channel, (off[channel] & bitOf(kind)) === 0])) as Record<
        Channel,
        boolean
      >,
    })),
    digest: known?.digest ?? 'off',
    browsers: browsers.map(({ id, label, createdAt }) => ({ id, label, since: createdAt.toISOString() })),
  };
}

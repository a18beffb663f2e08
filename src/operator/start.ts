import type { EntityManager } from '@mikro-orm/core';
import { z } from 'zod';
import { claimSettings, hasContact } from '../accounts/claim-settings.ts';
import { nodeSettings } from '../accounts/node-settings.ts';
import { can } from '../accounts/permissions.ts';
import { audited } from '../kit/audit/append.ts';
import { AuditEntry } from '../kit/audit/model.ts';
import { defineSettings, type Settings } from '../kit/settings.ts';
import { tCount } from '../kit/web/messages.ts';
import type { Work } from '../kit/work.ts';
import { wereRulesSeen } from '../moderation/rules/edit.ts';
import { Rule } from '../moderation/rules/model.ts';

/** When the owner said that the node needs no more of the list, or null. */
const startSettings = defineSettings('start', z.object({ dismissedAt: z.string().nullable().default(null) }));

interface StartStep {
  /** `start.<name>` among the messages. */
  readonly name: string;
  readonly href: string;
  readonly isDone: boolean;
  /** What is set, as its page has it; '' where nothing is. */
  readonly value: string;
}

export interface StartNow {
  readonly steps: readonly StartStep[];
  readonly missing: number;
  /** Strangers cannot join before this is set. */
  readonly hasContact: boolean;
  readonly signUpMode: string;
  readonly isDismissed: boolean;
}

type Reader = Pick<Work, 'em'>;

/** What a new node must know before it takes complaints (spec/takedowns.md 2.1), and what of it is there. */
export async function loadStart({ em }: Reader, settings: Settings): Promise<StartNow> {
  const claims = await settings.read(em, claimSettings);
  const node = await settings.read(em, nodeSettings);
  const isReachable = await hasContact(em, settings);
  const steps: StartStep[] = [
    { name: 'contact', href: '/admin/claims#contact', isDone: isReachable, value: claims.contact || node.contact },
    { name: 'agent', href: '/admin/claims#agent', isDone: claims.agent !== '', value: claims.agent },
    { name: 'ncii', href: '/admin/claims#ncii', isDone: claims.ncii !== '', value: claims.ncii },
    {
      ...{ name: 'jurisdiction', href: '/admin/claims#jurisdiction' },
      ...{ isDone: claims.jurisdiction !== '', value: claims.jurisdiction },
    },
    // UTC and no holidays are what a node begins with: only who saved the page has chosen them
    { name: 'zone', href: '/admin/claims#timeZone', isDone: await wasSaved(em), value: claims.timeZone },
    {
      ...{ name: 'holidays', href: '/admin/claims#holidays', isDone: claims.holidays.length > 0 },
      value: claims.holidays.length > 0 ? tCount('start.holidays-n', claims.holidays.length) : '',
    },
    {
      ...{ name: 'rules', href: '/moderation/rules', isDone: node.rules !== '' || (await wereRulesSeen(em)) },
      value: tCount('start.rules-n', await em.count(Rule, { retiredAt: null })),
    },
  ];
  const { dismissedAt } = await settings.read(em, startSettings);
  return {
    steps,
    missing: steps.filter(({ isDone }) => !isDone).length,
    hasContact: isReachable,
    signUpMode: node.signUpMode,
    isDismissed: dismissedAt !== null,
  };
}

const wasSaved = async (em: EntityManager): Promise<boolean> =>
  (await em.count(AuditEntry, { action: 'setting.change', subjectKind: 'setting', subjectId: claimSettings.name })) > 0;

/** How much is missing, for the front page of who may do something about it; 0 once they said that it is enough. */
export async function countMissing({ em, viewer }: Pick<Work, 'em' | 'viewer'>, settings: Settings): Promise<number> {
  if (!can(viewer, 'manageSettings')) return 0;
  const { missing, isDismissed } = await loadStart({ em }, settings);
  return isDismissed ? 0 : missing;
}

/** Takes the list off the front page; it stays among the pages of the node. */
export async function dismissStart(work: Pick<Work, 'em' | 'viewer' | 'now'>, settings: Settings): Promise<void> {
  await audited(work, async (em) => {
    const { missing } = await loadStart({ em }, settings);
    await settings.write(em, startSettings, { dismissedAt: work.now().toISOString() }, work.now());
    const entry = {
      action: 'setting.change',
      subject: { kind: 'setting', id: startSettings.name },
      after: { missing },
    };
    return { result: undefined, entries: [entry] };
  });
}

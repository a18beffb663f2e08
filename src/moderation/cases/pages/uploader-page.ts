import { AppError } from '../../../kit/errors.ts';
import type { FormState } from '../../../kit/web/forms.ts';
import { t } from '../../../kit/web/messages.ts';
import type { Work } from '../../../kit/work.ts';
import { findDraft, lackText } from '../counter/draft.ts';
import { type Claimant, type Desk, unsealPerson } from '../desk.ts';
import { pathOf } from '../intake/target.ts';
import { ClaimCase, targetOf } from '../model/case.ts';
import { CaseClaimant } from '../model/claimant.ts';
import { CounterNotice } from '../model/redress.ts';
import { loadPartyPage, type PartyPage } from './claimant-page.ts';
import { uploaderRights } from './rights-panel.ts';
import { answerLines, shownState, typeLabel } from './show.ts';

type Reader = Pick<Work, 'em' | 'viewer' | 'now'>;

/** Throws `not_found` for everybody but the uploader, and for them until they may know: as if there were no such case. */
export async function loadOwnCase({ em, viewer }: Reader, number: string): Promise<ClaimCase> {
  const kase = viewer
    ? await em.findOne(ClaimCase, { number, uploaderId: viewer.id, uploaderToldAt: { $ne: null } })
    : null;
  if (!kase) throw new AppError('not_found', 'There is no such case.');
  return kase;
}

const MAY_COUNTER: readonly string[] = ['executed', 'counter_lacks'];

/** What is claimed about something of theirs, without who claims it; of a copyright notice the name, as the law has it. */
export async function loadUploaderPage(
  work: Reader,
  desk: Desk,
  kase: ClaimCase,
  form: FormState,
  said: string | null,
): Promise<PartyPage> {
  const { em } = work;
  const page = await loadPartyPage(work, desk, kase, 'uploader', form, said);
  const draft = await findDraft(em, desk, kase.id);
  const target = targetOf(kase);
  const title = kase.snapshot?.title || (target ? t(`case.kind-${target.kind}`) : '');
  const mayCounter = kase.type === 'copyright' && kase.outcome !== 'dismiss' && MAY_COUNTER.includes(page.state);
  return {
    ...page,
    // what was written so far stands in the form again, with what it lacks
    ...(draft && form.message === null
      ? { values: draft.counter, errors: Object.fromEntries(draft.missing.map((name) => [name, lackText(name)])) }
      : {}),
    rights: await uploaderRights(work, desk, kase),
    counterLacks: (draft?.missing ?? []).map((name) => t(`case.counter-lack-${name}`)),
    facts: [
      ...page.facts,
      { label: t('case.about'), value: target && target.kind !== 'account' ? `${title} (${pathOf(target)})` : title },
    ],
    claim: [...(await nameOf(work, desk, kase)), ...answerLines(kase, 'shared')],
    may: {
      ...page.may,
      refuse: kase.state === 'notified',
      counter: mayCounter && (await em.count(CounterNotice, { caseId: kase.id })) === 0,
    },
  };
}

async function nameOf({ em }: Reader, desk: Desk, kase: ClaimCase) {
  if (kase.type !== 'copyright') return [];
  const row = await em.findOne(CaseClaimant, kase.id);
  const name = row ? unsealPerson<Claimant>(desk, row.sealed).personal.name : undefined;
  return name ? [{ label: t('case.claimed-by'), value: name }] : [];
}

export interface OwnCases {
  readonly cases: readonly {
    readonly number: string;
    readonly type: string;
    readonly title: string;
    readonly state: string;
    readonly at: string;
  }[];
}

/** Cases about what the viewer published, the newest first. */
export async function listOwnCases({ em, viewer }: Reader): Promise<OwnCases> {
  const cases = await em.find(
    ClaimCase,
    { uploaderId: viewer?.id ?? 0, uploaderToldAt: { $ne: null } },
    { orderBy: { uploaderToldAt: 'desc', id: 'desc' }, limit: 100 },
  );
  return {
    cases: cases.map((kase) => ({
      ...{ number: kase.number, type: typeLabel(kase, 'uploader'), title: kase.snapshot?.title ?? '' },
      ...{
        state: t(`case.state-${shownState(kase, 'uploader')}`),
        at: (kase.uploaderToldAt ?? kase.submittedAt).toISOString(),
      },
    })),
  };
}

import { can } from '../../accounts/permissions.ts';
import { parseTags } from '../../catalogue/tags.ts';
import type { GivenPicture } from '../../gallery/talk-pictures/hold.ts';
import { AppError } from '../../kit/errors.ts';
import { t } from '../../kit/web/messages.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { assertBounty, type BountyAsked } from '../../safety/bounty.ts';
import type { Screening } from '../../safety/screening.ts';
import { loadReferences, provenanceOf, provenanceOfUploads } from './references.ts';

interface Said {
  readonly title: string;
  readonly text: string;
  readonly tags: string;
  /** Addresses of public pictures. */
  readonly references: string;
  readonly subject: BountyAsked['subject'];
}

export interface Checked {
  readonly tags: readonly string[];
  readonly imageIds: readonly number[];
  /** Why somebody looks at it before others do; null when nobody has to. */
  readonly hold: string | null;
}

type Checking = Pick<Work, 'em' | 'jobs' | 'now'>;

/** Every word and picture of a bounty, each time that one of them changes (spec/guardrails.md 3.5). */
export async function checkBounty(
  work: Checking & Pick<Work, 'files'>,
  screening: Screening,
  viewer: Viewer,
  said: Said,
  uploads: readonly GivenPicture[],
): Promise<Checked> {
  const imageIds = await loadReferences(work.em, said.references, uploads.length);
  const tags = parseTags(said.tags);
  const references = [
    ...(await provenanceOf(work.em, imageIds)),
    ...(await provenanceOfUploads(work, viewer, uploads)),
  ];
  const { hold } = await assertBounty(work, screening, viewer, { ...said, tags, references });
  return { tags, imageIds, hold };
}

/** The same of an answer to one: its words, and the pictures and the model that it brings. */
export async function checkEntry(
  work: Checking,
  screening: Screening,
  viewer: Viewer,
  {
    text,
    imageIds,
    isPerson,
  }: { readonly text: string; readonly imageIds: readonly number[]; readonly isPerson: boolean },
): Promise<{ readonly hold: string | null }> {
  // their ratings were judged when they were published
  const references = (await provenanceOf(work.em, imageIds)).map((one) => ({ ...one, level: 0 }));
  const asked = { title: '', text, tags: [], subject: 'fictional' as const, references };
  const { hold } = await assertBounty(work, screening, viewer, asked);
  return { hold: hold ?? (isPerson && !can(viewer, 'moderateContent') ? 'real-person' : null) };
}

/** Who may ask and answer here. */
export function participant(viewer: Viewer | null): Viewer {
  if (!viewer) throw new AppError('unauthenticated', 'Please sign in.');
  if (!can(viewer, 'publish')) throw new AppError('forbidden', t('bounty.may-not'));
  return viewer;
}

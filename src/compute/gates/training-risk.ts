import { isPhotograph } from '../../gallery/images/origin.ts';
import type { ManifestItem } from '../training/model.ts';

/** How much of a set somebody looks at before anything is trained on it (spec/guardrails.md 3.4). */
export interface TrainingReview {
  readonly review: 'auto' | 'sample' | 'full';
  /** 0 to 100. */
  readonly risk: number;
  /** A key under `safety.reason.`; null for `auto`. */
  /** It looks like one person, so that the first pictures of what is trained are looked at (3.5). */
  readonly isPersonLike: boolean;
  readonly reason: 'new-trainer' | 'strikes' | 'photographs' | 'real-person' | 'sample' | null;
}

export interface TrainingFacts {
  readonly items: readonly Pick<ManifestItem, 'notes'>[];
  readonly isNewAccount: boolean;
  /** Refusals of the last weeks that nobody cleared. */
  readonly strikeCount: number;
  readonly photoPercent: number;
  readonly sampleReviewRisk: number;
}

/** A set of one person alone: most captions speak of somebody, and nothing there says that it was drawn. */
const PERSON_PART = 0.5;

export function reviewOf({
  items,
  isNewAccount,
  strikeCount,
  photoPercent,
  sampleReviewRisk,
}: TrainingFacts): TrainingReview {
  const part = (is: (notes: NonNullable<ManifestItem['notes']>) => boolean): number =>
    items.length === 0 ? 0 : items.filter(({ notes }) => notes && is(notes)).length / items.length;
  const photos = part(({ origin }) => isPhotograph(origin));
  const faces = part(({ faceCount }) => faceCount === 1);
  const persons = part(({ captionSubject }) => captionSubject !== 'none');
  const names = part(({ captionSubject }) => captionSubject === 'name');
  const drawn = part(({ origin }) => origin === 'generated');
  const isOnePerson = Math.max(faces, persons) > PERSON_PART && drawn < PERSON_PART;
  const risk = Math.min(100, Math.round(60 * photos + 40 * names + (isOnePerson ? 20 * (1 - drawn) : 0)));
  const told = { risk, isPersonLike: isOnePerson || names > 0 };
  const full = (reason: TrainingReview['reason']): TrainingReview => ({ ...told, review: 'full', reason });
  if (strikeCount > 0) return full('strikes');
  if (isNewAccount) return full('new-trainer');
  if (names > 0 && photos > 0) return full('real-person');
  if (photos * 100 > photoPercent) return full('photographs');
  return risk >= sampleReviewRisk
    ? { ...told, review: 'sample', reason: 'sample' }
    : { ...told, review: 'auto', reason: null };
}

/** Which pictures of a set somebody looks at: all, or twelve that the id of the run draws. */
export function sampleOf<T>(items: readonly T[], review: TrainingReview['review'], runId: string): readonly T[] {
  if (review !== 'sample' || items.length <= MOST_SAMPLE) return items;
  const seed = Number.parseInt(runId.replaceAll('-', '').slice(-8), 16);
  const order = items.map((item, n) => ({ item, key: Math.imul(seed ^ (n + 1), 2_654_435_761) >>> 0 }));
  return order
    .sort((a, b) => a.key - b.key)
    .slice(0, MOST_SAMPLE)
    .map(({ item }) => item);
}
const MOST_SAMPLE = 12;

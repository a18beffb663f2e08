import { createHash } from 'node:crypto';
import { inList, rows, toNumber } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { t } from '../../kit/web/messages.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import type { ScreenText } from '../../safety/prompts/judge.ts';
import type { Flag } from '../../safety/prompts/rules/schema.ts';
import { RATING } from '../../safety/ratings.ts';
import { reviewsThemselves } from '../../safety/screening.ts';
import { guardSettings } from '../../safety/settings.ts';
import { findDoNotTrain } from '../../safety/training/do-not-train.ts';
import type { ManifestItem, TrainingRun, TrainingScreening } from '../training/model.ts';
import type { TrainSettings } from '../training/params.ts';
import { judgeClosure, judgeDeriving } from './closure.ts';
import { type Guard, isNew } from './generation.ts';
import { loadClosure } from './load-closure.ts';
import { reviewOf, type TrainingReview } from './training-risk.ts';

type Gate = Pick<Work, 'em' | 'jobs' | 'now'>;

export interface TrainingAsked {
  readonly name: string;
  readonly base: TrainingRun['base'];
  readonly items: readonly ManifestItem[];
  readonly settings: TrainSettings;
}

/** In one call to the rules. */
const CAPTIONS_AT_ONCE = 100;
/** A refusal counts for so long. */
const STRIKES_MS = 30 * 86_400_000;

/**
 * Whether this may be trained: the base with all that it comes from, the registry of works that nobody trains on, then
 * name, trigger, prompts of samples and every caption (spec/guardrails.md 3.4). Throws `invalid` at the field. What is
 * returned says how much of the set somebody looks at first.
 */
export async function assertTraining(
  work: Gate,
  guard: Guard,
  viewer: Viewer,
  { name, base, items, settings }: TrainingAsked,
): Promise<TrainingScreening> {
  const [resource] = await loadClosure(work.em, viewer, [base], work.now());
  const line = resource ? [resource] : [];
  const refusal = judgeClosure(line, false).refusal ?? judgeDeriving(line);
  if (refusal) {
    const { reason, name: title, parent = '' } = refusal;
    throw refusing('base', t(`safety.denied.${reason}`, { name: title, checkpoint: '', parent }));
  }
  await assertMayTrainOn(work, items);
  const { trigger, samples } = settings;
  const own: ScreenText[] = [
    { scope: 'title', text: name, field: 'name' },
    { scope: 'trigger', text: trigger, field: 'trigger' },
    ...samples.prompts.map((text): ScreenText => ({ scope: 'positive', text, field: 'samples_prompts' })),
    { scope: 'negative', text: samples.negative, field: 'samples_negative' },
  ];
  let held: string | null = null;
  let version = '';
  const categories = new Set<string>();
  const hasPhotographs = items.some(({ notes }) => notes?.origin === 'camera' || notes?.origin === 'phone');
  const flags: Flag[] = hasPhotographs ? ['photo'] : [];
  // what a set is called counts with each of its captions: a word in one and a word in the other meet in the model
  for (let from = 0; from === 0 || from < items.length; from += CAPTIONS_AT_ONCE) {
    const captions = items
      .slice(from, from + CAPTIONS_AT_ONCE)
      .map(({ caption }): ScreenText => ({ scope: 'caption', text: caption }));
    const verdict = await guard.screening.assert(work, viewer, {
      purpose: 'training',
      texts: [...own, ...captions].filter(({ text }) => text !== ''),
      facts: { level: RATING.pg, flags },
      resources: [base.sha256],
    });
    version = verdict.version;
    for (const category of verdict.categories) categories.add(category);
    if (verdict.action === 'hold') held ??= verdict.category;
  }
  const { review, risk, isPersonLike, reason } = await reviewFor(work, guard, viewer, items);
  const isExempt = reviewsThemselves(viewer);
  return {
    ...{ review: isExempt ? 'auto' : held ? 'full' : review, risk, ruleVersion: version, categories: [...categories] },
    hold: isExempt ? null : (held ?? reason),
    isPersonLike,
  };
}

async function assertMayTrainOn({ em }: Gate, items: readonly ManifestItem[]): Promise<void> {
  const hashes = items.flatMap(({ sha256, originalSha256 }) => [sha256, ...(originalSha256 ? [originalSha256] : [])]);
  const listed = await findDoNotTrain(em, hashes);
  const places = items.flatMap(({ sha256, originalSha256 }, n) =>
    listed.has(sha256) || listed.has(originalSha256 ?? '') ? [n + 1] : [],
  );
  if (places.length === 0) return;
  const shown = places.slice(0, 10).join(', ');
  throw refusing('pictures', t('train.refused.do-not-train', { n: places.length, places: shown }));
}

async function reviewFor(
  work: Gate,
  guard: Guard,
  viewer: Viewer,
  items: readonly ManifestItem[],
): Promise<TrainingReview> {
  const { photoPercent, sampleReviewRisk } = await guard.settings.read(work.em, guardSettings);
  const [strikes] = await rows<{ n: unknown }>(
    work.em,
    `select count(*) as n from prompt_record where account_id = ? and is_hard = ? and action = 'deny' and cleared_at is null
       and created_at >= ?`,
    [viewer.id, true, new Date(work.now().getTime() - STRIKES_MS)],
  );
  const isNewAccount = await isNew(work, guard, viewer);
  return reviewOf({ items, isNewAccount, strikeCount: toNumber(strikes?.n), photoPercent, sampleReviewRisk });
}

const refusing = (field: string, message: string) => new AppError('invalid', message, { fields: { [field]: message } });

export const captionHash = (caption: string): string => createHash('sha256').update(caption).digest('hex');

/** Of these files, which were generated here, and by which generation. */
export async function madeHere(em: Work['em'], sha256s: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (let from = 0; from < sha256s.length; from += 500) {
    const some = sha256s.slice(from, from + 500);
    const made = await rows<{ sha256: string; generation_id: string }>(
      em,
      `select sha256, generation_id from generation_image where sha256 in (${inList(some)})`,
      some,
    );
    for (const { sha256, generation_id: id } of made) found.set(sha256, id);
  }
  return found;
}

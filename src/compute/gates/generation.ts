import { Account } from '../../accounts/model.ts';
import { AppError } from '../../kit/errors.ts';
import type { Settings } from '../../kit/settings.ts';
import { t } from '../../kit/web/messages.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import type { ScreenText } from '../../safety/prompts/judge.ts';
import type { Flag } from '../../safety/prompts/rules/schema.ts';
import { RATING } from '../../safety/ratings.ts';
import { reviewsThemselves, type Screening } from '../../safety/screening.ts';
import { guardSettings } from '../../safety/settings.ts';
import type { GenerationRequest, GenerationScreening, GenerationStart } from '../model.ts';
import { filesOf } from '../request.ts';
import { versionIdsOf } from '../standing.ts';
import { type ClosureRefusal, judgeClosure } from './closure.ts';
import { areFirstOutputs } from './first-outputs.ts';
import { type LoadedResource, loadClosure } from './load-closure.ts';

/** What stands between a request and the engine. */
export interface Guard {
  readonly screening: Screening;
  readonly settings: Settings;
}

type Gate = Pick<Work, 'em' | 'jobs' | 'now'>;

const FIELD_OF: Partial<Readonly<Record<ClosureRefusal, string>>> = { 'resource-minor-photo': 'start' };

/**
 * Whether these pictures may be made: the models with all that they come from, then every text as the sampler sees it.
 * Asked when the request is made and again when it runs (spec/guardrails.md 3.2 and 3.3). Throws `invalid` at the field;
 * what is returned says how the pictures may be rated, and whether somebody looks at them first.
 */
export async function assertGeneration(
  work: Gate,
  guard: Guard,
  viewer: Viewer,
  request: GenerationRequest,
): Promise<GenerationScreening> {
  const resources = await loadClosure(work.em, viewer, filesOf(request), work.now());
  const provenance = request.start ? (request.start.provenance ?? 'unproven') : 'here';
  const closure = judgeClosure(resources, provenance === 'photo' || provenance === 'unproven');
  if (closure.refusal) {
    const { reason, name, checkpoint = '', parent = '' } = closure.refusal;
    throw refusal(
      FIELD_OF[reason] ?? fieldOf(request, name),
      t(`safety.denied.${reason}`, { name, checkpoint, parent }),
    );
  }
  const isMinor = closure.flags.includes('minor');
  const verdict = await guard.screening.assert(work, viewer, {
    purpose: 'generation',
    texts: [...textsOf(request), ...resources.map(resourceText)],
    facts: { level: isMinor ? RATING.pg : closure.reach, flags: [...closure.flags, ...flagsOf(provenance)] },
    resources: resources.map(({ sha256 }) => sha256),
    inputs: request.start ? [request.start.sha256] : [],
  });
  const floor = Math.max(verdict.level, closure.floor);
  const ceilings = [verdict.ceiling, closure.ceiling].flatMap((one) => one ?? []);
  const ceiling = ceilings.length > 0 ? Math.min(...ceilings) : null;
  const reason =
    closure.hold ??
    (verdict.action === 'hold' ? verdict.category : null) ??
    ((await isNew(work, guard, viewer)) && floor > RATING.r ? 'new-account' : null) ??
    ((await areFirstOutputs(work.em, versionIdsOf(filesOf(request)))) ? 'first-outputs' : null);
  return {
    // what only the models stand for gives way to what the words demand
    floor: ceiling === null ? floor : Math.max(verdict.level, Math.min(floor, ceiling)),
    ceiling,
    hold: reviewsThemselves(viewer) ? null : (reason ?? conflict(floor, ceiling)),
    ruleVersion: verdict.version,
    categories: verdict.categories,
  };
}

const conflict = (level: number, ceiling: number | null) =>
  ceiling !== null && level > ceiling ? 'rating-conflict' : null;

/** Every text that reaches the sampler, after whatever filled it in. A text that is new here is read here. */
const textsOf = ({ prompt, negativePrompt }: GenerationRequest): ScreenText[] => [
  { scope: 'positive', text: prompt, field: 'prompt' },
  { scope: 'negative', text: negativePrompt, field: 'negativePrompt' },
];

const resourceText = ({ words, isCheckpoint }: LoadedResource): ScreenText => ({
  scope: isCheckpoint ? 'resource' : 'trigger',
  text: words.join(' , ').slice(0, 4_000),
  field: 'prompt',
});

const flagsOf = (provenance: NonNullable<GenerationStart['provenance']>): Flag[] =>
  provenance === 'here' ? [] : [provenance];

function fieldOf({ model, loras, embeddings = [], vae }: GenerationRequest, title: string): string {
  if (model.title === title) return 'model';
  if (loras.some((one) => one.title === title)) return 'lora';
  if (embeddings.some((one) => one.title === title)) return 'embedding';
  return vae?.title === title ? 'vae' : 'model';
}

const refusal = (field: string, message: string) => new AppError('invalid', message, { fields: { [field]: message } });

/** An account of the last days, whose first steps are looked at. */
export async function isNew(
  { em, now }: Pick<Work, 'em' | 'now'>,
  { settings }: Pick<Guard, 'settings'>,
  viewer: Pick<Viewer, 'id'>,
): Promise<boolean> {
  const { newAccountDays } = await settings.read(em, guardSettings);
  const account: Account | null = await em.findOne(Account, viewer.id);
  return account !== null && now().getTime() - account.createdAt.getTime() < newAccountDays * 86_400_000;
}

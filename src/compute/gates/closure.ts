import { RESTRICTION } from '../../safety/policy.ts';
import type { Flag } from '../../safety/prompts/rules/schema.ts';
import { highestLevel, isSensitive, RATING } from '../../safety/ratings.ts';

// The gate of spec/guardrails.md 3.3: what may be made with a set of models, by all that they are and were made from.

/** One model of a request, with what it inherits from those that it was made of. */
export interface ClosureResource {
  readonly name: string;
  readonly isCheckpoint: boolean;
  /** A file of this node, or of the operator's folder. */
  readonly isKnown: boolean;
  readonly isBlocked: boolean;
  /** OR of RESTRICTION of the model, the version, and their owner. */
  readonly restrictions: number;
  /** The same of what it was made from, however far back. */
  readonly inheritedRestrictions: number;
  readonly isPoi: boolean;
  readonly isMinor: boolean;
  readonly isSfwOnly: boolean;
  /** Whose author, of it and of what it was made from, does not want that nodes generate with it; null when nobody. */
  readonly serviceForbiddenBy: string | null;
  /** Whose author does not want that something is made of it. */
  readonly derivativesForbiddenBy: string | null;
  /** Public, and not this person's yet (catalogue/early). */
  readonly isEarly?: boolean;
  /** Ratings of its pictures, as bits; 0 is not known. */
  readonly levels: number;
}

export type ClosureRefusal =
  | 'resource-withheld'
  | 'resource-blocked'
  | 'resource-unknown'
  | 'resource-poi'
  | 'resource-licence'
  | 'resource-licence-parent'
  | 'resource-derivatives'
  | 'resource-derivatives-parent'
  | 'resource-early'
  | 'resource-minor-checkpoint'
  | 'resource-minor-photo';

interface ClosureRefused {
  readonly reason: ClosureRefusal;
  readonly name: string;
  readonly checkpoint?: string;
  /** Of which the author's word it is, where that is not the model itself. */
  readonly parent?: string;
}

export interface ClosureVerdict {
  /** Why not, and because of which; null when nothing is in the way. */
  readonly refusal: ClosureRefused | null;
  readonly hold: 'tainted' | null;
  /** At least this rating: something here makes nothing below it. */
  readonly floor: number;
  /** Pictures get at most this rating. */
  readonly ceiling: number | null;
  /** The highest rating that its models have shown; of a checkpoint that shows nothing, R. */
  readonly reach: number;
  /** For the rules about words. */
  readonly flags: readonly Flag[];
}

const FORBIDS = RESTRICTION.view | RESTRICTION.generate | RESTRICTION.removed;

/** Strictest first, as the table has it. `isPhoto`: the request begins from what may be a photograph. */
export function judgeClosure(resources: readonly ClosureResource[], isPhoto: boolean): ClosureVerdict {
  const of = (is: (resource: ClosureResource) => boolean) => resources.find(is);
  const refuse = (reason: ClosureRefusal, resource: ClosureResource | undefined) =>
    resource ? { reason, name: resource.name } : null;
  const minor = of(({ isMinor }) => isMinor);
  const checkpoint = of((resource) => resource.isCheckpoint && isExplicitCapable(resource));
  const refusal =
    refuse(
      'resource-withheld',
      of(({ restrictions }) => (restrictions & FORBIDS) !== 0),
    ) ??
    refuse(
      'resource-blocked',
      of(({ isBlocked }) => isBlocked),
    ) ??
    refuse(
      'resource-unknown',
      of(({ isKnown }) => !isKnown),
    ) ??
    // likenesses with consent are off in this release, so that every one is refused, in private too
    refuse(
      'resource-poi',
      of(({ isPoi }) => isPoi),
    ) ??
    refuseByLicence('resource-licence', resources, ({ serviceForbiddenBy }) => serviceForbiddenBy) ??
    refuse(
      'resource-early',
      of(({ isEarly }) => isEarly === true),
    ) ??
    (minor && checkpoint
      ? { reason: 'resource-minor-checkpoint' as const, name: minor.name, checkpoint: checkpoint.name }
      : null) ??
    (isPhoto ? refuse('resource-minor-photo', minor) : null);
  const isTainted = of(({ inheritedRestrictions }) => (inheritedRestrictions & FORBIDS) !== 0);
  const isSfwOnly = of((resource) => resource.isSfwOnly) !== undefined;
  const reachOf = ({ levels, isCheckpoint }: ClosureResource): number =>
    levels === 0 && isCheckpoint ? RATING.r : highestLevel(levels);
  const reach = resources.reduce<number>((most, resource) => Math.max(most, reachOf(resource)), RATING.pg);
  return {
    refusal,
    hold: isTainted ? 'tainted' : null,
    floor: resources.reduce<number>((most, { levels }) => Math.max(most, lowest(levels)), RATING.pg),
    ceiling: minor ? RATING.pg : isSfwOnly ? RATING.pg13 : null,
    reach,
    flags: [...(minor ? ['minor' as const] : []), ...(isSfwOnly ? ['sfwOnly' as const] : [])],
  };
}

/** Whether something may be made of these: a training on one, or a merge of all. */
export const judgeDeriving = (resources: readonly ClosureResource[]): ClosureRefused | null =>
  refuseByLicence('resource-derivatives', resources, ({ derivativesForbiddenBy }) => derivativesForbiddenBy);

function refuseByLicence(
  reason: 'resource-licence' | 'resource-derivatives',
  resources: readonly ClosureResource[],
  byWhom: (resource: ClosureResource) => string | null,
): ClosureRefused | null {
  for (const resource of resources) {
    const parent = byWhom(resource);
    if (parent === null) continue;
    return parent === resource.name
      ? { reason, name: parent }
      : { reason: `${reason}-parent`, name: resource.name, parent };
  }
  return null;
}

/** Not known is not safe, unless its author says that it makes safe pictures only. */
const isExplicitCapable = ({ levels, isSfwOnly }: ClosureResource): boolean =>
  !isSfwOnly && (levels === 0 || isSensitive(highestLevel(levels)));

/** What shows nothing but a rating makes that rating. */
const lowest = (levels: number): number => (levels <= 0 ? 0 : levels & -levels);

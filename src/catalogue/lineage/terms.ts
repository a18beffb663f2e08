import type { CommercialUse } from '../types.ts';

// What a model lets others do, together with what its parents let do. The strictest word of the line holds; whoever owns
// a model is not bound by their own word in it.

/** What an author lets others do with a model. */
export interface Terms {
  readonly allowNoCredit: boolean;
  readonly allowDerivatives: boolean;
  readonly allowDifferentLicense: boolean;
  readonly forbidsGeneration: boolean;
  /** Never `None`. */
  readonly uses: readonly CommercialUse[];
}

/** One of a line: a version, and what the model that it belongs to lets do. */
export interface Licensed extends Terms {
  readonly versionId: number;
  readonly modelId: number;
  readonly ownerId: number;
  /** A moderation decision or a rights holder's terms forbid to make something of it, to its owner too. */
  readonly isDeriveBarred: boolean;
  /** The same of selling it. */
  readonly isSaleBarred: boolean;
  /** '' for what is not in everybody's lists, which nobody is told of (P11). */
  readonly name: string;
  /** '' with the name. */
  readonly href: string;
}

export interface Conflict {
  readonly kind: 'generation' | 'derivatives' | 'different' | 'credit' | 'uses';
  /** With `uses`: what the parent does not grant and the model does. */
  readonly uses: readonly CommercialUse[];
  readonly by: Pick<Licensed, 'name' | 'href'>;
}

export interface Effective {
  readonly terms: Terms;
  /** Where a parent grants less than the model says. */
  readonly conflicts: readonly Conflict[];
}

/** Parents of the same owner stand back: their author may grant more to their own next work. */
export function effectiveTerms(own: Licensed, ancestors: readonly Licensed[]): Effective {
  const binding = ancestors.filter(({ ownerId }) => ownerId !== own.ownerId);
  return {
    terms: {
      allowNoCredit: own.allowNoCredit && binding.every(({ allowNoCredit }) => allowNoCredit),
      allowDerivatives: own.allowDerivatives && binding.every(({ allowDerivatives }) => allowDerivatives),
      allowDifferentLicense:
        own.allowDifferentLicense && binding.every(({ allowDifferentLicense }) => allowDifferentLicense),
      forbidsGeneration: own.forbidsGeneration || binding.some(({ forbidsGeneration }) => forbidsGeneration),
      uses: own.uses.filter((use) => binding.every(({ uses }) => uses.includes(use))),
    },
    conflicts: binding.flatMap((parent) => conflictsWith(own, parent)),
  };
}

function conflictsWith(own: Licensed, parent: Licensed): Conflict[] {
  const by = { name: parent.name, href: parent.href };
  const more = own.uses.filter((use) => !parent.uses.includes(use));
  const say = (kind: Conflict['kind'], isSo: boolean, uses: Conflict['uses'] = []): Conflict[] =>
    isSo ? [{ kind, uses, by }] : [];
  return [
    ...say('derivatives', !parent.allowDerivatives),
    ...say('generation', parent.forbidsGeneration && !own.forbidsGeneration),
    ...say('uses', more.length > 0, more),
    ...say('credit', !parent.allowNoCredit && own.allowNoCredit),
    ...say('different', !parent.allowDifferentLicense && differs(own, parent)),
  ];
}

const differs = (own: Terms, parent: Terms): boolean =>
  own.allowNoCredit !== parent.allowNoCredit ||
  own.allowDerivatives !== parent.allowDerivatives ||
  own.allowDifferentLicense !== parent.allowDifferentLicense ||
  own.forbidsGeneration !== parent.forbidsGeneration ||
  own.uses.length !== parent.uses.length ||
  own.uses.some((use) => !parent.uses.includes(use));

/** Who of a line forbids a person to generate with it on a node; the nearest. */
export const forbidsGenerating = (line: readonly Licensed[], personId: number): Licensed | null =>
  line.find(({ forbidsGeneration, ownerId }) => forbidsGeneration && ownerId !== personId) ?? null;

/** Who of a line forbids a person to make something of it: to train on it, or to merge it. */
export const forbidsDeriving = (line: readonly Licensed[], personId: number): Licensed | null =>
  line.find(
    ({ allowDerivatives, isDeriveBarred, ownerId }) => isDeriveBarred || (!allowDerivatives && ownerId !== personId),
  ) ?? null;

/** Who forbids that a version is handed on to a person, being made of what may not be: never to its own owner. */
export function forbidsSharing(own: Licensed, ancestors: readonly Licensed[], personId: number): Licensed | null {
  if (own.ownerId === personId) return null;
  return forbidsDeriving(
    ancestors.filter(({ ownerId }) => ownerId !== own.ownerId),
    personId,
  );
}

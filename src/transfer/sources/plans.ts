import { FILE_KINDS, MODEL_TYPES } from '../../catalogue/types.ts';
import { RATINGS } from '../../safety/ratings.ts';
import type { FileDoc, ImageDoc, ModelDoc, PostDoc, VersionDoc } from '../format.ts';

// What sources that are no archive of ours say little of: the rest is what a new draft has.

export const modelPlan = (given: Pick<ModelDoc, 'uri' | 'name' | 'versions'> & Partial<ModelDoc>): ModelDoc => ({
  ...{ type: 'Other', description: '', state: 'draft', visibility: 'public', level: 1, tags: [], licenseId: '' },
  ...{ allowNoCredit: true, allowCommercialUse: [], allowDerivatives: true, allowDifferentLicense: true },
  ...{ forbidsGeneration: false, isPoi: false, isMinor: false, isSfwOnly: false, isPinned: false },
  ...given,
});

export const versionPlan = (given: Pick<VersionDoc, 'uri' | 'name' | 'files'> & Partial<VersionDoc>): VersionDoc => ({
  ...{ baseModel: '', changelog: '', trainedWords: [], trainingSettings: {}, clipSkip: null, recommendedWeight: null },
  ...{ state: 'draft', publishedAt: null, parents: [] },
  ...given,
});

export const postPlan = (given: Pick<PostDoc, 'uri' | 'images'> & Partial<PostDoc>): PostDoc => ({
  ...{ title: '', caption: '', state: 'draft', visibility: 'public', publishedAt: null, isPinned: false },
  ...{ tags: [], versionUri: null },
  ...given,
});

/** Its recipe is what the file says; without a rating its author gives one. */
export const imagePlan = (given: Pick<ImageDoc, 'uri' | 'path'> & Partial<ImageDoc>): ImageDoc => ({
  ...{ sha256: null, totalBytes: 0, level: 0, altText: '', caption: '', isRecipeHidden: false, recipe: null },
  resources: [],
  ...given,
});

const TYPES = new Map<string, ModelDoc['type']>(MODEL_TYPES.map((type) => [type.toLowerCase(), type]));
const KINDS = new Map<string, FileDoc['kind']>(FILE_KINDS.map((kind) => [kind.toLowerCase(), kind]));
export const typeOf = (text: string): ModelDoc['type'] => TYPES.get(text.toLowerCase()) ?? 'Other';
export const kindOf = (text: string): FileDoc['kind'] => KINDS.get(text.toLowerCase()) ?? 'Other';

/** One rating, the highest of those that are set; 0 where none is, so that its author says. */
export const levelOf = (bits: number): number => [...RATINGS].reverse().find((level) => (bits & level) !== 0) ?? 0;

export const sumOf = (docs: readonly { readonly totalBytes: number }[]): number =>
  docs.reduce((sum, { totalBytes }) => sum + totalBytes, 0);

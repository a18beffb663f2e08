import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { Account } from '../../accounts/model.ts';
import { PROVENANCES } from '../model.ts';

// What lies on a person's desk while they work: the form as they left it, settings under a name, and the pictures that
// they brought to begin from.

/** The fields of the form as a browser sends them. */
type Fields = Readonly<Record<string, string | string[]>>;

/** The form as it was left: it comes back after a reload, and on another machine. */
export const GenerationDraft = defineEntity({
  name: 'GenerationDraft',
  properties: {
    account: () => p.manyToOne(Account).ref().primary(),
    fields: p.json<Fields>(),
    updatedAt: p.datetime(),
  },
});
export interface GenerationDraft extends InferEntity<typeof GenerationDraft> {}

export const GenerationPreset = defineEntity({
  name: 'GenerationPreset',
  uniques: [{ properties: ['account', 'name'] }],
  properties: {
    id: p.uuid().primary(),
    account: () => p.manyToOne(Account).ref(),
    name: p.string().length(60),
    fields: p.json<Fields>(),
    /** Shown to everybody; whoever runs the node makes these. */
    isForAll: p.boolean().default(false).index(),
    createdAt: p.datetime(),
  },
});
export interface GenerationPreset extends InferEntity<typeof GenerationPreset> {}

/** An uploaded picture or mask, drawn anew as PNG. It goes a while after it was last used. */
export const GenerationInput = defineEntity({
  name: 'GenerationInput',
  uniques: [{ properties: ['account', 'sha256'] }],
  properties: {
    id: p.uuid().primary(),
    account: () => p.manyToOne(Account).ref(),
    sha256: p.string().length(64).index(),
    totalBytes: p.integer(),
    width: p.integer(),
    height: p.integer(),
    /** By what the file said before it was drawn anew. */
    provenance: p.enum([...PROVENANCES]).default('unproven'),
    usedAt: p.datetime().index(),
  },
});
export interface GenerationInput extends InferEntity<typeof GenerationInput> {}

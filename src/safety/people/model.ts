import { defineEntity, type InferEntity, p } from '@mikro-orm/core';

/** Somebody who is not to be generated. The name stands in clear only until somebody decided about the request. */
export const ProtectedPerson = defineEntity({
  name: 'ProtectedPerson',
  properties: {
    id: p.uuid().primary(),
    state: p.enum(['requested', 'active', 'refused']).default('requested'),
    source: p.enum(['self', 'case']),
    /** Erased with the decision. */
    names: p.text().nullable(),
    note: p.text().nullable(),
    createdAt: p.datetime(),
    decidedAt: p.datetime().nullable(),
    decidedById: p.integer().nullable(),
  },
});
export interface ProtectedPerson extends InferEntity<typeof ProtectedPerson> {}

/** One way to write a name, as keyed hashes: the list cannot be read as a list of targets (spec/guardrails.md 3.2). */
export const ProtectedName = defineEntity({
  name: 'ProtectedName',
  properties: {
    id: p.uuid().primary(),
    person: () => p.manyToOne(ProtectedPerson).ref().index(),
    firstHash: p.string().length(32),
    wholeHash: p.string().length(32),
  },
});
export interface ProtectedName extends InferEntity<typeof ProtectedName> {}

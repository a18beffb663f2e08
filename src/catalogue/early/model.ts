import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { Account } from '../../accounts/model.ts';
import { Model, ModelVersion } from '../model.ts';

/**
 * A version that is public and not everybody's yet. It is open from `endsAt` on, whether or not the clock has come by:
 * `endedAt` only says that those who keep copies of this fact have heard.
 */
export const EarlyAccess = defineEntity({
  name: 'EarlyAccess',
  indexes: [{ properties: ['endedAt', 'endsAt'] }],
  properties: {
    version: () => p.manyToOne(ModelVersion).ref().primary(),
    endsAt: p.datetime(),
    /** Whoever follows its creator, on this node, has it at once. */
    isForFollowers: p.boolean(),
    /** What a room above asks for it, in its own unit; null where it is not to be had that way. */
    price: p.integer().nullable(),
    endedAt: p.datetime().nullable(),
    createdAt: p.datetime(),
  },
});
export interface EarlyAccess extends InferEntity<typeof EarlyAccess> {}

const ENTITLEMENT_SOURCES = ['early-access', 'licence'] as const;

/** Somebody may use what is not free to all. Written by the room that knows why; asked by those that serve the file. */
export const Entitlement = defineEntity({
  name: 'Entitlement',
  uniques: [{ properties: ['source', 'sourceId'] }],
  indexes: [{ properties: ['account', 'model'] }],
  properties: {
    id: p.uuid().primary(),
    account: () => p.manyToOne(Account).ref(),
    model: () => p.manyToOne(Model).ref(),
    /** Null for every version of the model. */
    version: () => p.manyToOne(ModelVersion).ref().nullable(),
    source: p.enum([...ENTITLEMENT_SOURCES]),
    /** The row that it follows from. */
    sourceId: p.string().length(40),
    expiresAt: p.datetime().nullable(),
    endedAt: p.datetime().nullable(),
    createdAt: p.datetime(),
  },
});
export interface Entitlement extends InferEntity<typeof Entitlement> {}

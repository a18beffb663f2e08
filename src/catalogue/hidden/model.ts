import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { Account } from '../../accounts/model.ts';
import { Model, Tag } from '../model.ts';

/** What one person does not want in their lists: exactly one of tag, model and host. Known to nobody else. */
export const Hidden = defineEntity({
  name: 'Hidden',
  uniques: [
    { properties: ['account', 'tag'] },
    { properties: ['account', 'model'] },
    { properties: ['account', 'host'] },
  ],
  indexes: [{ properties: ['tag'] }, { properties: ['model'] }],
  properties: {
    id: p.uuid().primary(),
    account: () => p.manyToOne(Account).ref().deleteRule('cascade'),
    tag: () => p.manyToOne(Tag).ref().nullable().deleteRule('cascade'),
    model: () => p.manyToOne(Model).ref().nullable().deleteRule('cascade'),
    host: p.string().length(253).nullable(),
    createdAt: p.datetime(),
  },
});
export interface Hidden extends InferEntity<typeof Hidden> {}

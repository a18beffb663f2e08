import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { Account } from '../../accounts/model.ts';
import { Model } from '../../catalogue/model.ts';
import { Image } from '../../gallery/model.ts';

/**
 * When an account first liked a model or a picture, whichever of the two it is. It outlives the like, so that taking a
 * like back and giving it again never makes it newer.
 */
export const FirstLike = defineEntity({
  name: 'FirstLike',
  uniques: [{ properties: ['model', 'account'] }, { properties: ['image', 'account'] }],
  indexes: [{ properties: ['account'] }],
  properties: {
    id: p.uuid().primary(),
    account: () => p.manyToOne(Account).ref().deleteRule('cascade'),
    model: () => p.manyToOne(Model).ref().nullable().deleteRule('cascade'),
    image: () => p.manyToOne(Image).ref().nullable().deleteRule('cascade'),
    at: p.datetime(),
  },
});
export interface FirstLike extends InferEntity<typeof FirstLike> {}

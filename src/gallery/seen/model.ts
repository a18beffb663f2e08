import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { Account } from '../../accounts/model.ts';
import { Model } from '../../catalogue/model.ts';
import { Image } from '../model.ts';

/** Somebody opened the page of a picture. Known to nobody else; it serves their own lists alone. */
export const SeenImage = defineEntity({
  name: 'SeenImage',
  indexes: [{ properties: ['image'] }],
  properties: {
    account: () => p.manyToOne(Account).ref().primary().deleteRule('cascade'),
    image: () => p.manyToOne(Image).ref().primary().deleteRule('cascade'),
    at: p.datetime(),
  },
});
export interface SeenImage extends InferEntity<typeof SeenImage> {}

/** The same of a model. */
export const SeenModel = defineEntity({
  name: 'SeenModel',
  indexes: [{ properties: ['model'] }],
  properties: {
    account: () => p.manyToOne(Account).ref().primary().deleteRule('cascade'),
    model: () => p.manyToOne(Model).ref().primary().deleteRule('cascade'),
    at: p.datetime(),
  },
});
export interface SeenModel extends InferEntity<typeof SeenModel> {}

import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { Account } from '../../accounts/model.ts';
import { Tag } from '../../catalogue/model.ts';

/** One state of the text of a tag. The newest counts; the others are its history, and none is ever changed. */
export const TagText = defineEntity({
  name: 'TagText',
  indexes: [{ properties: ['tag', 'id'] }],
  properties: {
    id: p.uuid().primary(),
    tag: () => p.manyToOne(Tag).ref().deleteRule('cascade'),
    /** Markdown; '' takes the text away. */
    text: p.text(),
    author: () => p.manyToOne(Account).ref().nullable().deleteRule('set null'),
    /** The state that it went back to. */
    restores: p.uuid().nullable(),
    writtenAt: p.datetime(),
  },
});
export interface TagText extends InferEntity<typeof TagText> {}

import { defineEntity, type InferEntity, p } from '@mikro-orm/core';
import { Image } from '../../gallery/model.ts';

/** Sixteen bits of a hash, less 32,768, so that two bytes hold them on either database. */
const band = () => p.smallint().index();

/**
 * The PDQ of a public picture's first frame, and the same in sixteen bands of sixteen bits, each with an index. Two
 * hashes that differ in at most 31 bits have a band that differs in at most one (31 < 2 × 16), so asking each band for its
 * value and the sixteen values beside it finds every one of them.
 */
export const ImageLook = defineEntity({
  name: 'ImageLook',
  properties: {
    image: () => p.oneToOne(Image).ref().primary().owner().deleteRule('cascade'),
    /** 64 hex digits. */
    hash: p.string().length(64),
    ...{ b0: band(), b1: band(), b2: band(), b3: band(), b4: band(), b5: band(), b6: band(), b7: band() },
    ...{ b8: band(), b9: band(), b10: band(), b11: band(), b12: band(), b13: band(), b14: band(), b15: band() },
  },
});
export interface ImageLook extends InferEntity<typeof ImageLook> {}

import { defineEntity, type InferEntity, p } from '@mikro-orm/core';

/** A file that a peer offers, as it told: a claim until somebody downloads and hashes it. */
export interface OfferedFile {
  readonly modelUri: string;
  readonly title: string;
  readonly modelType: string;
  readonly versionName: string;
  readonly baseModel: string | null;
  readonly fileName: string;
  readonly totalBytes: number | null;
  /** Where it is downloaded, on the peer's own host. */
  readonly url: string;
  readonly sha256: string | null;
  readonly licenseId: string | null;
  readonly commercialUse: readonly string[] | null;
  readonly derivatives: boolean | null;
  readonly creditRequired: boolean | null;
  readonly generation: boolean | null;
  /** As Civitai's bits. */
  readonly rating: number;
}

/** What a peer said when this node asked whether it has a file; forgotten after a while. */
export const HolderAnswer = defineEntity({
  name: 'HolderAnswer',
  uniques: [{ properties: ['hash', 'host'] }],
  properties: {
    id: p.uuid().primary(),
    hash: p.string().length(64),
    host: p.string().length(261),
    /** `silent`: it did not answer, or not with anything that could be read. */
    state: p.enum(['waiting', 'has', 'has-not', 'silent']),
    offers: p.json<readonly OfferedFile[]>(),
    askedAt: p.datetime().index(),
  },
});
export interface HolderAnswer extends InferEntity<typeof HolderAnswer> {}

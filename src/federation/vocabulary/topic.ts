import { type AccountView, buildAccount } from './account.ts';
import type { Document } from './context.ts';

const KINDS = { model: 'Model', collection: 'Collection', tag: 'Tag' } as const;

export interface TopicView extends Omit<AccountView, 'type'> {
  readonly kind: keyof typeof KINDS;
  /** The page of the model, collection or tag. */
  readonly topicUri: string;
  /** Null for a tag, which is nobody's. */
  readonly ownerUri: string | null;
}

/**
 * The actor that tells of a model, collection or tag. A model is one thing that speaks for itself, the others gather what
 * people made: Mastodon shows both types alike, and Lemmy follows none but a Group.
 */
export function buildTopic({ kind, topicUri, ownerUri, ...view }: TopicView): Document {
  return {
    ...buildAccount({ ...view, type: kind === 'model' ? 'Service' : 'Group' }),
    kind: KINDS[kind],
    topic: topicUri,
    ...(ownerUri === null ? {} : { attributedTo: ownerUri }),
  };
}

import type { ApObject } from '../normalise.ts';
import { isSameOrigin, valuesOf } from '../origin.ts';
import type { Document } from './context.ts';
import { type NoteView, noteFields } from './note.ts';
import { buildPicture, type PictureView } from './picture.ts';
import { uriOf } from './read.ts';

export interface CollectionNoteView extends NoteView {
  readonly title: string;
  readonly collectionUri: string;
  readonly previews: readonly PictureView[];
}

/** How a picture was made is told by its own object alone. */
export function buildCollectionNote(view: CollectionNoteView): Document {
  return {
    ...noteFields(view, 'Collection'),
    name: view.title,
    context: view.collectionUri,
    attachment: view.previews.map((one) =>
      buildPicture({ ...one, generation: null, resources: [], details: null }, 'Document'),
    ),
  };
}

/** The collection that a note tells of, on its own host; null for every other object. */
export function collectionOfNote(object: ApObject, ownOrigin: string): string | null {
  if (object.type !== 'Note' || valuesOf(object, 'kind')[0] !== 'Collection') return null;
  const uri = uriOf(object, 'context', ownOrigin);
  return isSameOrigin(uri, object.id, ownOrigin) ? uri : null;
}

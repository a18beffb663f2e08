import { isPhotograph, type Origin } from '../../../gallery/images/origin.ts';
import { t, tCount } from '../../../kit/web/messages.ts';
import type { DatasetItem } from '../model.ts';
import { captionSubject } from './person-words.ts';

export interface NoteView {
  readonly label: string;
  readonly symbol: string;
  readonly title: string;
}

const SYMBOLS: Partial<Readonly<Record<Origin, string>>> = {
  camera: 'image',
  phone: 'smartphone',
  edited: 'pencil',
  generated: 'sparkles',
};

/** What was noted of a picture, for its owner; of what nothing is known, nothing is said. */
export function noteViews({
  origin,
  faceCount,
  caption,
}: Pick<DatasetItem, 'origin' | 'faceCount' | 'caption'>): NoteView[] {
  const subject = captionSubject(caption);
  const from: Origin = origin;
  const symbol = SYMBOLS[from];
  return [
    ...(symbol ? [{ label: t(`note.origin.${origin}`), symbol, title: t(`note.origin.${origin}.long`) }] : []),
    ...(faceCount ? [{ label: tCount('note.faces', faceCount), symbol: 'smile', title: t('note.faces.long') }] : []),
    ...(subject === 'none'
      ? []
      : [{ label: t(`note.subject.${subject}`), symbol: 'user', title: t(`note.subject.${subject}.long`) }]),
  ];
}

/** Counts over a set, in words; '' when there is nothing to say. */
export function notesSummary(items: readonly Pick<DatasetItem, 'origin' | 'faceCount' | 'caption'>[]): string {
  const count = (is: (item: (typeof items)[number]) => boolean): number => items.filter(is).length;
  const subjects = items.map(({ caption }) => captionSubject(caption));
  const parts: readonly [string, number][] = [
    ['note.sum.photographs', count(({ origin }) => isPhotograph(origin))],
    ['note.sum.edited', count(({ origin }) => origin === 'edited')],
    ['note.sum.generated', count(({ origin }) => origin === 'generated')],
    ['note.sum.faces', count(({ faceCount }) => (faceCount ?? 0) > 0)],
    ['note.sum.persons', subjects.filter((subject) => subject !== 'none').length],
    ['note.sum.unseen', count(({ faceCount }) => faceCount == null)],
  ];
  return parts.flatMap(([key, n]) => (n > 0 ? [tCount(key, n)] : [])).join(' · ');
}

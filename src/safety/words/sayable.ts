import { AppError } from '../../kit/errors.ts';
import { t } from '../../kit/web/messages.ts';
import type { Viewer, Work } from '../../kit/work.ts';
import { RATING } from '../ratings.ts';

/** Words that others read at once: there is nobody to look at them first. Throws `invalid` at the field. */
export async function assertSayable(
  { words }: Pick<Work, 'words'>,
  author: Viewer,
  texts: Readonly<Record<string, string>>,
): Promise<void> {
  const said = Object.entries(texts).filter(([, text]) => text !== '');
  const saying = said.map(([field, text]) => ({ scope: field === 'title' ? 'title' : 'prose', text, field }));
  const [first = ''] = said[0] ?? [];
  if (saying.length === 0 || (await words.read({ author, level: RATING.pg, texts: saying })) === null) return;
  throw new AppError('invalid', t('safety.unsayable'), { fields: { [first]: t('safety.unsayable') } });
}

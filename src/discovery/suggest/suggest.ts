import { z } from 'zod';
import { hiddenCondition } from '../../gallery/hidden.ts';
import { type Eyes, eyesOf, type OwnerView } from '../../gallery/views.ts';
import { inList, rows } from '../../kit/database/sql.ts';
import { t } from '../../kit/web/messages.ts';
import type { Work } from '../../kit/work.ts';
import { modelUrl } from '../cards.ts';
import { searchIndexOf } from '../index/search-index.ts';
import { searchWords } from '../index/terms.ts';
import { type LookUp, listPeople } from '../search.ts';

export const SuggestQuery = z.object({ q: z.string().trim().max(2_048).catch('') });

interface Suggestion {
  readonly label: string;
  readonly detail: string;
  readonly href: string;
}

export interface Suggestions {
  readonly q: string;
  readonly groups: readonly { readonly kind: 'models' | 'tags' | 'people'; readonly items: readonly Suggestion[] }[];
  /** Where the words are an address: its page here, or the search that asks for it. */
  readonly address: Suggestion | null;
}

/** With one letter everything begins. */
const LEAST_LETTERS = 2;
/** So many of the newest that fit are looked at, and the most used of them shown. */
const LOOKED_AT = 60;
const MOST = { models: 5, tags: 4, people: 4 } as const;

/** What the word that somebody is typing may become: a few short queries, each on an index. Nobody elsewhere is asked. */
export async function loadSuggestions(
  work: Work,
  { q }: z.output<typeof SuggestQuery>,
  lookUp: LookUp | null,
): Promise<Suggestions> {
  const found = lookUp && /[@:]/.test(q) ? await lookUp(work, q, false) : null;
  if (found) return { q, groups: [], address: addressOf(q, found) };
  const words = searchWords(q);
  if (words.join('').length < LEAST_LETTERS) return { q, groups: [], address: null };
  const eyes = await eyesOf(work.em, work.viewer);
  const [models, tags, people] = await Promise.all([
    suggestModels(work.em, eyes, words),
    suggestTags(work.em, eyes, q.toLowerCase().replace(/^#/, '').replace(/\s+/g, ' ').slice(0, 60)),
    suggestPeople(work, words),
  ]);
  const groups = [
    { kind: 'models', items: models },
    { kind: 'tags', items: tags },
    { kind: 'people', items: people },
  ] as const;
  return { q, groups: groups.filter(({ items }) => items.length > 0), address: null };
}

function addressOf(q: string, found: NonNullable<Awaited<ReturnType<LookUp>>>): Suggestion {
  if ('path' in found) return { label: q, detail: t('search.open-address'), href: found.path };
  return {
    label: q,
    detail: t('search.ask-host', { host: found.host }),
    href: `/search?q=${encodeURIComponent(q)}`,
  };
}

async function suggestModels(em: Work['em'], eyes: Eyes, words: readonly string[]): Promise<Suggestion[]> {
  const ids = await searchIndexOf(em).suggest(em, 'model', words, LOOKED_AT);
  if (ids.length === 0) return [];
  const hidden = hiddenCondition('model', 'm', eyes);
  const found = await rows<{ id: number; name: string; type: string; base_model: string }>(
    em,
    `select m.id, m.name, m.type, m.base_model from model m
     where m.id in (${inList(ids)}) and m.listed_at is not null and (m.level & ?) <> 0${hidden ? ` and ${hidden.sql}` : ''}
     order by m.thumbs_up_count + m.download_count desc, m.id desc limit ${MOST.models}`,
    [...ids, eyes.levels, ...(hidden?.values ?? [])],
  );
  return found.map(({ id, name, type, base_model }) => ({
    label: name,
    detail: [type, base_model].filter(Boolean).join(' · '),
    href: modelUrl(id, name),
  }));
}

/** Tags that something public bears, as far as this viewer browses it; a word that means another tag leads there. */
async function suggestTags(em: Work['em'], eyes: Eyes, prefix: string): Promise<Suggestion[]> {
  const names = await searchIndexOf(em).suggestTags(em, prefix, LOOKED_AT);
  if (names.length === 0) return [];
  const found = await rows<{ name: string }>(
    em,
    `select distinct means.name, length(means.name) as letters from tag t left join tag_synonym s on s.tag_id = t.id
       join tag means on means.id = coalesce(s.means_id, t.id)
     where t.name in (${inList(names)})
       and (exists (select 1 from model_tag g join model m on m.id = g.model_id
           where g.tag_id = means.id and m.listed_at is not null and (m.level & ?) <> 0)
         or exists (select 1 from post_tag g join post p on p.id = g.post_id
           where g.tag_id = means.id and p.listed_at is not null and (p.level & ?) <> 0))
       and not exists (select 1 from hidden h where h.account_id = ? and h.tag_id = means.id)
     order by letters, means.name limit ${MOST.tags}`,
    [...names, eyes.levels, eyes.levels, eyes.hidesFor ?? 0],
  );
  return found.map(({ name }) => ({ label: `#${name}`, detail: '', href: `/tags/${encodeURIComponent(name)}` }));
}

async function suggestPeople(work: Work, words: readonly string[]): Promise<Suggestion[]> {
  const ids = await searchIndexOf(work.em).suggest(work.em, 'account', words, LOOKED_AT);
  const people: OwnerView[] = await listPeople(work, ids);
  return people.slice(0, MOST.people).map(({ name, displayName, host, url }) => ({
    label: displayName || name,
    detail: host === '' ? `@${name}` : `@${name}@${host}`,
    href: url,
  }));
}

import { z } from 'zod';
import { listSynonyms, loadTag, removeSynonym, SynonymForm, setSynonym } from '../../../gallery/tags/synonyms.ts';
import { listTagTexts, RestoreForm, restoreTagText, TagTextForm, writeTagText } from '../../../gallery/tags/text.ts';
import { checkForm } from '../../../kit/web/forms.ts';
import { type Ask, defineOperation, defineOwn, type Operation } from '../../operation/define.ts';

const group = 'Tags';
const scope = 'moderate';

const Tag = z.object({
  name: z.string(),
  /** Words that mean it. */
  synonyms: z.array(z.string()),
  /** Markdown: what it is. */
  text: z.string(),
  /** The states of the text, the newest first. */
  states: z.array(z.object({ id: z.uuid(), username: z.string(), at: z.iso.datetime(), text: z.string() })),
});

async function tagOf({ em: asked }: Pick<Ask, 'em'>, name: string): Promise<z.output<typeof Tag>> {
  const em = asked.fork();
  const tag = await loadTag(em, name);
  const states = await listTagTexts(em, tag.id);
  return {
    ...{ name: tag.name, synonyms: await listSynonyms(em, tag.id), text: states[0]?.text ?? '' },
    states: states.map(({ id, author, at, text }) => ({ id, username: author, at, text })),
  };
}

const ByTag = z.object({ tag: z.string().min(1).max(60) });
const Word = z.strictObject({ word: z.string().min(1).max(60) });

export const TAG_OPERATIONS: readonly Operation[] = [
  defineOperation({
    ...{ method: 'get', path: '/tags/:tag', name: 'getTag', group },
    summary: 'What a tag is, in the words of this node, and which words mean it.',
    ...{ params: ByTag, answer: Tag },
    run: (ask, { params }) => tagOf(ask, params.tag),
  }),
  defineOwn({
    ...{ method: 'put', path: '/tags/:tag/text', name: 'writeTagText', group, scope },
    summary: 'Writes what a tag is. For moderators; `from` is the state that it was written from.',
    params: ByTag,
    body: z.strictObject({ text: z.string().max(10_000), from: z.uuid().optional() }),
    answer: Tag,
    run: async (ask, { params: { tag }, body: { text, from } }) => {
      await writeTagText(ask, tag, checkForm({ text, from: from ?? '' }, TagTextForm));
      return tagOf(ask, tag);
    },
  }),
  defineOwn({
    ...{ method: 'post', path: '/tags/:tag/text/restoration', name: 'restoreTagText', group, scope },
    summary: 'Makes an older state the newest. For moderators.',
    ...{ params: ByTag, body: z.strictObject({ state: z.uuid() }), answer: Tag },
    run: async (ask, { params: { tag }, body }) => {
      await restoreTagText(ask, tag, checkForm({ id: body.state }, RestoreForm));
      return tagOf(ask, tag);
    },
  }),
  ...(['setSynonym', 'removeSynonym'] as const).map((name) =>
    defineOwn({
      ...{ method: 'post', path: `/tags/:tag/synonyms${name === 'setSynonym' ? '' : '/removal'}`, name, group, scope },
      summary:
        name === 'setSynonym' ? 'A word means this tag. For moderators.' : 'It means it no more. For moderators.',
      ...{ params: ByTag, body: Word, answer: Tag },
      run: async (ask, { params: { tag }, body }) => {
        const act = name === 'setSynonym' ? setSynonym : removeSynonym;
        await act(ask, tag, checkForm(body, SynonymForm));
        return tagOf(ask, tag);
      },
    }),
  ),
];

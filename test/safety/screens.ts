import type { TestContext } from 'node:test';
import type { Verdict } from '../../src/safety/prompts/judge.ts';
import type { Flag, Scope } from '../../src/safety/prompts/rules/schema.ts';
import { PromptScreen } from '../../src/safety/prompts/screen.ts';

export function openScreen(t: TestContext, budgetMs?: number): PromptScreen {
  const screen = new PromptScreen({ key: 'a key for tests', ...(budgetMs ? { budgetMs } : {}) });
  t.after(() => screen.close());
  return screen;
}

/** What the rules of the program say of one text. */
export const judged = (
  screen: PromptScreen,
  text: string,
  { scope = 'positive', level = 1, flags = [] }: { scope?: Scope; level?: number; flags?: readonly Flag[] } = {},
): Promise<Verdict> => screen.judge([{ scope, text, field: 'prompt' }], { level, flags });

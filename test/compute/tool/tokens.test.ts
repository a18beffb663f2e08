import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { sizeOfPrompt } from '../../../src/compute/prompt/chunks.ts';

const ENGINE = path.join(import.meta.dirname, '../../../src/compute/engine');

/** Tokens of each chunk, by the engine's own parser and tokenizer, which need nothing but Python. */
function countsOfEngine(prompts: readonly string[]): number[][] {
  const program = `
import json, sys
from tessera_engine.prompt import chunk_prompt
from tessera_engine.tokenizer import load_tokenizer
clip = load_tokenizer(48894)
print(json.dumps([[len(chunk.ids) for chunk in chunk_prompt(prompt, clip)] for prompt in json.load(sys.stdin)]))`;
  const answer = execFileSync('python3', ['-c', program], { cwd: ENGINE, input: JSON.stringify(prompts) });
  return JSON.parse(answer.toString()) as number[][];
}

const PARTS = [
  ...['red', 'circle', 'masterpiece', '(best quality:1.2)', '[blurry]', 'BREAK', "don't", '1girl', '8k', '日本', '🎨'],
  ...['<lora:x:0.8>', 'naïve', ',', ',', ',', '\\(x\\)', '(((', ')))', ']', '--ar', '&amp;', "it's!!'s", 'ünïcödé'],
  ...['antidisestablishmentarianism', 'x'.repeat(60), ':', '(a:b)', '(c:.5)', '[a:b:0.5]'],
];

test('a prompt is counted as the engine counts it, in chunks of 75', () => {
  let state = 7;
  const chance = () => {
    state = (state * 1_103_515_245 + 12_345) & 0x7fffffff;
    return state / 0x7fffffff;
  };
  const prompts = ['', ' ', 'a red circle'];
  for (let n = 0; n < 150; n += 1) {
    const parts = Array.from({ length: Math.floor(chance() * 90) }, () => PARTS[Math.floor(chance() * PARTS.length)]);
    const prompt = parts.join(chance() < 0.8 ? ' ' : '');
    // the engine refuses what nests deeper
    if ((prompt.match(/[([]/g) ?? []).length < 30) prompts.push(prompt);
  }
  const counts = countsOfEngine(prompts);
  assert.ok(prompts.length > 60 && counts.some((chunks) => chunks.length > 1));
  for (const [n, prompt] of prompts.entries()) {
    const chunks = counts[n] ?? [];
    const tokens = chunks.reduce((sum, one) => sum + one, 0);
    assert.deepEqual(
      sizeOfPrompt(prompt),
      { tokens, chunks: chunks.length, room: chunks.length * 75 },
      JSON.stringify(prompt),
    );
  }
});

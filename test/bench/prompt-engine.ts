import { hashName } from '../../src/safety/prompts/match/people.ts';
import { PromptScreen } from '../../src/safety/prompts/screen.ts';
import { median, report } from './report.ts';

const ROUNDS = process.env.BENCH_SIZE === 'ci' ? 30 : 200;

const LENGTH = 8_000;
const TEXTS: Readonly<Record<string, string>> = {
  '': 'masterpiece, best quality, a (red:1.2) fox standing in deep snow, [cinematic light], {birch|pine} forest, ',
  '-cjk': '森の中の古い神社、夕焼け、桜、(水彩画:1.2)、雲一つない空、傑作、',
  '-hidden': 'm\u200basterpiece, b3st qu4lity, a.r.t, fóx, соlour, ｗｉｄｅ, &#97; t r e e, sooo good, ',
};

/**
 * One prompt of 8,000 characters through the thread and back, with a thousand protected names: the median, and the
 * longest that a timer of this thread was late meanwhile. Prompts differ from round to round.
 */
export async function promptEngineBench(): Promise<void> {
  const screen = new PromptScreen({ key: 'bench' });
  screen.knowPeople(Array.from({ length: 1_000 }, (_, n) => hashName('bench', `Given${n} Family${n}`)).flat());
  let lateMs = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    lateMs = Math.max(lateMs, performance.now() - last - 1);
    last = performance.now();
  }, 1);
  for (const [name, text] of Object.entries(TEXTS)) {
    const times: number[] = [];
    for (let round = -20; round < ROUNDS; round += 1) {
      const prompt = `number ${round}, ${text.repeat(Math.ceil(LENGTH / text.length))}`.slice(0, LENGTH);
      const startedAt = performance.now();
      await screen.judge([{ scope: 'positive', text: prompt }], { level: 1, flags: [] });
      if (round === 0) lateMs = 0;
      if (round >= 0) times.push(performance.now() - startedAt);
    }
    report(`prompt-engine${name}-ms`, median(times), 'ms');
  }
  report('prompt-engine-loop-late-ms', lateMs, 'ms');
  clearInterval(timer);
  await screen.close();
}

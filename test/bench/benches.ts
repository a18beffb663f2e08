import { feedBench } from './feed.ts';
import { idleBench, startBench } from './start.ts';

export const benches: Readonly<Record<string, () => Promise<void>>> = {
  feed: feedBench,
  start: startBench,
  idle: idleBench,
};

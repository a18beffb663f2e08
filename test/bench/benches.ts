import { feedBench } from './feed.ts';
import { searchBench } from './search.ts';
import { idleBench, startBench } from './start.ts';

export const benches: Readonly<Record<string, () => Promise<void>>> = {
  feed: feedBench,
  search: searchBench,
  start: startBench,
  idle: idleBench,
};

// Loaded into a process before its program: tells over the channel how late its event loop ran since it was last asked.
// With nothing else to run it is the control: a process with a small steady load and no work of ours.
import { monitorEventLoopDelay } from 'node:perf_hooks';

const TICK_MS = 20;
const delays = monitorEventLoopDelay({ resolution: TICK_MS });
delays.enable();

let stalls = [];
let last = { at: performance.now(), cpu: process.cpuUsage() };
setInterval(() => {
  const now = { at: performance.now(), cpu: process.cpuUsage() };
  const lateMs = now.at - last.at - TICK_MS;
  // of a stall that is ours the processor knows; the others are the machine's, which ran somebody else meanwhile
  const cpuMs = (now.cpu.user - last.cpu.user + now.cpu.system - last.cpu.system) / 1_000;
  if (lateMs > 100) stalls.push({ lateMs, cpuMs });
  last = now;
}, TICK_MS).unref();

process.on('message', ({ ask, collect }) => {
  if (collect) globalThis.gc?.();
  const { rss, heapUsed, external } = process.memoryUsage();
  process.send({ ask, maxMs: delays.max / 1e6, p99Ms: delays.percentile(99) / 1e6, stalls, rss, heapUsed, external });
  // what the collection itself took is not the program's
  delays.reset();
  stalls = [];
  last = { at: performance.now(), cpu: process.cpuUsage() };
});

if (process.argv[2] === 'control') {
  setInterval(() => {
    const until = performance.now() + 2;
    while (performance.now() < until);
  }, 10);
}

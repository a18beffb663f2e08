import { readConfig } from '../../src/kit/config.ts';
import { openNode } from '../../src/node.ts';
import { LISTS } from './api.ts';
import { benchSize, datasetFolder } from './dataset.ts';

const folder = await datasetFolder(benchSize());
const node = await openNode(
  readConfig({ DATA_DIR: folder, LOG_LEVEL: 'silent', ENGINE: 'none', PORT: '0', TRUSTED_PROXIES: '1' }),
);
const url = await node.start(['web']);
let n = 0;
for (const [name, paths] of Object.entries(LISTS)) {
  for (const path of paths) {
    const times: number[] = [];
    let bytes = 0;
    for (let i = 0; i < 12; i += 1) {
      const at = performance.now();
      const cpu = process.cpuUsage();
      n += 1;
      const answer = await fetch(new URL(path, url), { headers: { 'x-forwarded-for': `10.${n >> 8}.${n & 255}.1` } });
      bytes = (await answer.text()).length;
      const used = process.cpuUsage(cpu);
      if (i > 3) times.push((used.user + used.system) / 1000);
      void at;
    }
    times.sort((a, b) => a - b);
    console.log(name, path, 'cpu-ms median', times[4]?.toFixed(1), 'max', times.at(-1)?.toFixed(1), bytes);
  }
}
await node.close();
process.exit(0);

import { apiBench, byHashBench } from './api.ts';
import { similarBench, suggestBench } from './discovery.ts';
import { engineRatioBench, engineStartBench, modelLoadBench } from './engine.ts';
import { fanoutBench } from './fanout.ts';
import { cancelBench, jobOverheadBench } from './gpu-queue.ts';
import { hashBench } from './hashing.ts';
import { inboxBench } from './inbox.ts';
import { notifyBench } from './notify.ts';
import { feedBench, modelPageBench } from './pages.ts';
import { pdqBench, pdqScanBench } from './pdq.ts';
import { promptEngineBench } from './prompt-engine.ts';
import { searchBench } from './search.ts';
import { idleBench, startBench } from './start.ts';
import { policyCheckBench, takedownBench } from './takedown.ts';
import { thumbnailBench } from './thumbnail.ts';
import { tinyTrainBench } from './tiny-train.ts';
import { uploadBench } from './upload.ts';

export const benches: Readonly<Record<string, () => Promise<void>>> = {
  feed: feedBench,
  'model-page': modelPageBench,
  search: searchBench,
  'suggest-p99-ms': suggestBench,
  'similar-p99-ms': similarBench,
  api: apiBench,
  'by-hash-10k-ms': byHashBench,
  'prompt-engine': promptEngineBench,
  'upload-hash': hashBench,
  'upload-rss': uploadBench,
  thumbnail: thumbnailBench,
  'pdq-ms': pdqBench,
  'pdq-scan-200k-ms': pdqScanBench,
  inbox: inboxBench,
  fanout: fanoutBench,
  'notify-10k-s': notifyBench,
  'job-overhead': jobOverheadBench,
  cancel: cancelBench,
  'policy-check-us': policyCheckBench,
  'takedown-1000-images-s': takedownBench,
  start: startBench,
  idle: idleBench,
  'engine-start': engineStartBench,
  'model-load': modelLoadBench,
  'engine-ratio': engineRatioBench,
  'tiny-train': tinyTrainBench,
};

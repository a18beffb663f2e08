import { z } from 'zod';
import { ENGINE_ERROR_CODES, EngineEvent, Hello, ResultImage } from '../engine/protocol.ts';

/**
 * What a runner and its node say to each other, as JSON over HTTP. The runner always asks, for it may stand behind NAT:
 * `hello`, then `claim`, which waits until there is work; for that work `events`, whose answer says what the node wants,
 * then `outcome`. Files go both ways by their SHA-256, in parts if need be.
 */
export const RUNNER_PROTOCOL = 1;
export const RUNNER_PATH = '/api/v1/runner';

const MOST_DEVICES = 16;
export const MOST_EVENTS = 100;
const MOST_IMAGES = 64;
const count = z.int().nonnegative();
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

const Device = z.object({
  /** As CUDA numbers it; '' is the only one. */
  device: z.string().max(60),
  /** Of its engine. */
  state: z.enum(['stopped', 'starting', 'ready', 'waiting', 'broken', 'probing']),
  crashes: count,
  lastCrash: z.string().max(300).nullable(),
  hello: Hello,
});
export type RunnerDevice = z.output<typeof Device>;

export const RunnerHello = z.object({
  protocol: z.int(),
  program: z.string().max(60),
  devices: z.array(Device).min(1).max(MOST_DEVICES),
});
export type RunnerHello = z.output<typeof RunnerHello>;

export const Claim = z.object({ device: z.string().max(60) });

const File = z.object({
  sha256,
  totalBytes: count,
  /** Its name in the folder of the jobs; null is a model, which goes into the cache. */
  input: z.string().max(255).nullable(),
});
export type OrderFile = z.output<typeof File>;

export const Order = z.object({
  id: z.string(),
  jobId: z.string(),
  type: z.enum(['generate', 'train', 'resume']),
  params: z.record(z.string(), z.unknown()),
  files: z.array(File),
});
export type Order = z.output<typeof Order>;

export const ClaimAnswer = z.object({ order: Order.nullable(), isDrained: z.boolean() });
export type ClaimAnswer = z.output<typeof ClaimAnswer>;

/** What is told while a job runs; how it ends is the outcome. */
const PASSED_ON = ['progress', 'preview', 'checkpoint', 'sample', 'warn'] as const;
export type PassedEvent = Extract<EngineEvent, { readonly t: (typeof PASSED_ON)[number] }>;
export const isPassedOn = (event: EngineEvent): event is PassedEvent =>
  (PASSED_ON as readonly string[]).includes(event.t);

export const Events = z.object({
  /** The number of the first; an event that was sent before is not taken again. */
  from: count,
  events: z.array(EngineEvent).max(MOST_EVENTS),
});

export const EventsAnswer = z.object({ wish: z.enum(['cancel', 'pause', 'release']).nullable() });
export type EventsAnswer = z.output<typeof EventsAnswer>;

export const Outcome = z.discriminatedUnion('state', [
  z.object({ state: z.literal('done'), images: z.array(ResultImage).max(MOST_IMAGES) }),
  z.object({ state: z.literal('paused'), step: count }),
  z.object({ state: z.literal('cancelled'), partial: z.array(z.string().max(255)).max(MOST_IMAGES) }),
  z.object({
    state: z.literal('failed'),
    code: z.enum(ENGINE_ERROR_CODES),
    message: z.string().max(500),
    path: z.string().max(200).nullable(),
    retryable: z.boolean(),
    isCrash: z.boolean(),
  }),
]);

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { z } from 'zod';
import { AppError } from '../../src/kit/errors.ts';
import { claimNext } from '../../src/kit/queue/claim.ts';
import { defineJob, type JobDefinition, type JobHandle } from '../../src/kit/queue/define.ts';
import { pauseLane } from '../../src/kit/queue/fair/state.ts';
import { Job } from '../../src/kit/queue/job.ts';
import { finish, writeUnderFence } from '../../src/kit/queue/lease.ts';
import { GROUNDS, openPlace, type Place, pause, until } from './queue-setup.ts';

const Payload = z.object({ n: z.int() });

const makeJob = (
  run: (n: number, handle: JobHandle) => unknown,
  rest: Partial<JobDefinition<typeof Payload>> = {},
): JobDefinition<typeof Payload> =>
  defineJob({
    name: 'test.do',
    lane: 'media',
    payload: Payload,
    attempts: 3,
    run: (_work, { n }, handle) => run(n, handle),
    ...rest,
  });

/** Ends when it is told to, or by its signal. */
function gate() {
  let open: () => void = () => {};
  const promise = new Promise<void>((resolve) => {
    open = resolve;
  });
  const pass = (signal: AbortSignal) =>
    Promise.race([
      promise,
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    ]);
  return { open: () => open(), pass };
}

const stateOf = async (place: Place, id: string) => (await place.jobRow(id)).state;

for (const ground of GROUNDS) {
  describe(`the queue, ${ground.name}`, { skip: ground.skip }, () => {
    test('a job runs once, after the transaction that wrote it, and keeps its result', async (t) => {
      const place = await openPlace(t, ground);
      const seen: number[] = [];
      const job = makeJob((n) => {
        seen.push(n);
        return { doubled: n * 2 };
      });
      // looking is off, so it is the driver that wakes the worker
      const { queue, orm } = await place.openProcess([job], { times: { lookEveryMs: 60_000 } });
      const id = await orm.em.fork().transactional(async (em) => {
        const jobId = queue.jobs.enqueue(em, job, { n: 21 });
        await em.flush();
        await pause(150);
        assert.deepEqual(seen, [], 'it ran before the commit');
        return jobId;
      });
      await until('the job is done', async () => (await stateOf(place, id)) === 'done');
      assert.deepEqual(seen, [21]);
      const row = await place.jobRow(id);
      assert.deepEqual(row.result, { doubled: 42 });
      assert.equal(row.attempt, 1);
      assert.equal(row.leaseUntil, null);
    });

    test('a job that only waits for others leaves its place to the next', async (t) => {
      const place = await openPlace(t, ground);
      const { open, pass } = gate();
      const job = makeJob(async (n, { signal, stepAside }) => {
        if (n === 2) return open();
        stepAside();
        await pass(signal);
      });
      const { queue, orm } = await place.openProcess([job], { concurrency: { media: 1 } });
      const em = orm.em.fork();
      const ids = [1, 2, 3].map((n) => queue.jobs.enqueue(em, job, { n }));
      await em.flush();
      // the first and the third end when the second ran, and there is one place
      for (const id of ids) await until('it is done', async () => (await stateOf(place, id)) === 'done');
    });

    test('a transaction that is rolled back leaves no job', async (t) => {
      const place = await openPlace(t, ground);
      const job = makeJob(() => assert.fail('it ran'));
      const { queue, orm } = await place.openProcess([job]);
      await assert.rejects(
        orm.em.fork().transactional(async (em) => {
          queue.jobs.enqueue(em, job, { n: 1 });
          await em.flush();
          throw new Error('no');
        }),
      );
      await pause(300);
      assert.equal(await place.em().count(Job), 0);
    });

    test('a payload that does not fit is told to the one who enqueues', async (t) => {
      const place = await openPlace(t, ground);
      const job = makeJob(() => {});
      const { enqueue } = await place.openProcess([job]);
      await assert.rejects(enqueue(job, { n: 'x' }), z.ZodError);
    });

    test('two processes with many jobs run each of them once', async (t) => {
      const place = await openPlace(t, ground);
      const seen: number[] = [];
      const job = makeJob(async (n) => {
        seen.push(n);
        await pause(5);
      });
      const one = await place.openProcess([job], { concurrency: { media: 4 } });
      await place.openProcess([job], { concurrency: { media: 4 } });
      const em = one.orm.em.fork();
      for (let n = 0; n < 60; n += 1) one.queue.jobs.enqueue(em, job, { n });
      await em.flush();
      await until('all are done', async () => (await place.em().count(Job, { state: 'done' })) === 60, 20_000);
      assert.deepEqual(
        seen.sort((a, b) => a - b),
        Array.from({ length: 60 }, (_, n) => n),
      );
    });

    test('a job of another lane is left to the processes of that lane', async (t) => {
      const place = await openPlace(t, ground);
      const job = makeJob(() => {}, { lane: 'gpu' });
      const web = await place.openProcess([job], { lanes: ['media'] });
      const id = await web.enqueue(job, { n: 1 });
      await pause(300);
      assert.equal(await stateOf(place, id), 'queued');
      await place.openProcess([job], { lanes: ['gpu'] });
      await until('it is done', async () => (await stateOf(place, id)) === 'done');
    });

    test('an error is tried again after a back-off with full jitter, and then counts as failed', async (t) => {
      const place = await openPlace(t, ground);
      const attempts: number[] = [];
      const job = makeJob(
        (_n, { attempt }) => {
          attempts.push(attempt);
          throw new Error('the disk is full');
        },
        { attempts: 3, backOff: { baseMs: 600_000, capMs: 900_000 } },
      );
      const { enqueue } = await place.openProcess([job], { random: () => 0.5 });
      const id = await enqueue(job, { n: 1 });
      await until('the first attempt failed', async () => (await place.jobRow(id)).lastError !== null);
      const first = await place.jobRow(id);
      assert.equal(first.state, 'queued');
      assertNear(first.runAt.getTime() - place.clock.now().getTime(), 300_000); // half of the base
      place.clock.moveOn(290_000);
      await pause(300);
      assert.deepEqual(attempts, [1], 'it ran before its time');
      place.clock.moveOn(20_000);
      await until('the second attempt failed', () => attempts.length === 2);
      await until('it is queued', async () => (await stateOf(place, id)) === 'queued');
      assertNear((await place.jobRow(id)).runAt.getTime() - place.clock.now().getTime(), 450_000); // half of the cap
      place.clock.moveOn(500_000);
      await until('it failed', async () => (await stateOf(place, id)) === 'failed');
      assert.deepEqual(attempts, [1, 2, 3]);
      assert.match((await place.jobRow(id)).lastError ?? '', /the disk is full/);
    });

    test('an error that names a time is not tried sooner', async (t) => {
      const place = await openPlace(t, ground);
      const job = makeJob(
        () => {
          throw new AppError('unavailable', 'Later.', { retryAfterSeconds: 7200 });
        },
        { backOff: { baseMs: 10, capMs: 10 } },
      );
      const { enqueue } = await place.openProcess([job]);
      const id = await enqueue(job, { n: 1 });
      await until('it failed once', async () => (await place.jobRow(id)).lastError !== null);
      assertNear((await place.jobRow(id)).runAt.getTime() - place.clock.now().getTime(), 7_200_000);
    });

    test('the more urgent runs first, and of the same urgency the older', async (t) => {
      const place = await openPlace(t, ground);
      const order: number[] = [];
      const hold = gate();
      const job = makeJob(async (n, { signal }) => {
        order.push(n);
        if (n === 0) await hold.pass(signal);
      });
      const { enqueue } = await place.openProcess([job], { concurrency: { media: 1 } });
      await enqueue(job, { n: 0 });
      await until('the first runs', () => order.length === 1);
      await enqueue(job, { n: 1 });
      await enqueue(job, { n: 2 });
      await enqueue(job, { n: 3 }, { priority: -5 });
      const last = await enqueue(job, { n: 4 }, { priority: 5 });
      hold.open();
      await until('all ran', async () => (await stateOf(place, last)) === 'done');
      assert.deepEqual(order, [0, 3, 1, 2, 4]);
    });

    test('a delayed job waits, and then runs', async (t) => {
      const place = await openPlace(t, ground);
      let ranAtMs = 0;
      const job = makeJob(() => {
        ranAtMs = performance.now();
      });
      const { enqueue } = await place.openProcess([job], { times: { lookEveryMs: 60_000, relayEveryMs: 60_000 } });
      const startMs = performance.now();
      await enqueue(job, { n: 1 }, { delayMs: 700 });
      await until('it ran', () => ranAtMs > 0);
      assert.ok(ranAtMs - startMs >= 695, `after ${ranAtMs - startMs} ms`);
    });

    test('jobs of one partition run one after the other, over all processes', async (t) => {
      const place = await openPlace(t, ground);
      let running = 0;
      let most = 0;
      const others = { running: 0, most: 0 };
      const job = makeJob(async (n) => {
        const counted = n < 100;
        if (counted) most = Math.max(most, ++running);
        others.most = Math.max(others.most, ++others.running);
        await pause(20);
        if (counted) running -= 1;
        others.running -= 1;
      });
      const one = await place.openProcess([job], { concurrency: { media: 4 } });
      await place.openProcess([job], { concurrency: { media: 4 } });
      const em = one.orm.em.fork();
      for (let n = 0; n < 8; n += 1) one.queue.jobs.enqueue(em, job, { n }, { partition: 'peer.example' });
      for (let n = 100; n < 112; n += 1) one.queue.jobs.enqueue(em, job, { n }, { partition: `host-${n}` });
      await em.flush();
      await until('all are done', async () => (await place.em().count(Job, { state: 'done' })) === 20);
      assert.equal(most, 1);
      assert.ok(others.most > 1, 'different partitions never ran at once');
    });

    test('of jobs with one key that wait, one runs; one that comes while it runs is run after it', async (t) => {
      const place = await openPlace(t, ground);
      const seen: number[] = [];
      const hold = gate();
      const job = makeJob(async (n, { signal }) => {
        seen.push(n);
        if (n === 0) await hold.pass(signal);
      });
      const { enqueue } = await place.openProcess([job], { concurrency: { media: 2 } });
      await enqueue(job, { n: 0 }, { dedupeKey: 'recount 7' });
      await until('the first runs', () => seen.length === 1);
      const ids = [];
      for (const n of [1, 2, 3]) ids.push(await enqueue(job, { n }, { dedupeKey: 'recount 7' }));
      await pause(250);
      assert.deepEqual(seen, [0], 'two of one key ran at once');
      hold.open();
      await until('none waits', async () => (await place.em().count(Job, { state: ['queued', 'running'] })) === 0);
      assert.deepEqual(seen, [0, 1]);
      assert.deepEqual(await Promise.all(ids.map((id) => stateOf(place, id))), ['done', 'cancelled', 'cancelled']);
    });

    test('a queued job that is cancelled never runs; a running one is stopped by its signal', async (t) => {
      const place = await openPlace(t, ground);
      const started: number[] = [];
      const hold = gate();
      const job = makeJob(async (n, { signal }) => {
        started.push(n);
        await hold.pass(signal);
      });
      const times = { renewEveryMs: 60_000, leaseMs: 120_000, lookEveryMs: 60_000 }; // so that it is the signal that tells
      const worker = await place.openProcess([job], { concurrency: { media: 1 }, times });
      const web = await place.openProcess([], { lanes: [], times });
      const running = await worker.enqueue(job, { n: 0 });
      const queued = await worker.enqueue(job, { n: 1 });
      await until('the first runs', () => started.length === 1);
      assert.equal(await worker.queue.jobs.cancel(place.em(), queued), true);
      const canceller = ground.redisUrl ? web : worker; // the embedded driver signals within its process only
      assert.equal(await canceller.queue.jobs.cancel(place.em(), running), true);
      await until('it stopped', async () => (await stateOf(place, running)) === 'cancelled', 2000);
      assert.equal(await stateOf(place, queued), 'cancelled');
      await pause(100);
      assert.deepEqual(started, [0]);
      assert.equal(await worker.queue.jobs.cancel(place.em(), running), false);
    });

    test('a cancellation in another process is seen at the next renewal at the latest', async (t) => {
      const place = await openPlace(t, ground);
      const hold = gate();
      const job = makeJob((_n, { signal }) => hold.pass(signal));
      const { enqueue } = await place.openProcess([job]);
      const id = await enqueue(job, { n: 0 });
      await until('it runs', async () => (await stateOf(place, id)) === 'running');
      await place.em().nativeUpdate(Job, { id }, { cancelRequestedAt: new Date() });
      await until('it stopped', async () => (await stateOf(place, id)) === 'cancelled', 2000);
    });

    test('progress is written at most once a second and seen by who watches; the preview goes at the end', async (t) => {
      const place = await openPlace(t, ground);
      const hold = gate();
      const job = makeJob(async (_n, { progress, signal }) => {
        for (let step = 1; step <= 40; step += 1) {
          progress(step, 40, `step ${step}`, Buffer.alloc(100, step));
          await pause(30);
        }
        progress(40, 40, 'too large', Buffer.alloc(60_000));
        await hold.pass(signal);
        return 'ready';
      });
      const worker = await place.openProcess([job]);
      const web = ground.redisUrl ? await place.openProcess([], { lanes: [] }) : worker;
      const id = await worker.enqueue(job, { n: 0 });
      const seen: string[] = [];
      const doneCounts = new Set<number>();
      const watching = (async () => {
        for await (const status of web.queue.jobs.watch(id)) {
          seen.push(status.state);
          doneCounts.add(status.progressDone);
          if (status.progressNote === 'too large') hold.open();
        }
      })();
      await until('a preview is there', async () => (await place.jobRow(id)).preview?.length === 100);
      await watching;
      assert.equal(seen.at(-1), 'done');
      assert.ok(doneCounts.has(40));
      assert.ok(doneCounts.size <= 6, `seen ${[...doneCounts]}`);
      const row = await place.jobRow(id);
      assert.equal(row.preview, null);
      assert.equal(row.result, 'ready');
    });

    test('a lane that people share is shared out by seconds, whoever asks from wherever', async (t) => {
      const place = await openPlace(t, ground);
      const order: string[] = [];
      const job = makeJob(() => {}, { lane: 'gpu' });
      const { enqueue } = await place.openProcess([job], { lanes: [] });
      const share = (key: string, costSeconds = 10) =>
        ({ share: { jobClass: 'interactive', key, costSeconds } }) as const;
      const ids = new Map<string, string>();
      for (const n of [0, 1, 2, 3]) ids.set(await enqueue(job, { n }, share('a')), 'a');
      ids.set(await enqueue(job, { n: 4 }, share('b')), 'b');
      ids.set(await enqueue(job, { n: 5 }, { share: { jobClass: 'batch', key: 'c', costSeconds: 300 } }), 'c');
      for (const owner of ['one', 'two', 'one', 'two', 'one', 'two', 'one']) {
        const claim = await claimNext(place.em(), { lane: 'gpu', owner, now: place.clock.now(), leaseMs: 60_000 });
        if (claim) order.push(ids.get(claim.id) ?? '?');
      }
      assert.equal(order.join(''), 'abaaac');
    });

    test('of many who claim in a shared lane at once, each gets another job', async (t) => {
      const place = await openPlace(t, ground);
      const job = makeJob(() => {}, { lane: 'gpu' });
      const processes = await Promise.all([1, 2, 3].map(() => place.openProcess([job], { lanes: [] })));
      const [first] = processes;
      for (let n = 0; n < 12; n += 1) await first?.enqueue(job, { n }, { accountId: n % 4 });
      const ask = { lane: 'gpu', leaseMs: 60_000, now: place.clock.now() } as const;
      const claims = await Promise.all(
        Array.from({ length: 15 }, (_, n) => {
          const { orm } = processes[n % 3] ?? assert.fail();
          return claimNext(orm.em.fork(), { ...ask, owner: String(n) });
        }),
      );
      const taken = claims.flatMap((claim) => claim?.id ?? []);
      assert.equal(new Set(taken).size, 12);
      assert.equal(taken.length, 12);
    });

    test('a lane that is paused gives nothing out until it is resumed', async (t) => {
      const place = await openPlace(t, ground);
      const job = makeJob(() => {}, { lane: 'gpu' });
      const { enqueue } = await place.openProcess([job], { lanes: ['gpu'] });
      await pauseLane(place.em(), 'gpu', place.clock.now());
      const id = await enqueue(job, { n: 1 });
      await pause(300);
      assert.equal(await stateOf(place, id), 'queued');
      await pauseLane(place.em(), 'gpu', null);
      await until('it is done', async () => (await stateOf(place, id)) === 'done');
    });

    test('who waits in a shared lane is told their place and when they begin', async (t) => {
      const place = await openPlace(t, ground);
      const job = makeJob(() => {}, { lane: 'gpu' });
      const { enqueue, queue } = await place.openProcess([job], { lanes: [] });
      const share = (key: string) => ({ share: { jobClass: 'interactive', key, costSeconds: 10 } }) as const;
      await enqueue(job, { n: 0 }, share('a'));
      const second = await enqueue(job, { n: 1 }, share('a'));
      const third = await enqueue(job, { n: 2 }, share('b'));
      assert.deepEqual(await queue.jobs.forecast('gpu', second), { place: 2, startsInSeconds: 20 });
      assert.deepEqual(await queue.jobs.forecast('gpu', third), { place: 1, startsInSeconds: 10 });
      for await (const status of queue.jobs.watch(third)) {
        assert.deepEqual([status.placeInQueue, status.startsInSeconds], [1, 10]);
        break;
      }
    });

    test('a machine that is broken is no place: its jobs wait for one that works', async (t) => {
      const place = await openPlace(t, ground);
      const job = makeJob(() => {}, { lane: 'gpu' });
      let usable = 0;
      const places = { gpu: { most: 2, usable: () => usable, loaded: () => [] } };
      const { enqueue } = await place.openProcess([job], { lanes: ['gpu'], places });
      const id = await enqueue(job, { n: 1 });
      await pause(300);
      assert.equal(await stateOf(place, id), 'queued');
      usable = 1;
      await until('it is done', async () => (await stateOf(place, id)) === 'done');
    });

    test('the result of a run that was overtaken is refused', async (t) => {
      const place = await openPlace(t, ground);
      const job = makeJob(() => {});
      const { enqueue } = await place.openProcess([job], { lanes: [] });
      const id = await enqueue(job, { n: 0 });
      const asked = { lane: 'media', leaseMs: 1000 } as const;
      const stale = await claimNext(place.em(), { ...asked, owner: 'a', now: place.clock.now() });
      assert.equal(stale?.id, id);
      assert.equal(await claimNext(place.em(), { ...asked, owner: 'b', now: place.clock.now() }), null);
      place.clock.moveOn(2000);
      const other = await place.openProcess([], { lanes: ['gpu'], times: { lookEveryMs: 50 } }); // finds lost leases
      await until('it is queued again', async () => (await stateOf(place, id)) === 'queued');
      await other.queue.close();
      const fresh = await claimNext(place.em(), { ...asked, owner: 'b', now: place.clock.now() });
      assert.ok(stale && fresh && fresh.fence > stale.fence);
      const { signal } = new AbortController();
      const writes = ({ fence }: { readonly fence: number }) =>
        writeUnderFence(place.em(), { jobId: id, fence, signal }, async () => 'written');
      await assert.rejects(writes(stale), { kind: 'conflict' });
      assert.equal(await writes(fresh), 'written');
      const now = place.clock.now();
      assert.equal(await finish(place.em(), stale, { state: 'done', result: 'stale' }, now), false);
      assert.equal(await finish(place.em(), fresh, { state: 'done', result: 'fresh' }, now), true);
      assert.equal((await place.jobRow(id)).result, 'fresh');
    });

    test('a run whose lease another took is aborted and its outcome does not count', async (t) => {
      const place = await openPlace(t, ground);
      let reason: unknown = null;
      const job = makeJob(async (_n, { signal }) => {
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
        reason = signal.reason;
        return 'stale';
      });
      const { enqueue } = await place.openProcess([job]);
      const id = await enqueue(job, { n: 0 });
      await until('it runs', async () => (await stateOf(place, id)) === 'running');
      await place.em().nativeUpdate(Job, { id }, { fence: 99, leaseUntil: new Date(Date.now() + 60_000) });
      await until('it is aborted', () => reason !== null);
      await pause(100);
      const row = await place.jobRow(id);
      assert.equal(row.state, 'running');
      assert.equal(row.fence, 99);
      assert.equal(row.result, null);
    });

    test('a process that closes hands its jobs back, and the attempt does not count', async (t) => {
      const place = await openPlace(t, ground);
      const runs: number[] = [];
      const job = makeJob(async (_n, { attempt, signal }) => {
        runs.push(attempt);
        if (runs.length === 1) await gate().pass(signal);
      });
      const first = await place.openProcess([job], { times: { graceMs: 200 } });
      const id = await first.enqueue(job, { n: 0 });
      await until('it runs', () => runs.length === 1);
      await first.queue.close();
      const row = await place.jobRow(id);
      assert.equal(row.state, 'queued');
      assert.equal(row.attempt, 0);
      assert.equal(row.leaseOwner, null);
      await place.openProcess([job]);
      await until('another process did it', async () => (await stateOf(place, id)) === 'done');
      assert.deepEqual(runs, [1, 1]);
    });

    test('a process that closes lets a short job end', async (t) => {
      const place = await openPlace(t, ground);
      const job = makeJob(() => pause(300));
      const first = await place.openProcess([job], { times: { graceMs: 4000 } });
      const id = await first.enqueue(job, { n: 0 });
      await until('it runs', async () => (await stateOf(place, id)) === 'running');
      await first.queue.close();
      assert.equal(await stateOf(place, id), 'done');
    });

    test('the place in the queue counts those that run before', async (t) => {
      const place = await openPlace(t, ground);
      const job = makeJob(() => {});
      const { queue, enqueue } = await place.openProcess([job], { lanes: [] });
      await enqueue(job, { n: 0 });
      await pause(3);
      const second = await enqueue(job, { n: 1 });
      await enqueue(job, { n: 2 }, { priority: -1 });
      for await (const status of queue.jobs.watch(second)) {
        assert.equal(status.placeInQueue, 2);
        break;
      }
    });
  });
}

const assertNear = (actualMs: number, expectedMs: number) =>
  assert.ok(Math.abs(actualMs - expectedMs) < 5000, `${actualMs} is not near ${expectedMs}`);

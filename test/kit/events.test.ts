import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { z } from 'zod';
import { defineEvent, record } from '../../src/kit/events/events.ts';
import { RecordedEvent } from '../../src/kit/events/model.ts';
import { relayEvents } from '../../src/kit/events/relay.ts';
import { on, type Wiring } from '../../src/kit/events/wiring.ts';
import { defineJob } from '../../src/kit/queue/define.ts';
import { Job } from '../../src/kit/queue/job.ts';
import { GROUNDS, openPlace, pause, until } from './queue-setup.ts';

const published = defineEvent('thing.published', z.object({ thingId: z.int() }));

function jobs() {
  const seen: string[] = [];
  const scan = defineJob({
    name: 'test.scan',
    lane: 'media',
    payload: z.object({ thingId: z.int() }),
    attempts: 1,
    run: (_work, { thingId }) => seen.push(`scan ${thingId}`),
  });
  const tell = defineJob({
    name: 'test.tell',
    lane: 'media',
    payload: z.object({ text: z.string() }),
    attempts: 1,
    run: (_work, { text }) => seen.push(text),
  });
  const wiring: Wiring = [
    on(published, scan),
    on(published, tell, ({ thingId }) => (thingId > 5 ? { text: `tell ${thingId}` } : null)),
  ];
  return { seen, scan, tell, wiring };
}

for (const ground of GROUNDS) {
  describe(`events, ${ground.name}`, { skip: ground.skip }, () => {
    test('what was recorded has its jobs soon after the commit, and nothing has without it', async (t) => {
      const place = await openPlace(t, ground);
      const { seen, scan, tell, wiring } = jobs();
      const { orm } = await place.openProcess([scan, tell], { wiring, times: { lookEveryMs: 60_000 } });
      await assert.rejects(
        orm.em.fork().transactional(async (em) => {
          record(em, published, { thingId: 9 });
          await em.flush();
          throw new Error('no');
        }),
      );
      const em = orm.em.fork();
      record(em, published, { thingId: 3 });
      record(em, published, { thingId: 7 });
      await em.flush();
      await until('the jobs ran', () => seen.length >= 3);
      await pause(100);
      assert.deepEqual(seen.sort(), ['scan 3', 'scan 7', 'tell 7']);
    });

    test('an event is relayed once, however many relay it', async (t) => {
      const place = await openPlace(t, ground);
      const { wiring } = jobs();
      const em = place.em();
      for (let thingId = 0; thingId < 230; thingId += 1) record(em, published, { thingId });
      await em.flush();
      const now = () => new Date();
      const counts = await Promise.all([1, 2, 3].map(() => relayEvents(place.em, wiring, now)));
      assert.equal(counts[0] !== undefined && counts.reduce((sum, count) => sum + count, 0), 230);
      assert.equal(await place.em().count(Job), 230 + 224);
      assert.equal(await place.em().count(RecordedEvent, { relayedAt: null }), 0);
      assert.equal(await relayEvents(place.em, wiring, now), 0);
    });

    test('an event whose consequence cannot be written stays, and nothing of it is done', async (t) => {
      const place = await openPlace(t, ground);
      const { scan } = jobs();
      const em = place.em();
      record(em, published, { thingId: 1 });
      await em.flush();
      const broken: Wiring = [
        on(published, scan),
        on(published, scan, () => {
          throw new Error('a mistake in the wiring');
        }),
      ];
      await assert.rejects(
        relayEvents(place.em, broken, () => new Date()),
        /mistake/,
      );
      assert.equal(await place.em().count(Job), 0);
      assert.equal(await place.em().count(RecordedEvent, { relayedAt: null }), 1);
      assert.equal(await relayEvents(place.em, [on(published, scan)], () => new Date()), 1);
      assert.equal(await place.em().count(Job), 1);
    });
  });
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addBusinessDays, type Calendar, isTimeZone } from '../../../src/moderation/cases/counter/business-days.ts';

const berlin: Calendar = { timeZone: 'Europe/Berlin', holidays: [] };
const add = (from: string, count: number, calendar = berlin) =>
  addBusinessDays(new Date(from), count, calendar).toISOString();

test('a weekend does not count, and the day itself does not either', () => {
  // Friday, 6 March 2026
  assert.equal(add('2026-03-06T10:00:00Z', 1), '2026-03-09T10:00:00.000Z');
  assert.equal(add('2026-03-06T10:00:00Z', 10), '2026-03-20T10:00:00.000Z');
  // filed on a Sunday
  assert.equal(add('2026-03-08T10:00:00Z', 1), '2026-03-09T10:00:00.000Z');
});

test('scenario 52: the time of day stays when the clocks change, in spring and in autumn', () => {
  // on 29 March 2026 Berlin goes from UTC+1 to UTC+2, on 25 October back
  assert.equal(add('2026-03-27T10:00:00Z', 1), '2026-03-30T09:00:00.000Z');
  assert.equal(add('2026-03-20T23:30:00Z', 10), '2026-04-02T22:30:00.000Z');
  assert.equal(add('2026-10-23T09:00:00Z', 1), '2026-10-26T10:00:00.000Z');
});

test('an hour that does not exist is the one after it', () => {
  const calendar = { timeZone: 'Africa/Cairo', holidays: [] };
  // Cairo skips from 00:00 to 01:00 on Friday, 24 April 2026
  assert.equal(add('2026-04-22T22:30:00Z', 1, calendar), '2026-04-23T22:30:00.000Z');
});

test('the days are those of the zone, not of UTC', () => {
  // Saturday morning in Auckland is Friday evening in UTC
  const calendar = { timeZone: 'Pacific/Auckland', holidays: [] };
  assert.equal(add('2026-07-03T20:00:00Z', 1, calendar), '2026-07-05T20:00:00.000Z');
  assert.equal(add('2026-07-03T20:00:00Z', 1, { timeZone: 'UTC', holidays: [] }), '2026-07-06T20:00:00.000Z');
});

test('scenario 52: holidays of the list do not count, also at the turn of a year', () => {
  const calendar = { timeZone: 'Europe/Berlin', holidays: ['2026-12-25', '2027-01-01'] };
  assert.equal(add('2026-12-24T12:00:00Z', 5, calendar), '2027-01-04T12:00:00.000Z');
});

test('a zone that nobody knows is refused', () => {
  assert.equal(isTimeZone('Europe/Berlin'), true);
  assert.equal(isTimeZone('Mars/Olympus'), false);
  assert.equal(isTimeZone(''), false);
});

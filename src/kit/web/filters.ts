import nunjucks from 'nunjucks';
import { t, tCount } from './messages.ts';

type When = Date | string | number;

const safe = (html: string) => new nunjucks.runtime.SafeString(html);
const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (sign) => ENTITIES[sign] ?? '');

const dayFormat = new Intl.DateTimeFormat('en', {
  day: 'numeric',
  month: 'short',
  year: 'numeric',
  timeZone: 'UTC',
});
const weekdayFormat = new Intl.DateTimeFormat('en', {
  weekday: 'short',
  day: 'numeric',
  month: 'short',
  year: 'numeric',
  timeZone: 'UTC',
});
const countFormat = new Intl.NumberFormat('en', {
  notation: 'compact',
  maximumFractionDigits: 1,
});
const numberFormat = new Intl.NumberFormat('en');

/** A day for people: `2 Jan 2026` in the order of the language, in UTC. */
export const day = (when: When): string => dayFormat.format(new Date(when));

/** The same with the day of the week, for days that a calendar is about. */
export const weekday = (when: When): string => weekdayFormat.format(new Date(when));

const STEPS: readonly (readonly [seconds: number, key: string])[] = [
  [31_536_000, 'ago.year'],
  [2_592_000, 'ago.month'],
  [604_800, 'ago.week'],
  [86_400, 'ago.day'],
  [3_600, 'ago.hour'],
  [60, 'ago.minute'],
];

/** How long ago, in one unit: `3 hours ago`. */
export function agoText(when: When, now: number = Date.now()): string {
  const seconds = Math.round((now - new Date(when).getTime()) / 1000);
  for (const [length, key] of STEPS) {
    const amount = Math.floor(Math.abs(seconds) / length);
    if (amount >= 1) return tCount(seconds < 0 ? key.replace('ago.', 'in.') : key, amount);
  }
  return t('ago.now');
}

/** A `<time>` that says how long ago, with the day in its title. */
export function ago(when: When) {
  const date = new Date(when);
  return safe(`<time datetime="${date.toISOString()}" title="${day(date)}">${agoText(date)}</time>`);
}

const UNITS = ['B', 'KB', 'MB', 'GB', 'TB'];

/** Decimal units, as downloads are sold: 6.94 GB. */
export function bytes(total: number | bigint): string {
  let amount = Number(total);
  let unit = 0;
  while (amount >= 999.5 && unit < UNITS.length - 1) {
    amount /= 1000;
    unit++;
  }
  const digits = unit === 0 || amount >= 100 ? 0 : amount >= 10 ? 1 : 2;
  return `${amount.toFixed(digits)} ${UNITS[unit]}`;
}

/** 1234 is `1.2K`. */
export const count = (amount: number): string => (amount < 1000 ? String(amount) : countFormat.format(amount));

/** 1234567 is `1,234,567`. */
export const number = (amount: number): string => numberFormat.format(amount);

/** JSON that cannot end the element it stands in. */
export const json = (value: unknown) =>
  safe(
    JSON.stringify(value ?? null).replace(
      /[<>&\u2028\u2029]/g,
      (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
    ),
  );

/** What a form field shows for a value that is not there. */
export const blank = (value: unknown): unknown => value ?? '';

/**
 * Attributes from an object: true is a bare attribute; false, null and undefined leave it out. Handlers and styles are
 * refused, because the CSP would block them silently.
 */
export function attrs(values: Readonly<Record<string, unknown>> | null | undefined) {
  let html = '';
  for (const [name, value] of Object.entries(values ?? {})) {
    // nunjucks marks keyword arguments with this key.
    if (name === '__keywords' || value === null || value === undefined || value === false) continue;
    if (!/^[a-z][\w:.-]*$/i.test(name) || /^on/i.test(name) || name === 'style')
      throw new Error(`Not an attribute: ${name}`);
    html += value === true ? ` ${name}` : ` ${name}="${escapeHtml(String(value))}"`;
  }
  return safe(html);
}

/** The step of width ÷ height for the class `r<step>`: 41 steps of 5 %, so that a row crops 2.5 % at most. */
export function ratioStep(width: number, height: number): number {
  if (!(width > 0 && height > 0)) return 20;
  const step = Math.round(Math.log(width / height) / Math.log(1.05));
  return Math.max(0, Math.min(40, step + 20));
}

export const plural = (amount: number, key: string): string => tCount(key, amount, count(amount));

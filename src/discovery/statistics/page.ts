import { z } from 'zod';
import { type Chart, stackedBars } from '../../compute/gpu/chart.ts';
import { csvLine } from '../../kit/csv.ts';
import { rows, toNumber } from '../../kit/database/sql.ts';
import { AppError } from '../../kit/errors.ts';
import { t } from '../../kit/web/messages.ts';
import type { Work } from '../../kit/work.ts';
import { modelUrl } from '../cards.ts';
import { countFollowers } from './followers.ts';
import { DAY_MS, dayOf, FEWEST_PEOPLE, FIGURES, type Figure } from './model.ts';

const SPANS = [30, 90, 365] as const;
/** Rows of the table of models. */
const MOST_MODELS = 100;
/** Columns of a chart; more days than these are drawn and listed by weeks. */
const MOST_COLUMNS = 100;

export const StatisticsQuery = z.object({
  days: z.coerce.number().pipe(z.literal(SPANS)).catch(30),
  model: z.coerce.number().int().positive().max(2_147_483_647).optional().catch(undefined),
});
type Asked = z.output<typeof StatisticsQuery>;

type Figures = Readonly<Record<Figure, number>>;

export interface StatisticsPage {
  readonly spans: readonly { readonly label: string; readonly href: string; readonly current: boolean }[];
  readonly total: Figures;
  readonly followersNow: number;
  readonly charts: readonly { readonly figure: Figure; readonly chart: Chart }[];
  /** How many followed, over time; null of one model, and before anything was counted. */
  readonly followers: { readonly chart: Chart; readonly since: string } | null;
  readonly rows: readonly Day[];
  readonly isByWeek: boolean;
  readonly models: readonly {
    readonly name: string;
    readonly url: string;
    readonly href: string;
    readonly figures: Figures;
  }[];
  /** Null for everything together. */
  readonly model: { readonly name: string; readonly url: string } | null;
  readonly allHref: string;
  readonly csvHref: string;
  readonly fewest: number;
}

type Counted = Record<Figure, unknown>;
const SUMS = FIGURES.map((figure) => `coalesce(sum(s.${figure}), 0) as ${figure}`).join(', ');
const NONE: Figures = { downloads: 0, generations: 0, pictures: 0, likes: 0, remixes: 0, followers: 0 };
/** What no single model has. */
const OF_THE_PERSON: readonly Figure[] = ['remixes', 'followers'];
const read = (row: Counted): Figures =>
  Object.fromEntries(FIGURES.map((figure) => [figure, toNumber(row[figure])])) as Record<Figure, number>;
const add = (one: Figures, other: Figures): Figures =>
  Object.fromEntries(FIGURES.map((figure) => [figure, one[figure] + other[figure]])) as Record<Figure, number>;

/** One's own numbers, of everything or of one model. Throws `not_found` for a model that is not one's own. */
export async function loadStatistics(work: Pick<Work, 'em' | 'viewer' | 'now'>, asked: Asked): Promise<StatisticsPage> {
  const { viewerId, model } = await loadAsked(work, asked);
  const days = await loadDays(work, viewerId, asked);
  const isByWeek = days.length > MOST_COLUMNS;
  const columns = isByWeek ? byWeek(days) : days;
  const shown = model ? FIGURES.filter((figure) => !OF_THE_PERSON.includes(figure)) : FIGURES;
  const address = (change: Partial<Asked>) => addressOf('/settings/statistics', { ...asked, ...change });
  return {
    ...{ isByWeek, model, rows: columns, fewest: FEWEST_PEOPLE },
    total: days.reduce((sum, { figures }) => add(sum, figures), NONE),
    followersNow: await countFollowers(work.em, viewerId),
    followers: model ? null : drawFollowers(columns),
    spans: SPANS.map((span) => ({
      label: t('statistics.days', { n: span }),
      href: address({ days: span }),
      current: span === asked.days,
    })),
    charts: shown.map((figure) => ({ figure, chart: draw(figure, columns) })),
    models: model ? [] : await loadModels(work, viewerId, asked, (id) => address({ model: id })),
    allHref: address({ model: undefined }),
    csvHref: addressOf('/settings/statistics.csv', asked),
  };
}

function addressOf(path: string, { days, model }: Asked): string {
  return `${path}?days=${days}${model === undefined ? '' : `&model=${model}`}`;
}

async function loadAsked({ em, viewer }: Pick<Work, 'em' | 'viewer'>, { model: id }: Asked) {
  if (!viewer) throw new AppError('unauthenticated', 'Please sign in.');
  if (id === undefined) return { viewerId: viewer.id, model: null };
  const [found] = await rows<{ name: string }>(
    em,
    'select name from model where id = ? and owner_id = ? and deleted_at is null',
    [id, viewer.id],
  );
  if (!found) throw new AppError('not_found', 'There is no such model of yours.');
  return { viewerId: viewer.id, model: { name: found.name, url: modelUrl(id, found.name) } };
}

interface Day {
  readonly label: string;
  readonly figures: Figures;
  /** Null for a day that was not counted. */
  readonly followersInAll: number | null;
}

/** Every day of the span, also those on which nothing happened, the oldest first. */
async function loadDays({ em, now }: Pick<Work, 'em' | 'now'>, viewerId: number, asked: Asked): Promise<Day[]> {
  const all = Array.from({ length: asked.days }, (_, n) =>
    dayOf(new Date(now().getTime() - (asked.days - 1 - n) * DAY_MS)),
  );
  const found = await rows<Counted & { day: string; in_all: unknown }>(
    em,
    `select s.day, ${SUMS}, max(s.followers_in_all) as in_all from stat_day s where s.account_id = ? and s.day >= ?
     ${asked.model === undefined ? '' : 'and s.model_id = ?'} group by s.day`,
    [viewerId, all[0] ?? '', ...(asked.model === undefined ? [] : [asked.model])],
  );
  const known = new Map(found.map((row) => [row.day, row]));
  return all.map((label) => {
    const row = known.get(label);
    const followersInAll = row?.in_all == null ? null : toNumber(row.in_all);
    return { label, figures: row ? read(row) : NONE, followersInAll };
  });
}

/** Weeks that end with the last day; each bears its first day. */
function byWeek(days: readonly Day[]): Day[] {
  const weeks: Day[] = [];
  for (let end = days.length; end > 0; end -= 7) {
    const week = days.slice(Math.max(0, end - 7), end);
    weeks.unshift({
      label: week[0]?.label ?? '',
      figures: week.reduce((sum, { figures }) => add(sum, figures), NONE),
      followersInAll: week.findLast((day) => day.followersInAll !== null)?.followersInAll ?? null,
    });
  }
  return weeks;
}

const number = (n: number): string => n.toLocaleString('en');

function draw(figure: Figure, columns: readonly Day[]): Chart {
  const most = Math.max(1, ...columns.map(({ figures }) => figures[figure]));
  const sum = columns.reduce((total, { figures }) => total + figures[figure], 0);
  return stackedBars(
    columns.map(({ label, figures }) => ({ label, values: { interactive: figures[figure] } })),
    most,
    t('statistics.summary', { sum: number(sum), most: number(sum === 0 ? 0 : most) }),
  );
}

/** A day that was not counted is a gap, and nothing is made up for it. */
function drawFollowers(columns: readonly Day[]): StatisticsPage['followers'] {
  const counted = columns.flatMap(({ label, followersInAll: n }) => (n === null ? [] : [{ label, n }]));
  const [first] = counted;
  const last = counted.at(-1);
  if (!first || !last) return null;
  const chart = stackedBars(
    columns.map(({ label, followersInAll }) => ({ label, values: { interactive: followersInAll ?? 0 } })),
    Math.max(1, ...counted.map(({ n }) => n)),
    t('statistics.in-all-summary', { first: number(first.n), last: number(last.n) }),
  );
  return { chart, since: first.label === columns[0]?.label ? '' : first.label };
}

async function loadModels(
  { em, now }: Pick<Work, 'em' | 'now'>,
  viewerId: number,
  { days }: Asked,
  hrefOf: (id: number) => string,
) {
  const found = await rows<Counted & { id: number; name: string }>(
    em,
    `select m.id, m.name, ${SUMS} from stat_day s join model m on m.id = s.model_id and m.owner_id = s.account_id
     where s.account_id = ? and s.model_id <> 0 and s.day >= ? and m.deleted_at is null
     group by m.id, m.name order by sum(s.downloads) desc, m.id desc limit ${MOST_MODELS}`,
    [viewerId, dayOf(new Date(now().getTime() - (days - 1) * DAY_MS))],
  );
  return found.map((row) => ({
    name: row.name,
    url: modelUrl(row.id, row.name),
    href: hrefOf(row.id),
    figures: read(row),
  }));
}

/** The same numbers day by day, for a spreadsheet. */
export async function writeStatisticsCsv(work: Pick<Work, 'em' | 'viewer' | 'now'>, asked: Asked): Promise<string> {
  const { viewerId } = await loadAsked(work, asked);
  const days = await loadDays(work, viewerId, asked);
  return [
    csvLine(['day', ...FIGURES, 'followersInAll']),
    ...days.map(({ label, figures, followersInAll }) =>
      csvLine([label, ...FIGURES.map((figure) => String(figures[figure])), String(followersInAll ?? '')]),
    ),
  ].join('');
}

import { t } from '../../kit/web/messages.ts';
import type { PageHead } from '../../kit/web/views.ts';
import { GROWN_DAYS, HALF_LIFE_DAYS, YOUNG_DAYS } from './formula.ts';

export interface TrendPage {
  readonly halfLifeDays: number;
  readonly youngDays: number;
  readonly grownDays: number;
  readonly page: PageHead;
}

/** The formula, with the numbers that it has. */
export const trendPageProps = (): TrendPage => ({
  halfLifeDays: HALF_LIFE_DAYS,
  youngDays: YOUNG_DAYS,
  grownDays: GROWN_DAYS,
  page: { title: t('trend.title'), canonical: '/about/trending' },
});

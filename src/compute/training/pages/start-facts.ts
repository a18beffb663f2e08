import type { Price } from '../../../economy/charge.ts';
import { t, tCount } from '../../../kit/web/messages.ts';
import type { CheckedTraining, TrainingRequest } from '../start.ts';
import { durationText } from './run-view.ts';

export interface Fact {
  readonly label: string;
  readonly value: string;
}

/** What the last page says of a training before it begins. */
export function factsOf(
  request: TrainingRequest,
  { items, base, estimate, start }: CheckedTraining,
  price: Price | null,
): Fact[] {
  const facts = [
    [t('train.fact.name'), request.name],
    [t('train.fact.base'), `${base.title} ${base.subtitle}`],
    [t('train.fact.preset'), `${t(`train.preset.${request.preset}`)}, ${t(`train.look.${request.look}`)}`],
    [t('train.fact.pictures'), String(items.length)],
    ...(start ? [[t('train.fact.start'), start.title] as const] : []),
    [
      t('train.fact.steps'),
      `${estimate.steps.toLocaleString('en')} · ${t('train.shown', { n: estimate.shownCount.toLocaleString('en') })}`,
    ],
    [
      t('train.fact.time'),
      t('train.time.range', { from: durationText(estimate.seconds50), to: durationText(estimate.seconds90) }),
    ],
    [t('train.fact.basis'), t(`train.basis.${estimate.basis}`)],
    ...(price?.cost
      ? [
          [
            t('train.fact.cost'),
            t('credits.cost-fact', {
              cost: tCount('credits.cost', price.cost, price.cost.toLocaleString('en')),
              balance: price.balance.toLocaleString('en'),
            }),
          ] as const,
        ]
      : []),
    [t('train.fact.disk'), `${Math.max(1, Math.round(estimate.diskBytes / 1_000_000)).toLocaleString('en')} MB`],
  ] as const;
  return facts.map(([label, value]) => ({ label, value }));
}

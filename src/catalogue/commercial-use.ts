import { COMMERCIAL_USES, type CommercialUse } from './types.ts';

/** The author allows this use of the model; `row` is `m.` or the like. In the words of its index, which is found by them. */
export const allowsUse = (row: '' | 'm.' | 'u.', use: CommercialUse): string =>
  `cast(${row}allow_commercial_use as text) like '%"${use}"%'`;

/** Where few models allow a use, a list begins with those. */
export const COMMERCIAL_USE_INDEXES = COMMERCIAL_USES.map((use) => {
  const name = `model_allows_${use.toLowerCase()}`;
  return { name, expression: `create index ${name} on model (id) where ${allowsUse('', use)}` };
});

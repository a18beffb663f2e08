import { z } from 'zod';

// What clients send: booleans and numbers as text, lists repeated (`types=LORA&types=LoCon`), with commas (`ids=1,2`) or
// with brackets (`types[]=`). The schemas below read each of these, and say in the document what they become.

type Raw = Readonly<Record<string, string | string[] | undefined>>;

/** The query with the brackets of list names taken off. */
export function plainNames(query: Raw): Record<string, string | string[]> {
  const plain: Record<string, string | string[]> = Object.create(null);
  for (const [name, value] of Object.entries(query)) {
    const key = name.endsWith('[]') ? name.slice(0, -2) : name;
    if (value === undefined || value === '') continue;
    plain[key] = key in plain ? [plain[key] ?? [], value].flat() : value;
  }
  return plain;
}

const asNumber = (value: unknown): unknown =>
  typeof value === 'string' && /^-?\d{1,15}$/.test(value) ? Number(value) : value;

export const whole = (least: number, most: number) => z.preprocess(asNumber, z.int().min(least).max(most).optional());

export const MOST_ID = 2_147_483_647;
export const id = whole(1, MOST_ID);

const TRUE: ReadonlySet<unknown> = new Set(['true', '1', 'True']);
const FALSE: ReadonlySet<unknown> = new Set(['false', '0', 'False']);
const asFlag = (value: unknown): unknown => (TRUE.has(value) ? true : FALSE.has(value) ? false : value);
export const flag = () => z.preprocess(asFlag, z.boolean().optional());

const MOST_ITEMS = 200;
const asList = (value: unknown): unknown =>
  typeof value === 'string' || Array.isArray(value)
    ? [value]
        .flat()
        .flatMap((text: string) => text.split(','))
        .map((text) => text.trim())
        .filter((text) => text !== '')
    : value;
export const list = <Item extends z.ZodType>(item: Item) =>
  z.preprocess(asList, z.array(item).max(MOST_ITEMS).optional());
export const ids = () => list(z.preprocess(asNumber, z.int().min(1).max(MOST_ID)));

export const text = (most = 200) => z.string().trim().max(most).optional();
export const scope = z.enum(['local', 'known']).default('local');

/** An integer of the path. */
export const pathId = z.preprocess(asNumber, z.int().min(1).max(MOST_ID));
export const ById = z.object({ id: pathId });
export const ByUuid = z.object({ id: z.uuid().toLowerCase() });

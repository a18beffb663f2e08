/** A bar of a chart, in the units of its viewBox. */
interface Bar {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly kind: string;
}

export interface Chart {
  readonly width: number;
  readonly height: number;
  readonly bars: readonly Bar[];
  /** What stands under the first and the last bar. */
  readonly from: string;
  readonly to: string;
  /** In words, for those who do not see it. */
  readonly summary: string;
}

export interface Column {
  readonly label: string;
  /** Stacked from below, in the order of the keys. */
  readonly values: Readonly<Record<string, number>>;
}

const WIDTH = 600;
const HEIGHT = 120;
const GAP = 2;

/** Stacked bars, of which `most` fills the height; the browser only draws them. */
export function stackedBars(columns: readonly Column[], most: number, summary: string): Chart {
  const step = WIDTH / Math.max(1, columns.length);
  const bars = columns.flatMap(({ values }, n) => {
    let top = HEIGHT;
    return Object.entries(values).flatMap(([kind, value]) => {
      const height = round((Math.max(0, Math.min(value, most)) / most) * HEIGHT);
      if (height <= 0) return [];
      top = round(Math.max(0, top - height));
      return [{ kind, x: round(n * step), y: top, width: round(step - GAP), height }];
    });
  });
  return {
    width: WIDTH,
    height: HEIGHT,
    bars,
    summary,
    from: columns[0]?.label ?? '',
    to: columns.at(-1)?.label ?? '',
  };
}

const round = (value: number): number => Math.round(value * 10) / 10;

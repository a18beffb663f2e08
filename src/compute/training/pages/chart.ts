export interface Chart {
  readonly width: number;
  readonly height: number;
  /** Points of the curve, as an SVG polyline has them. */
  readonly points: string;
  readonly lines: readonly { readonly y: number; readonly label: string }[];
  readonly epochs: readonly { readonly x: number; readonly label: string }[];
  readonly lastStep: number;
  readonly lastLoss: string;
}

const WIDTH = 720;
const HEIGHT = 200;
const LEFT = 48;
const BOTTOM = 20;
const TOP = 8;

/** The loss over the steps as an SVG of fixed size; null while there are not two points. */
export function lossChart(
  series: readonly (readonly [number, number])[],
  totalSteps: number,
  epochs: readonly { readonly number: number; readonly step: number }[],
): Chart | null {
  const last = series.at(-1);
  if (series.length < 2 || !last) return null;
  const losses = series.map(([, loss]) => loss);
  const low = Math.min(...losses);
  const high = Math.max(...losses);
  const spread = high - low || Math.abs(high) || 1;
  const mostSteps = Math.max(totalSteps, last[0], 1);
  const round = (value: number) => Math.round(value * 10) / 10;
  const x = (step: number) => round(LEFT + ((WIDTH - LEFT - 8) * step) / mostSteps);
  const y = (loss: number) => round(TOP + (HEIGHT - TOP - BOTTOM) * (1 - (loss - low) / spread));
  return {
    ...{ width: WIDTH, height: HEIGHT },
    points: series.map(([step, loss]) => `${x(step)},${y(loss)}`).join(' '),
    lines: [low, low + spread / 2, low + spread].map((loss) => ({ y: y(loss), label: lossText(loss) })),
    epochs: epochs.map(({ number, step }) => ({ x: x(step), label: String(number) })),
    lastStep: last[0],
    lastLoss: lossText(last[1]),
  };
}

export const lossText = (loss: number): string => loss.toPrecision(3);

/** One figure on a line of its own; ratios have no unit. */
export function report(name: string, value: number, unit = ''): void {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  console.log(`${name}: ${value.toFixed(digits)}${unit ? ` ${unit}` : ''}`);
}

export const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
};

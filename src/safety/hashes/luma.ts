import type { Luma } from './pdq.ts';

/** Shares of the sides that are left out. */
export interface Margins {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

export function cropped({ width, height, data }: Luma, { left, top, right, bottom }: Margins): Luma {
  const [fromColumn, fromRow] = [Math.round(left * width), Math.round(top * height)];
  const toColumn = Math.max(fromColumn + 1, width - Math.round(right * width));
  const toRow = Math.max(fromRow + 1, height - Math.round(bottom * height));
  const part = new Float32Array((toColumn - fromColumn) * (toRow - fromRow));
  for (let row = fromRow, at = 0; row < toRow; row += 1, at += toColumn - fromColumn) {
    part.set(data.subarray(row * width + fromColumn, row * width + toColumn), at);
  }
  return { width: toColumn - fromColumn, height: toRow - fromRow, data: part };
}

/** Left and right changed. */
export function mirrored({ width, height, data }: Luma): Luma {
  const made = data.slice();
  for (let row = 0; row < height; row += 1) made.subarray(row * width, (row + 1) * width).reverse();
  return { width, height, data: made };
}

/** Clockwise. */
export function quarterTurned({ width, height, data }: Luma): Luma {
  const made = new Float32Array(data.length);
  for (let row = 0; row < height; row += 1) {
    for (let column = 0; column < width; column += 1)
      made[column * height + height - 1 - row] = data[row * width + column] ?? 0;
  }
  return { width: height, height: width, data: made };
}

/** Turned about its middle on a sheet that has room for its corners; there the picture goes on with what is at its edges. */
export function tilted({ width, height, data }: Luma, degrees: number): Luma {
  const angle = (degrees * Math.PI) / 180;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const [growX, growY] = [1 + (Math.abs(sin) * height) / width, 1 + (Math.abs(sin) * width) / height];
  const turned = new Float32Array(width * height);
  const at = (x: number, y: number): number =>
    data[Math.min(height - 1, Math.max(0, y)) * width + Math.min(width - 1, Math.max(0, x))] ?? 0;
  for (let row = 0; row < height; row += 1) {
    const y = (row - (height - 1) / 2) * growY;
    for (let column = 0; column < width; column += 1) {
      const x = (column - (width - 1) / 2) * growX;
      const fromX = x * cos + y * sin + (width - 1) / 2;
      const fromY = y * cos - x * sin + (height - 1) / 2;
      const [left, top] = [Math.floor(fromX), Math.floor(fromY)];
      const [shareX, shareY] = [fromX - left, fromY - top];
      turned[row * width + column] =
        (at(left, top) * (1 - shareX) + at(left + 1, top) * shareX) * (1 - shareY) +
        (at(left, top + 1) * (1 - shareX) + at(left + 1, top + 1) * shareX) * shareY;
    }
  }
  return { width, height, data: turned };
}

/** How far a pixel of a plain border may be from its colour: what JPEG makes of a flat surface. */
const BORDER_TOLERANCE = 12;
/** And how many of a row may be further. */
const BORDER_SHARE = 0.02;
/** A picture has at least this share of each side. */
const LEAST_SHARE = 0.4;

/** Without a border of one colour; null where there is none. */
export function trimmed(luma: Luma): Luma | null {
  const { width, height } = luma;
  const top = borderOf(luma, height, width, (line, at) => line * width + at);
  const bottom = borderOf(luma, height, width, (line, at) => (height - 1 - line) * width + at);
  const left = borderOf(luma, width, height, (line, at) => at * width + line);
  const right = borderOf(luma, width, height, (line, at) => at * width + width - 1 - line);
  if (top + bottom + left + right === 0) return null;
  if (top + bottom > (1 - LEAST_SHARE) * height || left + right > (1 - LEAST_SHARE) * width) return null;
  return cropped(luma, { left: left / width, top: top / height, right: right / width, bottom: bottom / height });
}

/** Lines of one colour from one side on, and one more, in which border and picture are mixed. */
function borderOf({ data }: Luma, lines: number, length: number, offset: (line: number, at: number) => number): number {
  let sum = 0;
  for (let at = 0; at < length; at += 1) sum += data[offset(0, at)] as number;
  const colour = sum / length;
  for (let line = 0; line < lines; line += 1) {
    let strangers = 0;
    for (let at = 0; at < length; at += 1) {
      if (Math.abs((data[offset(line, at)] as number) - colour) > BORDER_TOLERANCE) strangers += 1;
    }
    if (strangers > BORDER_SHARE * length) return line === 0 ? 0 : Math.min(line + 1, lines);
  }
  return lines;
}

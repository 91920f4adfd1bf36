/** Draws lines, bands and marks into a canvas. All lengths are in the canvas's own pixels; `px` is how many of them one CSS pixel has. */
import type { Line } from "./lines";
import { placer, type Range, type Scale } from "./ranges";

export interface Area {
  left: number;
  top: number;
  width: number;
  height: number;
  px: number;
}

export interface Frame {
  area: Area;
  x: Range;
  y: Range;
  xScale: Scale;
  yScale: Scale;
  xLinear: number;
  yLinear: number;
}

export type Place = (value: number) => number;

export function placers(frame: Frame): { toX: Place; toY: Place } {
  const { area } = frame;
  const x = placer(frame.xScale, frame.x, frame.xLinear);
  const y = placer(frame.yScale, frame.y, frame.yLinear);
  return {
    toX: (value) => area.left + x(value) * area.width,
    toY: (value) => area.top + (1 - y(value)) * area.height,
  };
}

/** The first and one past the last point to draw: those in range, and one more at each end so that lines leave the area. */
function drawn(x: Float64Array, [low, high]: Range): [number, number] {
  let start = 0;
  let end = x.length;
  while (start < end && (x[start + 1] ?? Infinity) < low) start += 1;
  while (end > start && (x[end - 2] ?? -Infinity) > high) end -= 1;
  return [start, end];
}

/** A line through finite points. Gaps stay where values are not finite; a point alone is a dot: a stroke of no length with a round end. */
export function trace(
  x: Float64Array,
  y: Float64Array,
  range: Range,
  toX: Place,
  toY: Place,
  sink: Pick<Path2D, "moveTo" | "lineTo">,
): void {
  const [start, end] = drawn(x, range);
  let pen = false;
  let alone = false;
  let lastX = 0;
  let lastY = 0;
  for (let i = start; i < end; i++) {
    const at = toX(x[i] ?? NaN);
    const value = toY(y[i] ?? NaN);
    if (!Number.isFinite(at) || !Number.isFinite(value)) {
      if (alone) sink.lineTo(lastX, lastY);
      pen = alone = false;
      continue;
    }
    if (pen) sink.lineTo(at, value);
    else sink.moveTo(at, value);
    alone = !pen;
    pen = true;
    lastX = at;
    lastY = value;
  }
  if (alone) sink.lineTo(lastX, lastY);
}

export interface Colours {
  of: (name: string) => string;
  crashed: string;
  surface: string;
  muted: string;
}

export function paint(
  context: CanvasRenderingContext2D,
  lines: readonly Line[],
  frame: Frame,
  colours: Colours,
  focus: string | null,
): void {
  const { area } = frame;
  const { toX, toY } = placers(frame);
  context.save();
  context.beginPath();
  // Points at the edge are whole.
  const room = 5 * area.px;
  context.rect(area.left - room, area.top - room, area.width + 2 * room, area.height + 2 * room);
  context.clip();
  context.lineJoin = context.lineCap = "round";
  const faded = (line: Line): number => (focus !== null && focus !== line.id ? 0.25 : 1);
  for (const line of lines) paintBand(context, line, frame, toX, toY, colours, faded(line));
  for (const line of lines) {
    context.strokeStyle = colours.of(line.colour);
    if (line.raw) stroke(context, line.x, line.raw, frame, toX, toY, area.px, 0.22 * faded(line), []);
    const width = (line.faint ? 1 : focus === line.id ? 2.4 : 1.6) * area.px;
    const alpha = line.faint ? 0.2 : 1;
    stroke(
      context,
      line.x,
      line.y,
      frame,
      toX,
      toY,
      width,
      alpha * faded(line),
      line.dash.map((length) => length * area.px),
    );
  }
  for (const line of lines) {
    if (line.faint) continue;
    context.globalAlpha = faded(line);
    paintBreaks(context, line, frame, toX, colours);
    paintMarks(context, line, frame, toX, toY, colours);
  }
  context.restore();
}

function stroke(
  context: CanvasRenderingContext2D,
  x: Float64Array,
  y: Float64Array,
  frame: Frame,
  toX: Place,
  toY: Place,
  width: number,
  alpha: number,
  dash: number[],
): void {
  context.beginPath();
  trace(x, y, frame.x, toX, toY, context);
  context.lineWidth = width;
  context.globalAlpha = alpha;
  context.setLineDash(dash);
  context.stroke();
  context.setLineDash([]);
}

function paintBand(
  context: CanvasRenderingContext2D,
  line: Line,
  frame: Frame,
  toX: Place,
  toY: Place,
  colours: Colours,
  alpha: number,
): void {
  const { low, high, x } = line;
  if (!low || !high) return;
  const [start, end] = drawn(x, frame.x);
  context.beginPath();
  for (let i = start; i < end; i++) if (Number.isFinite(high[i])) context.lineTo(toX(x[i] ?? 0), toY(high[i] ?? 0));
  for (let i = end - 1; i >= start; i--) if (Number.isFinite(low[i])) context.lineTo(toX(x[i] ?? 0), toY(low[i] ?? 0));
  context.closePath();
  context.fillStyle = colours.of(line.colour);
  context.globalAlpha = 0.16 * alpha;
  context.fill();
}

/** Where a run was interrupted and went on. */
function paintBreaks(context: CanvasRenderingContext2D, line: Line, frame: Frame, toX: Place, colours: Colours): void {
  const { area } = frame;
  for (const at of line.breaks) {
    if (at < frame.x[0] || at > frame.x[1]) continue;
    context.fillStyle = colours.of(line.colour);
    context.fillRect(toX(at) - area.px / 2, area.top + area.height - 6 * area.px, area.px, 6 * area.px);
  }
}

/** How a run ended, a dot for a point that is all there is, and where values were not finite: a cross at the foot for NaN, triangles at the edges for infinities. */
function paintMarks(
  context: CanvasRenderingContext2D,
  line: Line,
  frame: Frame,
  toX: Place,
  toY: Place,
  colours: Colours,
): void {
  const { area } = frame;
  const { px } = area;
  const values = line.raw ?? line.y;
  if (line.nonfinite.nan + line.nonfinite.pos + line.nonfinite.neg > 0)
    for (let i = 0; i < line.x.length; i++) {
      const value = values[i] ?? 0;
      const at = toX(line.x[i] ?? NaN);
      if (Number.isFinite(value) || at < area.left || at > area.left + area.width) continue;
      context.strokeStyle = context.fillStyle = colours.of(line.colour);
      context.lineWidth = 1.4 * px;
      context.beginPath();
      if (Number.isNaN(value)) cross(context, at, area.top + area.height - 4 * px, 3 * px);
      else triangle(context, at, value > 0 ? area.top + px : area.top + area.height - px, value > 0 ? 5 * px : -5 * px);
    }
  const last = lastFinite(line.y);
  const alone = line.x.length === 1;
  if (last < 0 || !(alone || line.status === "crashed" || line.status === "running")) return;
  const [x, y] = [toX(line.x[last] ?? NaN), toY(line.y[last] ?? NaN)];
  context.beginPath();
  if (line.status === "crashed") {
    context.fillStyle = colours.crashed;
    const half = 4.2 * px;
    context.moveTo(x, y - half);
    context.lineTo(x + half, y);
    context.lineTo(x, y + half);
    context.lineTo(x - half, y);
  } else {
    context.fillStyle = colours.of(line.colour);
    context.arc(x, y, 3 * px, 0, 7);
  }
  context.fill();
}

function lastFinite(y: Float64Array): number {
  let last = y.length - 1;
  while (last >= 0 && !Number.isFinite(y[last])) last -= 1;
  return last;
}

function cross(context: CanvasRenderingContext2D, x: number, y: number, half: number): void {
  context.moveTo(x - half, y - half);
  context.lineTo(x + half, y + half);
  context.moveTo(x - half, y + half);
  context.lineTo(x + half, y - half);
  context.stroke();
}

function triangle(context: CanvasRenderingContext2D, x: number, tip: number, size: number): void {
  context.moveTo(x, tip);
  context.lineTo(x + Math.abs(size) * 0.6, tip + size);
  context.lineTo(x - Math.abs(size) * 0.6, tip + size);
  context.closePath();
  context.fill();
}

/** Charts as files: PNG as it is on screen, SVG with real lines and text, CSV of the points that are drawn. */
import { formatTick, VALUES } from "./axes";
import { placers, trace } from "./paint";
import type { ChartSettings } from "../state/workspaceState";
import type { Line } from "./lines";
import type { Plot } from "./plot";

function save(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

export function downloadPng(plot: Plot, name: string): void {
  const from = plot.chart.ctx.canvas;
  const canvas = document.createElement("canvas");
  canvas.width = from.width;
  canvas.height = from.height;
  const context = canvas.getContext("2d");
  if (!context) return;
  context.fillStyle = getComputedStyle(plot.element).getPropertyValue("--surface");
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(from, 0, 0);
  canvas.toBlob((blob) => {
    if (blob) save(blob, `${name}.png`);
  });
}

function quote(text: string): string {
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function toCsv(lines: readonly Line[], x: string): string {
  const smoothed = lines.some((line) => line.raw);
  const banded = lines.some((line) => line.low);
  const head = ["run", x, "value", ...(smoothed ? ["smoothed"] : []), ...(banded ? ["low", "high", "n"] : [])];
  const rows = [head.map(quote).join(",")];
  for (const line of lines)
    for (let i = 0; i < line.x.length; i++) {
      const cells = [quote(line.name), String(line.x[i]), String((line.raw ?? line.y)[i])];
      if (smoothed) cells.push(String(line.y[i]));
      if (banded) cells.push(String(line.low?.[i] ?? ""), String(line.high?.[i] ?? ""), String(line.count?.[i] ?? ""));
      rows.push(cells.join(","));
    }
  return `${rows.join("\n")}\n`;
}

export function downloadCsv(lines: readonly Line[], settings: ChartSettings, name: string): void {
  save(new Blob([toCsv(lines, settings.x)], { type: "text/csv" }), `${name}.csv`);
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}

class SvgPath {
  text = "";
  moveTo(x: number, y: number): void {
    this.text += `M${x.toFixed(1)} ${y.toFixed(1)}`;
  }
  lineTo(x: number, y: number): void {
    this.text += `L${x.toFixed(1)} ${y.toFixed(1)}`;
  }
}

/** The chart with its legend. Colours are those of the theme that is shown. */
export function toSvg(plot: Plot, lines: readonly Line[], title: string, settings: ChartSettings): string {
  const style = getComputedStyle(plot.element);
  const colour = (name: string): string => style.getPropertyValue(name).trim();
  const [width, height, left, top, right, bottom] = [640, 360, 56, 28, 16, 30];
  const area = { left, top, width: width - left - right, height: height - top - bottom, px: 1 };
  const frame = { ...plot.frame(), area };
  const { toX, toY } = placers(frame);
  const text = (x: number, y: number, anchor: string, content: string, fill = "--muted"): string =>
    `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" fill="${colour(fill)}">${escape(content)}</text>`;
  const ticks = (low: number, high: number): number[] =>
    Array.from({ length: 6 }, (_, i) => low + ((high - low) * i) / 5);
  const out = ticks(...frame.y).map((tick) => {
    const y = toY(tick).toFixed(1);
    return `<line x1="${left}" x2="${width - right}" y1="${y}" y2="${y}" stroke="${colour("--grid")}"/>${text(left - 6, Number(y) + 3, "end", formatTick(VALUES, +tick.toPrecision(3), 0))}`;
  });
  for (const tick of ticks(...frame.x))
    out.push(text(toX(tick), height - 12, "middle", formatTick(settings, +tick.toPrecision(4), 0)));
  for (const line of lines) {
    const stroke = colour(line.colour);
    const draw = (y: Float64Array, width_: number, alpha: number): void => {
      const path = new SvgPath();
      trace(line.x, y, frame.x, toX, toY, path);
      const dashes = line.dash.length ? ` stroke-dasharray="${line.dash.join(" ")}"` : "";
      out.push(
        `<path d="${path.text}" fill="none" stroke-linecap="round" stroke="${stroke}" stroke-width="${width_}" opacity="${alpha}"${dashes}><title>${escape(line.name)}</title></path>`,
      );
    };
    if (line.raw) draw(line.raw, 1, 0.22);
    draw(line.y, line.faint ? 1 : 1.6, line.faint ? 0.2 : 1);
  }
  const legend = lines
    .filter((line) => !line.faint)
    .map((line, i) => {
      const y = height + 8 + i * 16;
      return `<rect x="${left}" y="${y}" width="10" height="10" rx="3" fill="${colour(line.colour)}"/>${text(left + 16, y + 9, "start", line.name, "--text")}`;
    });
  const whole = height + 16 + legend.length * 16;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${whole}" width="${width}" height="${whole}" font-family="Inter, sans-serif" font-size="11"><rect width="100%" height="100%" fill="${colour("--surface")}"/><clipPath id="area"><rect x="${left}" y="${top}" width="${area.width}" height="${area.height}"/></clipPath>${text(left, 18, "start", title, "--text")}<g>${out.join("")}</g>${legend.join("")}</svg>`;
}

export function downloadSvg(
  plot: Plot,
  lines: readonly Line[],
  title: string,
  settings: ChartSettings,
  name: string,
): void {
  save(new Blob([toSvg(plot, lines, title, settings)], { type: "image/svg+xml" }), `${name}.svg`);
}

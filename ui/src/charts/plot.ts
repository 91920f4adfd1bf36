/**
 * One chart: uPlot for axes, cursor and selection; lines are painted by our own hand (paint.ts), because each has an x of its own.
 */
import uPlot from "uplot";
import type { ChartSettings } from "../state/workspaceState";
import { formatTicks, increments, VALUES } from "./axes";
import type { Line } from "./lines";
import { paint, type Colours, type Frame } from "./paint";
import { chooseScale, linearBelow, padded, xRange, yFacts, type Range, type YFacts } from "./ranges";

export interface Drawn {
  facts: YFacts | null;
  scale: Frame["yScale"];
}

export interface PlotHandlers {
  /** The cursor is over this chart at an x, with its place in the window; null when it leaves. */
  hover: (at: { x: number; y: number; left: number; top: number } | null) => void;
  zoom: (range: Range | null) => void;
  click: () => void;
}

const SYNC = "runlore";

function colourReader(element: HTMLElement): Colours {
  const style = getComputedStyle(element);
  const known = new Map<string, string>();
  const of = (name: string): string => {
    let colour = known.get(name);
    if (colour === undefined) {
      colour = style.getPropertyValue(name).trim();
      known.set(name, colour);
    }
    return colour;
  };
  return { of, crashed: of("--crashed"), surface: of("--surface"), muted: of("--muted") };
}

export class Plot {
  readonly chart: uPlot;
  drawn: Drawn = { facts: null, scale: "linear" };
  #lines: readonly Line[] = [];
  #settings: ChartSettings;
  #x: Range = [0, 1];
  #y: Range = [0, 1];
  #xLinear = 1;
  #yLinear = 1;
  #xScale: Frame["xScale"] = "linear";
  #focus: string | null = null;
  #colours: Colours;

  constructor(
    readonly element: HTMLElement,
    settings: ChartSettings,
    handlers: PlotHandlers,
  ) {
    this.#settings = settings;
    this.#colours = colourReader(element);
    this.chart = new uPlot(
      this.#options(handlers),
      [
        [0, 1],
        [null, null],
      ],
      element,
    );
    const over = this.chart.over;
    over.addEventListener("mouseleave", () => handlers.hover(null));
    over.addEventListener("click", () => handlers.click());
    over.addEventListener("dblclick", () => handlers.zoom(null));
    over.addEventListener("wheel", (event) => this.#wheel(event, handlers), { passive: false });
  }

  #options(handlers: PlotHandlers): uPlot.Options {
    const font = `10px ${getComputedStyle(this.element).fontFamily}`;
    const axis = {
      stroke: () => this.#colours.of("--axis"),
      font,
      ticks: { show: false },
      border: { show: false },
    };
    const distr = (): uPlot.Scale.Distr => (this.drawn.scale === "log" ? 3 : this.drawn.scale === "symlog" ? 4 : 1);
    return {
      width: Math.max(120, this.element.clientWidth),
      height: Math.max(80, this.element.clientHeight),
      legend: { show: false },
      padding: [6, 12, 0, 0],
      scales: {
        x: { time: false, range: () => this.#x, distr: 1 },
        y: { range: () => this.#y, distr: distr() },
      },
      axes: [
        {
          ...axis,
          size: 22,
          gap: 5,
          grid: { show: false },
          space: 56,
          ...(increments(this.#settings) ? { incrs: increments(this.#settings) as number[] } : {}),
          values: (_chart, ticks, _axis, _space, distance) => formatTicks(this.#settings, ticks, distance),
        },
        {
          ...axis,
          gap: 6,
          size: (_chart, labels) =>
            Math.max(34, 14 + 6.2 * Math.max(0, ...(labels ?? []).map((label) => label.length))),
          grid: { stroke: () => this.#colours.of("--grid"), width: 1 },
          space: 30,
          values: (_chart, ticks) => formatTicks(VALUES, ticks, 0),
        },
      ],
      series: [{}, { show: true, points: { show: false }, paths: () => null }],
      cursor: {
        sync: { key: SYNC, setSeries: false, scales: ["x", null] },
        drag: { x: true, y: false, setScale: false, dist: 6 },
        points: { show: false },
        y: false,
      },
      hooks: {
        draw: [() => this.#paint()],
        setCursor: [(chart) => this.#moved(chart, handlers)],
        setSelect: [
          (chart) => {
            const { left, width } = chart.select;
            if (width < 6) return;
            handlers.zoom([chart.posToVal(left, "x"), chart.posToVal(left + width, "x")]);
            chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          },
        ],
      },
    };
  }

  #moved(chart: uPlot, handlers: PlotHandlers): void {
    const { left = -1, top = -1 } = chart.cursor;
    // Only the chart under the mouse reads values; in others the cursor comes by synchronisation.
    if (!chart.over.matches(":hover") || left < 0) return;
    const box = chart.over.getBoundingClientRect();
    handlers.hover({
      x: chart.posToVal(left, "x"),
      y: chart.posToVal(top, "y"),
      left: box.left + left,
      top: box.top + top,
    });
  }

  /** With Ctrl: zooms about the cursor; with Shift: pans. Without, the page scrolls. */
  #wheel(event: WheelEvent, handlers: PlotHandlers): void {
    if (!event.ctrlKey && !event.metaKey && !event.shiftKey) return;
    event.preventDefault();
    const [low, high] = this.#x;
    const wide = high - low;
    if (event.shiftKey) {
      const by = (event.deltaY || event.deltaX) * 0.001 * wide;
      handlers.zoom([low + by, high + by]);
      return;
    }
    const at = this.chart.posToVal(this.chart.cursor.left ?? 0, "x");
    const factor = Math.exp(event.deltaY * 0.002);
    handlers.zoom([at - (at - low) * factor, at + (high - at) * factor]);
  }

  /** Draws these lines from now on. */
  set(lines: readonly Line[], settings: ChartSettings): void {
    this.#lines = lines;
    this.#settings = settings;
    const full = xRange(lines);
    this.#x = settings.zoom ?? full ?? [0, 1];
    const facts = yFacts(lines, settings.zoom, settings.clipOutliers);
    const scale = facts ? chooseScale(settings.logY, facts) : "linear";
    if (facts) this.#y = padded(facts.range, scale);
    this.#yLinear = facts ? linearBelow(facts) : 1;
    this.drawn = { facts, scale };
    const positive = this.#x[1] > 0;
    this.#xScale = settings.logX && positive ? (this.#x[0] > 0 ? "log" : "symlog") : "linear";
    this.#xLinear = this.#x[1] / 1e3;
    const y = this.chart.scales["y"];
    const x = this.chart.scales["x"];
    if (y) {
      y.distr = scale === "log" ? 3 : scale === "symlog" ? 4 : 1;
      y.asinh = this.#yLinear;
    }
    if (x) {
      x.distr = this.#xScale === "log" ? 3 : this.#xScale === "symlog" ? 4 : 1;
      x.asinh = this.#xLinear;
    }
    this.chart.setData([[...this.#x], [null, null]]);
  }

  get range(): Range {
    return this.#x;
  }

  focus(id: string | null): void {
    if (id === this.#focus) return;
    this.#focus = id;
    this.chart.redraw(false);
  }

  /** The theme changed. */
  recolour(): void {
    this.#colours = colourReader(this.element);
    this.chart.redraw(false);
  }

  resize(): void {
    this.chart.setSize({
      width: Math.max(120, this.element.clientWidth),
      height: Math.max(80, this.element.clientHeight),
    });
  }

  frame(): Frame {
    const { left, top, width, height } = this.chart.bbox;
    return {
      area: { left, top, width, height, px: devicePixelRatio },
      x: this.#x,
      y: this.#y,
      xScale: this.#xScale,
      yScale: this.drawn.scale,
      xLinear: this.#xLinear,
      yLinear: this.#yLinear,
    };
  }

  #paint(): void {
    paint(this.chart.ctx, this.#lines, this.frame(), this.#colours, this.#focus);
  }

  destroy(): void {
    this.chart.destroy();
  }
}

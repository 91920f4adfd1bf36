/** Made-up runs for developing the page without a server: a sweep with seeds, crashes, live runs, long names, NaN and odd keys. */
import type { Cell, Curve } from "../src/api/types";

export interface MadeRun {
  uid: string;
  experiment: string;
  number: number;
  name: string;
  status: string;
  started: number;
  steps: number;
  params: Record<string, Cell>;
  tags: Record<string, string>;
  quality: number;
  description: string | null;
  archived: boolean;
  deleted: boolean;
}

/** Mulberry32: the same runs at every start. */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

export const METRICS = [
  "val/loss",
  "val/acc",
  "val/top5",
  "train/loss",
  "train/acc",
  "train/grad_norm",
  "train/lr",
  "throughput",
  "epoch",
  "system/gpu/0/utilization",
  "system/gpu/1/utilization",
  "system/memory_percent",
  "system/cpu_percent",
];

const STATUSES = ["succeeded", "succeeded", "succeeded", "succeeded", "succeeded", "crashed", "failed", "stopped"];
const EXPERIMENTS = ["vision/cifar10/resnet", "vision/cifar10/vit", "nlp/translation", "baseline"];

export function makeRuns(count: number, now: number): MadeRun[] {
  const rnd = random(7);
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(rnd() * items.length)] as Item;
  const numbers = new Map<string, number>();
  return Array.from({ length: count }, (_, index) => {
    const experiment = index % 10 < 7 ? "vision/cifar10/resnet" : pick(EXPERIMENTS);
    const number = (numbers.get(experiment) ?? 0) + 1;
    numbers.set(experiment, number);
    const optimizer = pick(["adamw", "sgd", "lion"]);
    const lr = Number((10 ** (-4 + rnd() * 3)).toPrecision(2));
    const live = index >= count - 3;
    const status = live ? "running" : pick(STATUSES);
    const kinds = ["cosine-large", "cosine-base", "warmup-500", "ema", "mixup-0.2", "sgd-nesterov", "no-augment"];
    const long = `sweep-2026-11-imagenet-pretrained-${optimizer}-lr${lr}-batch128-augmented-seed${index % 5}-final`;
    return {
      uid: `0193${index.toString(16).padStart(8, "0")}${"7abc".repeat(5)}`,
      experiment,
      number,
      name: rnd() < 0.12 ? long : `${pick(kinds)}${rnd() < 0.3 ? "" : `-${index}`}`,
      status,
      started: now - (count - index) * 1_900_000,
      steps: live ? 150 : status === "succeeded" ? 200 : 20 + Math.floor(rnd() * 130),
      params: {
        lr: rnd() < 0.02 ? null : lr,
        "optimizer/name": optimizer,
        "optimizer/betas": [0.9, pick([0.99, 0.999])],
        batch: pick([64, 128, 256, 1024]),
        dropout: Number((rnd() * 0.5).toFixed(2)),
        schedule: pick(["cosine", "step", "constant"]),
        seed: index % 5,
        epochs: 60,
        amp: rnd() < 0.5,
        ...(rnd() < 0.05 ? { "größe (px)": 1e-300, שלום: "ערך מימין לשמאל" } : {}),
      },
      tags: rnd() < 0.2 ? { baseline: "" } : rnd() < 0.2 ? { paper: "fig-3" } : {},
      quality: rnd(),
      description: index % 17 === 0 ? "Same as the one before, with **cosine** decay. Keep for the paper." : null,
      archived: false,
      deleted: false,
    };
  });
}

function finalValue(run: MadeRun, key: string): number {
  const loss = 0.18 + (1 - run.quality) * 0.25;
  return key.includes("loss") ? loss : loss * 0.8 + 0.2;
}

/** One curve, as long as the run is old: `points` a series for looking at large ones. */
export function makeCurve(run: MadeRun, key: string, points: number): Curve {
  const n = Math.max(1, Math.round((points * run.steps) / 200));
  const rnd = random(run.number * 31 + key.length * 7);
  const noise = (): number => rnd() + rnd() + rnd() - 1.5;
  const x = new Float64Array(n);
  const y = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    const s = (i / points) * 200;
    x[i] = (i * 20_000) / points;
    const loss = finalValue(run, key) + 1.9 * Math.exp(-s / (26 + run.quality * 20)) + noise() * 0.05 * (1 - s / 320);
    if (key.includes("utilization")) y[i] = 86 + Math.sin(s / 9 + run.number) * 6 + noise() * 3;
    else if (key.includes("percent")) y[i] = 40 + (run.number % 7) * 5 + Math.sin(s / 40) * 3;
    else if (key.includes("acc") || key.includes("top5")) y[i] = 1 - Math.min(0.9, loss * 0.33);
    else if (key.includes("lr")) y[i] = 1e-3 * 0.5 * (1 + Math.cos((Math.PI * s) / 200));
    else if (key === "throughput") y[i] = 3400 + noise() * 40;
    else if (key === "epoch") y[i] = s * 0.3;
    else y[i] = loss;
  }
  if (run.number % 4 === 0 && n > 60) y[Math.floor(n * 0.6)] = key.includes("loss") ? 1.2 : (y[0] ?? 0);
  const nan = run.number % 9 === 0 && key.includes("loss") && n > 100 ? 2 : 0;
  for (let i = 0; i < nan; i++) y[n - 20 - i * 5] = NaN;
  return {
    run: run.uid,
    key,
    points: n,
    n,
    reduced: false,
    nonfinite: { nan, pos: 0, neg: 0 },
    last_step: x[n - 1] ?? null,
    status: run.status,
    breaks: [],
    x,
    y,
  };
}

/** At most two points a bucket, each bucket's smallest and largest; and those of `low` to `high` alone. */
export function reduce(curve: Curve, buckets: number, low: number | null, high: number | null): Curve {
  const inside = Array.from(curve.x.keys()).filter((i) => {
    const x = curve.x[i] ?? NaN;
    return (low === null || x >= low) && (high === null || x <= high);
  });
  const keep = new Set<number>();
  const width = Math.max(1, inside.length / buckets);
  for (let start = 0; start < inside.length; start += width) {
    const bucket = inside.slice(Math.floor(start), Math.floor(start + width));
    const by = (better: (a: number, b: number) => boolean): number =>
      bucket.reduce((best, i) => (better(curve.y[i] ?? NaN, curve.y[best] ?? NaN) ? i : best), bucket[0] ?? 0);
    if (bucket.length === 0) continue;
    keep.add(by((a, b) => a < b)).add(by((a, b) => a > b));
    for (const i of bucket) if (!Number.isFinite(curve.y[i])) keep.add(i);
  }
  if (inside.length) keep.add(inside[0] ?? 0).add(inside.at(-1) ?? 0);
  const kept = [...keep].sort((a, b) => a - b);
  const x = Float64Array.from(kept, (i) => curve.x[i] ?? NaN);
  const y = Float64Array.from(kept, (i) => curve.y[i] ?? NaN);
  return { ...curve, n: kept.length, reduced: kept.length < inside.length, x, y };
}

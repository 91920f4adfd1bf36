"""A store like a real project's, to look at the page with: sweeps, seeds, crashes, live runs, long names, many keys.

    python bench/realistic.py STORE [RUNS]

RUNS (2,000) are spread over five experiments. The runs that are live stay so until the process is stopped.
"""

import contextlib
import math
import random
import sys
import time

import runlore

WORDS = (
    "resnet50", "vit-b16", "imagenet21k-pretrained", "augmix", "ema-0.9999", "cosine", "mixup-0.2", "bf16", "smooth",
)  # fmt: skip
ERRORS = (
    "CUDA out of memory. Tried to allocate 2.00 GiB (GPU 0; 79.35 GiB total capacity; 76.10 GiB already allocated)",
    "mat1 and mat2 shapes cannot be multiplied (128x2048 and 1024x1000)",
    "loss is NaN at step 412: lower the learning rate",
)


def curves(run, rng, steps, lr, keys):
    """Losses, accuracies and KEYS keys of layers; a rate above 0.05 ends in NaN."""
    for step in range(steps):
        loss = 0.3 + abs(math.log10(lr) + 2.5) * 0.2 + 2 * math.exp(-step / 12) + rng.gauss(0, 0.02)
        if lr > 0.05 and step > steps * 0.7:
            loss = math.nan
        metrics = {"train/loss": loss, "val/loss": loss * 1.1, "val/acc": 1 - math.exp(-step / 20) - lr}
        metrics |= {"lr": lr * (1 + math.cos(math.pi * step / steps)) / 2, "epoch": step // 4}
        metrics |= {"perf/samples_per_s": 2000 + rng.gauss(0, 50)}
        metrics |= {f"grad/layer{k:02}/norm": math.exp(-k / 9) + rng.random() / 9 for k in range(keys)}
        run.log_metrics(metrics, step=step)


def sweep(store, rng, i):
    lr = 10 ** rng.uniform(-4.5, -1)
    params = {"lr": lr, "seed": i % 5, "batch_size": rng.choice([64, 128, 256]), "epochs": 90, "amp": i % 3 > 0}
    params |= {"optimizer": {"name": rng.choice(["adamw", "sgd", "lion"]), "weight_decay": 10 ** rng.uniform(-6, -2)}}
    params |= {f"aug/op{j:02}": rng.random() for j in range(20)}
    name = "-".join(WORDS[: rng.randint(4, 9)]) + f"-lr{lr:.1e}-seed{i % 5}" if i % 2 else None
    tags = {"paper": "", "owner": rng.choice(["ana", "bo"])} if i % 9 == 0 else {"best": ""} if i % 97 == 0 else {}
    return runlore.start("vision/imagenet", name=name, params=params, tags=tags, store=store, capture=False), lr


def fail(message):
    raise RuntimeError(message)


def finish(run, i):
    if i % 23 == 0:
        with contextlib.suppress(RuntimeError), run:
            fail(ERRORS[i % 3])
    else:
        run.finish("stopped" if i % 41 == 0 else "succeeded")


def complete(store, rng):
    """A run that has everything: eight GPUs of which one lags, a coloured console, files, notes, a checkpoint."""
    params = {"model": {"name": "llama", "layers": 24}, "lr": 3e-4, "epochs": 3, "tokenizer": "bpe-32k", "world": 8}
    with runlore.start("llm/pretrain", name="pretrain-8gpu", params=params, tags={"paper": ""}, store=store) as run:
        begun = time.time() - 3600
        for step in range(400):
            busy = {f"system/gpu/{k}/utilization_percent": 96 - 60 * (k == 5) + rng.gauss(0, 2) for k in range(8)}
            power = {f"system/gpu/{k}/power_watts": 390 - 180 * (k == 5) + rng.gauss(0, 6) for k in range(8)}
            run.log_metrics(busy | power, time=begun + step * 9)
            loss = 2.1 + 6 * math.exp(-step / 60) + rng.gauss(0, 0.04) + 3 * (step == 211)
            run.log_metrics({"train/loss": loss, "train/grad_norm": rng.lognormvariate(0, 0.3)}, step=step * 100)
            if step % 20 == 0:
                run.log_metrics({"val/loss": loss * 1.04, "val/acc": 1 - loss / 9}, step=step * 100)
                print(f"\x1b[36mstep {step * 100:6}\x1b[0m loss \x1b[1m{loss:.4f}\x1b[0m  \x1b[32m412k tok/s\x1b[0m")
        print("\x1b[33mUserWarning: lr_scheduler.step() before optimizer.step()\x1b[0m", file=sys.stderr)
        run.log_artifact(b"# Report\n\nLoss **2.1**, as good as the baseline.\n", "report.md")
        run.log_artifact(b"id,label,score\n1,cat,0.93\n2,dog,0.88\n", "tables/predictions.csv")
        run.log_dict({"layers": 24, "heads": [8, 16], "bf16": True}, "config/model.json")
        run.set_description("Same as the baseline with cosine decay. Keep for the paper.")


def main(store, runs=2000):
    rng = random.Random(3)
    for i in range(runs):
        if i % 10 == 9:
            experiment = ("nlp/translation", "rl/atari/breakout", "Übung/مثال", "scratch")[i // 10 % 4]
            run = runlore.start(experiment, params={"lr": 10**-3, "seed": i}, store=store, capture=False)
            run.log_metrics({"score": rng.lognormvariate(0, 9), "tiny": 1e-300 * rng.random()}, step=1)
            run.finish()
            continue
        run, lr = sweep(store, rng, i)
        curves(run, rng, 12 if i < runs - 60 else 120, lr, 4 if i < runs - 60 else 40)
        finish(run, i)
    complete(store, rng)
    live = [sweep(store, rng, i) for i in range(6)]
    print("live", flush=True)
    step = 0
    while True:
        for run, lr in live:
            run.log_metrics(
                {"train/loss": 2 * math.exp(-step / 50) + lr, "val/acc": 1 - math.exp(-step / 60), "epoch": step // 60},
                step=step,
            )
        step += 1
        time.sleep(1)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))

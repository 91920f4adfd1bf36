"""`import`: what other trackers recorded, and archives of Runlore. Each kind of source is one command."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from runlore.cli._command import Entry, Group, command
from runlore.cli._importing import dry_option, experiment_option, take_in, tell, until_interrupted
from runlore.cli._options import argument, flag, json_option, option, store_option
from runlore.cli._output import note
from runlore.errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable


class _Imports(Group):
    """Without the name of a source, an archive is meant: `runlore import FILE`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """The arguments, with the command that they leave out."""
        if args and args[0] not in self.entries and args[0] not in ("-h", "--help"):
            args = ["archive", *args]
        return super().parse_args(ctx, args)


import_ = _Imports(
    "import",
    (
        Entry("archive", "transfer:archive", "Take in the runs of an archive that `runlore export` wrote."),
        Entry("mlflow", "imports:mlflow", "Take in the runs of MLflow."),
        Entry("trackio", "imports:trackio", "Take in the runs of Trackio's databases."),
        Entry("sacred", "imports:sacred", "Take in the runs that Sacred's FileStorageObserver kept."),
        Entry("dvclive", "imports:dvclive", "Take in the runs that DVCLive kept."),
        Entry("neptune", "imports:neptune", "Take in the runs that neptune-exporter wrote as Parquet."),
        Entry("aim", "imports:aim", "Take in the runs of a repository of Aim."),
        Entry("csv", "imports:csv", "Take in the rows of a CSV file as runs."),
        Entry("jsonl", "imports:jsonl", "Take in the rows of a file of JSON Lines as runs."),
        Entry("wandb", "imports:wandb", "Take in runs that W&B recorded offline."),
        Entry("tensorboard", "imports:tensorboard", "Take in the runs of a logdir of TensorBoard."),
    ),
    no_args_is_help=True,
    subcommand_metavar="SOURCE [ARGS]... | FILE",
    help="Take in runs: of an archive that `runlore export` wrote (FILE), or of another tracker. Twice is the same as "
    "once: what is here already is left as it is, what is missing is added.",
)


@command("mlflow")
@argument("source", metavar="SOURCE", help="A directory mlruns, a mlflow.db, or the address of a server.", of="files")
@option(
    "--artifacts", metavar="DIR", of="directories",
    help="Where the artifacts of a database are; by default mlruns or mlartifacts beside it.",
)  # fmt: skip
@experiment_option
@dry_option
@store_option
@json_option
def mlflow(
    source: str, artifacts: str | None, experiment: str | None, dry_run: bool, store: str | None, json: bool
) -> None:  # fmt: skip
    """Take in the runs of MLflow: of a SQLite database, a directory mlruns, or a tracking server.

    Runs keep MLflow's run ids as their uids. Runs of its trash come into the trash.

    \b
    Examples:
      runlore import mlflow mlruns
      runlore import mlflow sqlite:///mlflow.db --artifacts mlartifacts
      runlore import mlflow http://localhost:5000 --dry-run
    """
    from runlore.importers.mlflow import open_source

    take_in(lambda: open_source(source, artifacts=artifacts), experiment, store, dry=dry_run, json=json)


@command("tensorboard")
@argument(
    "logdir", metavar="LOGDIR", help="A directory with event files in it or below it, or one such file.", of="files"
)
@flag("--follow", "-f", help="Go on with what is written meanwhile, until Ctrl-C.")
@option(
    "--interval", metavar="S", type=click.FloatRange(min=0.01), default=1.0, help="How often to look, with --follow."
)  # fmt: skip
@experiment_option
@dry_option
@store_option
@json_option
def tensorboard(
    logdir: str, follow: bool, interval: float, experiment: str | None, dry_run: bool, store: str | None, json: bool
) -> None:  # fmt: skip
    """Take in the runs of a logdir of TensorBoard: each directory with event files is a run.

    With --follow, runs are running here while they are written there, and end with Ctrl-C.

    \b
    Examples:
      runlore import tensorboard runs
      runlore import tensorboard lightning_logs --experiment vision/unet
      runlore import tensorboard runs --follow
    """
    from runlore.importers.tensorboard import LogDirectory

    if not follow:
        take_in(lambda: LogDirectory(logdir), experiment, store, dry=dry_run, json=json)
        return
    if dry_run:
        raise InvalidArgument("--follow writes, and --dry-run does not; leave one of them away")
    from runlore.importers import follow_runs
    from runlore.opening import open_store

    source, place = LogDirectory(logdir, live=True), open_store(store, create=True)
    wait = until_interrupted(interval)
    note(f"following {logdir}; Ctrl-C ends it, and the runs")
    tell(follow_runs(place, source, experiment=experiment, wait=wait), json=json)


@command("wandb")
@argument("folder", metavar="FOLDER", help="A folder wandb, one offline-run-… in it, or one ….wandb.", of="files")
@experiment_option
@dry_option
@store_option
@json_option
def wandb(folder: str, experiment: str | None, dry_run: bool, store: str | None, json: bool) -> None:
    """Take in runs that W&B recorded offline, from their files: a run goes into the experiment called like its project.

    \b
    Examples:
      runlore import wandb wandb
      runlore import wandb wandb/offline-run-20261128_102145-9m61c1cu --dry-run
    """
    from runlore.importers.wandb import RunFolders

    take_in(lambda: RunFolders(folder), experiment, store, dry=dry_run, json=json)


def _column_options(function: Callable[..., None]) -> Callable[..., None]:
    for name, meaning, usual in (
        ("time", "the time", "time, timestamp, _timestamp or wall_time"),
        ("step", "the step", "step, _step, global_step, iteration or epoch"),
        ("run", "the run", "uid, run_id, run or run_name"),
    ):
        function = option(f"--{name}", metavar="COLUMN", help=f"Which has {meaning}; by default {usual}.")(function)
    return function


@command("csv")
@argument("file", metavar="FILE", help="With a header; commas, semicolons or tabs.", of="files")
@_column_options
@experiment_option
@dry_option
@store_option
@json_option
def csv(
    file: str, run: str | None, step: str | None, time: str | None, experiment: str | None, dry_run: bool,
    store: str | None, json: bool,
) -> None:  # fmt: skip
    """Take in the rows of a CSV file as runs: a column for each metric, or the columns key and value.

    \b
    Examples:
      runlore import csv metrics.csv
      runlore import csv log.csv --run seed --step epoch --experiment vision/unet
    """
    from runlore.importers._rows import Columns
    from runlore.importers.csv_file import CsvFile

    take_in(lambda: CsvFile(file, Columns(run, step, time)), experiment, store, dry=dry_run, json=json)


@command("jsonl")
@argument("file", metavar="FILE", help="An object a line.", of="files")
@_column_options
@experiment_option
@dry_option
@store_option
@json_option
def jsonl(
    file: str, run: str | None, step: str | None, time: str | None, experiment: str | None, dry_run: bool,
    store: str | None, json: bool,
) -> None:  # fmt: skip
    """Take in the rows of a file of JSON Lines as runs: a field for each metric, or the fields key and value.

    \b
    Examples:
      runlore import jsonl trainer_log.jsonl
      runlore import jsonl runs.jsonl --dry-run --json
    """
    from runlore.importers._rows import Columns
    from runlore.importers.json_lines import JsonLinesFile

    take_in(lambda: JsonLinesFile(file, Columns(run, step, time)), experiment, store, dry=dry_run, json=json)


@command("trackio")
@argument("folder", metavar="FOLDER", help="A folder of databases, or one of them.", of="files")
@experiment_option
@dry_option
@store_option
@json_option
def trackio(folder: str, experiment: str | None, dry_run: bool, store: str | None, json: bool) -> None:
    """Take in the runs of Trackio's databases: a run goes into the experiment called like its project.

    \b
    Examples:
      runlore import trackio ~/.cache/huggingface/trackio
      runlore import trackio ~/.cache/huggingface/trackio --dry-run
    """
    from runlore.importers.trackio import Projects

    take_in(lambda: Projects(folder), experiment, store, dry=dry_run, json=json)


@command("sacred")
@argument("folder", metavar="FOLDER", help="The folder that it writes to, or that of one run.", of="files")
@experiment_option
@dry_option
@store_option
@json_option
def sacred(folder: str, experiment: str | None, dry_run: bool, store: str | None, json: bool) -> None:
    """Take in the runs that Sacred's FileStorageObserver kept in a folder.

    \b
    Examples:
      runlore import sacred my_runs
      runlore import sacred my_runs --dry-run
    """
    from runlore.importers.sacred import ObservedRuns

    take_in(lambda: ObservedRuns(folder), experiment, store, dry=dry_run, json=json)


@command("dvclive")
@argument("folder", metavar="FOLDER", help="A folder dvclive, or one above several.", of="files")
@experiment_option
@dry_option
@store_option
@json_option
def dvclive(folder: str, experiment: str | None, dry_run: bool, store: str | None, json: bool) -> None:
    """Take in the runs that DVCLive kept in folders: a run goes into the experiment called like the folder above.

    \b
    Examples:
      runlore import dvclive dvclive
      runlore import dvclive dvclive --dry-run
    """
    from runlore.importers.dvclive import LiveFolders

    take_in(lambda: LiveFolders(folder), experiment, store, dry=dry_run, json=json)


@command("neptune")
@argument("folder", metavar="FOLDER", help="What neptune-exporter wrote with --data-path.", of="directories")
@option(
    "--files", metavar="DIR", of="directories",
    help="What it wrote with --files-path; by default the folder files beside FOLDER.",
)  # fmt: skip
@experiment_option
@dry_option
@store_option
@json_option
def neptune(
    folder: str, files: str | None, experiment: str | None, dry_run: bool, store: str | None, json: bool
) -> None:  # fmt: skip
    """Take in the runs that neptune-exporter wrote as Parquet: a run goes into the experiment called like its project.

    \b
    Examples:
      runlore import neptune exports/data
      runlore import neptune exports/data --files /mnt/exports/files
    """
    from runlore.importers.neptune import Exports

    take_in(lambda: Exports(folder, files), experiment, store, dry=dry_run, json=json)


@command("aim")
@argument("folder", metavar="FOLDER", help="The folder .aim, or the one that has it.", of="directories")
@experiment_option
@dry_option
@store_option
@json_option
def aim(folder: str, experiment: str | None, dry_run: bool, store: str | None, json: bool) -> None:
    """Take in the runs of a repository of Aim, from its files: a run goes into the experiment that it had.

    \b
    Examples:
      runlore import aim .aim
      runlore import aim . --dry-run
    """
    from runlore.importers.aim import Repository

    take_in(lambda: Repository(folder), experiment, store, dry=dry_run, json=json)

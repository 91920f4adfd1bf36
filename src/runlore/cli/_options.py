"""Arguments and options that commands share, with their help and their completion."""

from __future__ import annotations

from typing import Annotated

import typer

from runlore.errors import RunloreError

_LONGEST = 50
"""Proposals for one completion."""


def _complete_experiment(incomplete: str) -> list[str]:
    """Experiments that begin so, as the catalog knows them: completion waits for no indexing."""
    try:
        from runlore.reader.records import experiment_records
        from runlore.reader.session import Session

        names = [record["experiment"] for record in experiment_records(Session())]
    except RunloreError:
        return []  # no store here: nothing to propose
    return [name for name in names if name.startswith(incomplete)][:_LONGEST]


def _complete_run(incomplete: str) -> list[str]:
    """`experiment#number` of the newest runs that begin so."""
    try:
        from runlore.reader.records import run_records
        from runlore.reader.session import Session

        records = run_records(Session().page(limit=1000, facts=True).runs)
    except RunloreError:
        return []
    names = [f"{record['experiment']}#{record['number']}" for record in records]
    return [name for name in names if name.startswith(incomplete)][:_LONGEST]


RUN_HELP = "experiment#number (#-1: the latest), a uid, or an unambiguous beginning of one."

StoreOption = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="DIR",
        help="The store. By default RUNLORE_STORE, the nearest .runlore upwards, or ./.runlore.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
RunArgument = Annotated[
    str, typer.Argument(metavar="RUN", help=RUN_HELP, autocompletion=_complete_run, show_default=False)
]
RunsArgument = Annotated[
    list[str], typer.Argument(metavar="RUN", help=RUN_HELP, autocompletion=_complete_run, show_default=False)
]
ExperimentArgument = Annotated[
    str,
    typer.Argument(
        metavar="EXPERIMENT",
        help="Name of an experiment, such as vision/cifar10.",
        autocompletion=_complete_experiment,
        show_default=False,
    ),
]
PatternArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="EXPERIMENT",
        help="A name, or a glob such as 'vision/*' or 'vision/**'.",
        autocompletion=_complete_experiment,
        show_default=False,
    ),
]

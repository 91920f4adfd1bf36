"""`gc`, `seal`, `doctor`: keeping a store in order."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from runlore.cli import _format as fmt
from runlore.cli._command import command
from runlore.cli._errors import ERROR
from runlore.cli._options import flag, json_option, option, pattern_argument, store_option
from runlore.cli._output import note, print_json, say
from runlore.cli._progress import Bar
from runlore.cli._session import open_session
from runlore.errors import InvalidArgument

if TYPE_CHECKING:
    from runlore.housekeeping import Garbage, Retention
    from runlore.reader.session import Session

_UNITS = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}


def seconds_of(text: str, option: str) -> float:
    """A span such as `30d`, `12h`, `90s`, `0` in seconds.

    Raises:
        InvalidArgument: it is none.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", text.strip())
    if found is None or found.group(2) not in _UNITS:
        raise InvalidArgument(f"{option} {text!r}: use a number and a unit, such as 30d, 12h, 15min, 90s or 0")
    return float(found.group(1)) * _UNITS[found.group(2)]


@command("gc")
@pattern_argument
@option("--older-than", metavar="SPAN", default="30d", help="Only runs deleted at least so long ago.")
@option("--grace", metavar="SPAN", default="1h", help="Leave contents alone that are younger than this.")
@option("--keep-best", metavar="N", type=click.IntRange(min=1), help="Keep the artifacts of the best N runs only.")
@option("--metric", metavar="KEY", of="metrics", help="For --keep-best: the metric that says which is best.")
@flag("--minimize", help="For --keep-best: less is better.")
@option("--kind", metavar="KIND", default="model", help="For --keep-best: model, image …, or all.")
@flag("--dry-run", "-n", help="Change nothing; say what would be removed.")
@flag("--yes", "-y", help="For --keep-best: do it; without, it is a dry run.")
@store_option
@json_option
def gc(
    experiment: str | None, older_than: str, grace: str, keep_best: int | None, metric: str | None, minimize: bool,
    kind: str, dry_run: bool, yes: bool, store: str | None, json: bool,
) -> None:  # fmt: skip
    """Remove for good: runs that were deleted long enough ago, and contents that no run refers to.

    With --keep-best, the artifacts of all but the best runs of an experiment go too. That is shown first, and done
    with --yes. The runs themselves stay, with all their metrics.

    \b
    Examples:
      runlore gc --dry-run
      runlore gc --older-than 7d
      runlore gc iris --keep-best 3 --metric acc --kind model
      runlore gc iris --keep-best 3 --metric loss --minimize --yes
    """
    from runlore.housekeeping.garbage import collect

    older_s, grace_s = seconds_of(older_than, "--older-than"), seconds_of(grace, "--grace")
    session = open_session(store, live=True)
    kept: Retention | None = None
    if keep_best is not None:
        kept = _retain(session, experiment, keep_best, metric, minimize, kind, apply=yes and not dry_run)
        dry_run = dry_run or not yes
    elif experiment is not None or metric is not None:
        raise InvalidArgument("EXPERIMENT and --metric go with --keep-best; `gc` alone works on the whole store")
    dropped = [(item.uid, item.digest) for item in kept.drop] if kept else []
    with Bar("Looking for references") as bar:
        found = collect(
            session, older_than_s=older_s, grace_s=grace_s, dry_run=dry_run, removed=dropped, progress=bar.update
        )
    if json:
        print_json(_record(found, kept, dry_run=dry_run))
        return
    _tell(found, kept, grace, dry_run=dry_run)
    if keep_best is not None and not yes:
        note("nothing was changed; --yes does it")


def _retain(
    session: Session, experiment: str | None, count: int, metric: str | None, minimize: bool, kind: str, *, apply: bool
) -> Retention:  # fmt: skip
    from runlore.housekeeping.retention import keep_best

    if experiment is None or metric is None:
        raise InvalidArgument("--keep-best needs an EXPERIMENT and a --metric")
    return keep_best(
        session, experiment, count, metric=metric, minimize=minimize, kind=None if kind == "all" else kind,
        dry_run=not apply,
    )  # fmt: skip


def _record(found: Garbage, kept: Retention | None, *, dry_run: bool) -> dict[str, Any]:
    document: dict[str, Any] = {
        "dry_run": dry_run,
        "runs": found.runs,
        "contents": found.blobs,
        "leftovers": found.leftovers,
        "freed_bytes": found.freed_bytes,
        "waiting": found.waiting,
        "hindrances": found.kept,
    }
    if kept is not None:
        document |= {"kept_runs": kept.keep, "dropped_artifacts": [item._asdict() for item in kept.drop]}
    return document


def _tell(found: Garbage, kept: Retention | None, grace: str, *, dry_run: bool) -> None:
    for item in kept.drop if kept else ():
        say(f"{f'{item.experiment}#{item.number} {item.name}'}  {fmt.size(item.size)}")
    for uid in found.runs:
        say(f"run {uid}")
    verb = "would be removed" if dry_run else "removed"
    parts = [fmt.plural(len(found.runs), "run"), fmt.plural(len(found.blobs), "file") + " of contents"]
    if kept is not None:
        parts.insert(0, fmt.plural(len(kept.drop), "artifact"))
    if found.leftovers:
        parts.append(fmt.plural(len(found.leftovers), "leftover"))
    say(f"{', '.join(parts)} {verb}; {fmt.size(found.freed_bytes)} {'would be ' if dry_run else ''}freed")
    if found.waiting:
        count, verb = len(found.waiting), "would be" if dry_run else "is" if len(found.waiting) == 1 else "are"
        note(f"{fmt.plural(count, 'file')} of contents, younger than {grace}, {verb} left for a later gc; --grace")
    if found.kept:
        note("contents stay where they are: damage may hide what refers to them. `runlore doctor` says more")
        for doubt in found.kept:
            note(f"  {doubt}")


@command("seal")
@flag("--force", help="Believe that a silent writer on another host is dead.")
@store_option
@json_option
def seal(force: bool, store: str | None, json: bool) -> None:
    """Rewrite the journals of runs that have ended as Parquet: fast to read, open to other tools, small for long runs.

    Readers do so by and by; this does it now, for all runs. Running runs are left alone.

    \b
    Examples:
      runlore seal
    """
    from runlore.housekeeping.sealing import seal as seal_runs

    session = open_session(store, live=True)
    with Bar("Sealing runs") as bar:
        done = seal_runs(session, progress=bar.update, force=force)
    if json:
        print_json({**done._asdict(), "failures": [{"path": path, "error": why} for path, why in done.failures]})
    else:
        sealed = done.outcomes.get("sealed", 0)
        sizes = f": {fmt.size(done.journal_bytes)} became {fmt.size(done.sealed_bytes)}" if sealed else ""
        say(f"{fmt.plural(sealed, 'run')} sealed{sizes}")
        waiting = {"live": "still running", "busy": "being sealed by somebody else"}
        for outcome, text in waiting.items():
            if done.outcomes.get(outcome):
                say(f"{fmt.plural(done.outcomes[outcome], 'run')} {text}")
        for path, why in done.failures:
            note(f"{path}: {why}")
    if done.failures:
        raise click.exceptions.Exit(ERROR)


@command("doctor")
@flag("--repair", help="Repair what can be repaired safely.")
@flag("--quick", help="Do not read contents and points again, nor compare the catalog.")
@store_option
@json_option
def doctor(repair: bool, quick: bool, store: str | None, json: bool) -> None:
    """Look for damage: journals, Parquet files, contents, cards, numbers, catalog. Ends with 1 where there is some.

    A crash is no damage: what a killed program had recorded is there, and readers know how to read it.

    \b
    Examples:
      runlore doctor
      runlore doctor --repair
    """
    from runlore.housekeeping.doctor import examine

    session = open_session(store, live=True)
    with Bar("Examining") as bar:
        findings = examine(session, repair=repair, quick=quick, progress=bar.update)
    open_ones = [item for item in findings if not item.repaired]
    if json:
        print_json(
            {"store": session.store.location, "ok": not open_ones, "findings": [item._asdict() for item in findings]}
        )
    elif not findings:
        say(f"all is well in {session.store.location}", "green")
    else:
        for item in findings:
            say(f"{'repaired' if item.repaired else 'wrong'}  {item.what}  {item.where}",
                "green" if item.repaired else "red")  # fmt: skip
            say(f"    {' '.join(item.problem.split())}")
            say(f"    {item.remedy}")
    if open_ones:
        raise click.exceptions.Exit(ERROR)

"""Versions of registered models as MLflow's clients read them, and how one is made of what it comes from."""

from __future__ import annotations

import os
import re
from time import time_ns
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from runlore._version import __version__
from runlore.model import new_uid
from runlore.names import is_uid
from runlore.server.mlflow.entities import MILLISECOND, as_pairs
from runlore.server.mlflow.experiments import OURS
from runlore.server.mlflow.files import files
from runlore.server.mlflow.homes import MODEL_ID, Home, checked, home_of, model_home
from runlore.server.mlflow.message import MISSING, MlflowError
from runlore.server.mlflow.registered_models import Model, Models, description_of
from runlore.versions import MAJOR, next_version

if TYPE_CHECKING:
    from collections.abc import Mapping

    from runlore.registry.card import Card
    from runlore.server.context import Context

STAGES = ("None", "Staging", "Production", "Archived")
"""MLflow's; ours are the same in lower case, and none."""

_RUNS = re.compile(r"runs:/([0-9a-f]{32})/?(.*)", re.DOTALL)
_MODELS = re.compile(r"models:/(m-[0-9a-f]{32})/?(.*)", re.DOTALL)
_VERSION = re.compile(r"models:/([^/@:]+)(?:/(\d{1,17})|@([\w-]+))/?")
_PROXY = re.compile(r"mlflow-artifacts:/{1,3}(?:[^/]*:\d+/+)?(.+)", re.DOTALL)
_LOCAL = re.compile(r"(?:/|file:|\.\.?(?:/|$)|[A-Za-z]:[\\/])")


def stage_of(card: Card) -> str:
    """MLflow's word for the stage of a card; another one's word is as none."""
    return next((stage for stage in STAGES if stage.lower() == (card.stage or "").lower()), "None")


def version_document(context: Context, model: Model, number: int) -> dict[str, Any]:
    """A version as MLflow's clients read it."""
    card = model.versions[number]
    about = _about(card)
    found = {
        "name": model.name, "version": str(number), "creation_timestamp": card.created_ns // MILLISECOND,
        "last_updated_timestamp": card.updated_ns // MILLISECOND, "current_stage": stage_of(card),
        "description": description_of(card), "source": source_of(context, card),
        "run_id": card.run or about.get("run_id") or "", "status": "READY", "run_link": about.get("run_link") or "",
        "tags": as_pairs(tags_of(card)), "aliases": sorted(card.aliases),
    }  # fmt: skip
    if about.get("model_id"):
        found["model_id"] = about["model_id"]
    return found


def tags_of(card: Card) -> dict[str, str]:
    """The tags that MLflow's clients see."""
    return {key: value for key, value in sorted(card.tags.items()) if not key.startswith(OURS)}


def _about(card: Card) -> Mapping[str, Any]:
    said = card.metadata.get("mlflow")
    return said if isinstance(said, dict) else {}


def source_of(context: Context, card: Card) -> str:
    """Where the files of a version are, as its client said; of one registered otherwise, the run that made it."""
    said = _about(card).get("source")
    if said:
        return str(said)
    if card.run is None or not is_uid(card.run):
        return ""
    return f"runs:/{card.run}" if context.index.runs([card.run], facts=False) else ""


MOST_COPIES = 20
"""How often a version may be a copy of a copy, before nobody looks for its files any more."""


def copied(context: Context, source: str) -> Card | None:
    """The version of which a source says that it is a copy, as `models:/name/3`; None: it says no such thing.

    Raises:
        MlflowError: there is no such version.
    """
    found = _VERSION.fullmatch(source)
    if found is None or MODEL_ID.fullmatch(found[1]):
        return None
    model = Models(context).get(found[1])
    number = int(found[2]) if found[2] else model.aliases.get(found[3], 0)
    if number not in model.versions:
        raise MlflowError(f"Model Version (name={model.name}, version={found[2] or found[3]}) not found", MISSING)
    return model.versions[number]


def home_of_source(context: Context, source: str, copies: int = MOST_COPIES) -> Home | None:
    """Where the files are that a source means; None: not here, and nobody follows it.

    Args:
        context: what the server works on.
        source: of a version.
        copies: how many copies of copies are followed.

    Raises:
        MlflowError: it is a path of some machine, or means nothing that there is.
    """
    if _LOCAL.match(source):
        raise MlflowError(
            f"Invalid model version source: '{source[:200]}'. To use a local path as a model version source, "
            "upload its files first, and give runs:/, models:/ or mlflow-artifacts:/"
        )
    if found := _RUNS.fullmatch(source):
        return Home(found[1], "", checked(found[2]) if found[2] else "")
    if found := _MODELS.fullmatch(source):
        return model_home(context, found[1], checked(found[2]) if found[2] else "")
    origin = copied(context, source)
    if origin is not None:
        return home_of_source(context, source_of(context, origin), copies - 1) if copies else None
    if ".." in (plain := _decoded(source)).split("/") or "\0" in plain:
        raise MlflowError(
            f"Invalid model version source: '{source[:200]}'. If supplying a source as an http, https, ftp, s3 or "
            "other address, it must not lead upwards with '..', nor have a NUL"
        )
    if found := _PROXY.fullmatch(source):
        try:
            return home_of(context, found[1].rstrip("/"))
        except MlflowError:
            return None  # nothing is kept there
    return None


def _decoded(source: str) -> str:
    """A source without its escapes, also where they were escaped themselves."""
    for _ in range(10):
        plain = unquote(source)
        if plain == source:
            break
        source = plain
    return source.replace("\\", "/")


def model_id_of(source: str, given: str) -> str:
    """The logged model that a version is of; empty: none."""
    if given and MODEL_ID.fullmatch(given):
        return given
    found = re.search(r"(?:^models:/|/models/)(m-[0-9a-f]{32})(?:/|$)", source)
    return found[1] if found else ""


def register_version(
    context: Context, model: Model, *, source: str, run: str | None, about: dict[str, Any], tags: Mapping[str, str],
    description: str | None,
) -> None:  # fmt: skip
    """Make a version of a model: its card has the files that its source has, where they are here.

    Raises:
        MlflowError: the source cannot be one.
    """
    home = home_of_source(context, source)
    contents = _contents(context, home) if home is not None else []
    store, called = context.store, model.called
    version = store.claim_version(called, lambda taken: next_version(taken, MAJOR))
    store.complete_card(called, version, {
        "uid": new_uid(), "kind": called.kind, "space": called.space, "name": called.name, "version": str(version),
        "created_ns": time_ns(), "user": None, "host": os.uname().nodename, "runlore": __version__,
        "metadata": {"mlflow": {"source": source, **about}}, "description": description, "tags": dict(tags),
        "inputs": [], "run": run, "run_role": "output" if run else None, "artifacts": contents,
    })  # fmt: skip


def _contents(context: Context, home: Home) -> list[dict[str, Any]]:
    """The files of a model, as a card lists them."""
    known = files(context, home.run, home.prefix)
    start = f"{home.name}/" if home.name else ""
    return [
        {
            "name": name[len(start) :], "digest": file.digest, "size": file.size, "kind": "file",
            "media_type": file.media_type, "metadata": {},
        }
        for name, file in sorted(known.items())
        if name.startswith(start)
    ]  # fmt: skip

"""Registering a card: everything is checked and its contents are stored before a version is claimed."""

from __future__ import annotations

import json
import mimetypes
import os
from time import time_ns
from typing import TYPE_CHECKING, Any, NamedTuple

from runlore._version import __version__
from runlore.errors import AlreadyExists, ArtifactNotFound, InvalidArgument, InvalidName, WrongType
from runlore.journal.values import to_json
from runlore.model import CARD, new_uid
from runlore.names import check_key, check_path_name, is_uid
from runlore.opening import open_store
from runlore.registry.card import Card
from runlore.store.cards import CardName
from runlore.versions import MINOR, Version, check_bump, next_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from runlore.run import Run
    from runlore.store.base import Store, StoreLike

ROLES = ("output", "input", "record")


class File(NamedTuple):
    """A file that was found to exist."""

    path: str


def register(
    kind: str, space: str, name: str, *, version: str | None = None,
    bump: str | Callable[[Sequence[Version]], Version] = MINOR, pre_tag: str | None = None,
    build_tag: str | None = None, artifacts: Mapping[str, Any] | None = None,
    metadata: Mapping[str, Any] | None = None, description: str | None = None,
    tags: Mapping[str, Any] | Iterable[str] | None = None,
    inputs: Iterable[Card | str] = (), run: Run | str | None = None, run_role: str = "output", uid: str | None = None,
    allow_pickle: bool = False, store: StoreLike | None = None,
) -> Card:  # fmt: skip
    """Register a card: a new version of a name, or a first one.

    The version is claimed in the file system: of processes that register at once, each gets another one. The card
    becomes visible as a whole. A process that dies before that leaves no card; the version that it had claimed is not
    given out again.

    Args:
        kind: `data`, `model`, `run`, or a word of your own, without `/`.
        space: who or what the name belongs to; may contain `/`.
        name: without `/`.
        version: this very version. Default: the one after the latest, by `bump`.
        bump: `minor` (default), `major`, `patch`, `pre`, `build`; see `runlore.versions.next_version`. Or a
            function that gets all versions that are taken, and gives the next.
        pre_tag: makes the version a pre-release, such as `rc.1`; for `bump="pre"` the word that is counted.
        build_tag: likewise for builds.
        artifacts: contents by name. A text or path is a file, or a directory, whose files keep their relative paths;
            bytes are contents; a `runlore.media.Encoded` is taken as it is; anything else is an object: a model is
            stored in its library's safe format, another value as `runlore.media.encode_object` does.
        metadata: anything that can be JSON, by key.
        description: text.
        tags: a mapping, or words.
        inputs: the cards, or their uids, that this one was made from.
        run: the run that made it; or its uid, the beginning of it, or `experiment#number`. A run handle also records
            the card as an event.
        run_role: `output`, `input` (the run used it), or `record` (the card describes the run).
        uid: the card's own; new by default.
        allow_pickle: pickle objects that have no other form. Whoever loads them must allow it too.
        store: as for `runlore.start`.

    Raises:
        InvalidArgument, WrongType: an argument cannot be stored.
        ArtifactNotFound: a file does not exist.
        AlreadyExists: the version is taken.
        UnsafeLoad: an object could only be pickled. In all these cases nothing was registered.
        RunEnded: the run's handle was finished.
        RunNotFound: no run is called as `run` says.
        OSError: the disk did not take it. No card is left behind.

    Example:
        >>> from runlore import registry
        >>> data = registry.register("data", "iris", "flowers", artifacts={"rows": [[5.1, 3.5], [4.9, 3.0]]})
        >>> model = registry.register("model", "iris", "tree", metadata={"depth": 3}, inputs=[data])
        >>> str(model), registry.get("data", "iris", "flowers").load("rows")[0]
        ('model/iris/tree@0.1.0', [5.1, 3.5])
    """
    called = CardName(kind, space, name).check()
    choose = _chooser(version, bump, pre_tag, build_tag)
    about = {
        "uid": _uid(uid), **called._asdict(), "metadata": _json_object(metadata, "metadata"),
        "description": _text(description, "description"), "tags": _tags(tags),
        "inputs": [_reference(item) for item in inputs], "run": _run_uid(run, store),
        "run_role": _role(run_role) if run is not None else None,
    }  # fmt: skip
    handle = None if run is None or isinstance(run, str) else run
    if handle is not None:
        handle._check_open()  # noqa: SLF001 - nothing may be claimed for a run that cannot record it
    contents = _contents(artifacts or {})
    place = open_store(store if store is not None or handle is None else handle.store, create=True)
    if version is not None:
        _check_free(place.versions_taken(called), Version.parse(version))
    about["artifacts"] = _kept(place, contents, allow_pickle=allow_pickle)
    card = _completed(place, called, choose, about)
    if handle is not None:
        log_link(handle, card, run_role)
    return card


def _completed(
    place: Store, called: CardName, choose: Callable[[Sequence[Version]], Version], about: dict[str, Any]
) -> Card:
    """Claim a version and let the card be seen: the two steps after which nothing can be refused any more."""
    claimed = place.claim_version(called, choose)
    about = {
        **about, "version": str(claimed), "created_ns": time_ns(), "user": _user(), "host": os.uname().nodename,
        "runlore": __version__,
    }  # fmt: skip
    place.complete_card(called, claimed, about)
    return _card(place, about)


def log_link(run: Run, card: Card, role: str) -> None:
    """Record on the run which card it made, used, or is described by."""
    names = {"kind": card.kind, "space": card.space, "name": card.name, "version": card.version}
    run.log_event(CARD, f"{card.kind}/{card.space}/{card.name}", {"uid": card.uid, "role": role, **names})


def _card(store: Store, about: dict[str, Any]) -> Card:
    return Card(
        kind=about["kind"], space=about["space"], name=about["name"], version=about["version"], uid=about["uid"],
        created_ns=about["created_ns"], updated_ns=about["created_ns"], user=about["user"], host=about["host"],
        description=about["description"], metadata=about["metadata"], run=about["run"], run_role=about["run_role"],
        inputs=tuple(item["uid"] for item in about["inputs"]), aliases=(), tags=about["tags"], note=None, stage=None,
        deleted=False, damage=(), _artifacts=tuple(about["artifacts"]), _store=store,
    )  # fmt: skip


# -- arguments ------------------------------------------------------------------------------------------------------


def _chooser(
    version: str | None, bump: Any, pre_tag: str | None, build_tag: str | None
) -> Callable[[Sequence[Version]], Version]:
    if version is not None:
        wanted = Version.parse(version)
        return lambda _: wanted
    if callable(bump):
        return bump  # type: ignore[no-any-return]
    check_bump(bump)
    next_version([], bump, pre_tag=pre_tag, build_tag=build_tag)  # tags that are none are refused now
    return lambda taken: next_version(taken, bump, pre_tag=pre_tag, build_tag=build_tag)


def _check_free(taken: Sequence[Version], version: Version) -> None:
    if version in taken:
        raise AlreadyExists(
            f"version={str(version)!r} is taken, and versions are never given out twice; the latest is {max(taken)}. "
            "Nothing was registered. Leave the version out to get the next one"
        )


def _uid(uid: str | None) -> str:
    if uid is not None and not is_uid(uid):
        raise InvalidName(f"uid={uid!r} must be 32 lowercase hexadecimal digits")
    return uid or new_uid()


def _json_object(values: Any, argument: str) -> dict[str, Any]:
    if values is None:
        return {}
    if not hasattr(values, "items"):
        raise WrongType(f"{argument}={values!r} must be a mapping")
    for key in values:
        check_key(key, argument)
    found: dict[str, Any] = json.loads(to_json(dict(values), argument))
    return found


def _text(value: Any, argument: str) -> str | None:
    if value is not None and not isinstance(value, str):
        raise WrongType(f"{argument}={value!r} must be text")
    return value


def _tags(tags: Any) -> dict[str, str]:
    if isinstance(tags, str):
        tags = [tags]
    words = dict(tags.items()) if hasattr(tags, "items") else dict.fromkeys(tags or (), "")
    for key, value in words.items():
        check_tag(key, value)
    return {key: str(value) for key, value in words.items()}


def check_tag(key: Any, value: Any) -> None:
    """Raise `WrongType` or `InvalidName` where this cannot be a tag."""
    check_key(key, "tag")
    if not isinstance(value, (str, int, float, bool)):
        raise WrongType(f"tag {key!r}: value={value!r} must be text, not {type(value).__name__}")


def _reference(card: Card | str) -> dict[str, str]:
    if isinstance(card, Card):
        return {"uid": card.uid, "kind": card.kind, "space": card.space, "name": card.name, "version": card.version}
    if not isinstance(card, str) or not is_uid(card):
        raise InvalidName(f"inputs: {card!r} must be a card or the uid of one: 32 lowercase hexadecimal digits")
    return {"uid": card}


def _run_uid(run: Any, store: StoreLike | None) -> str | None:
    if isinstance(run, str) and not is_uid(run):
        from runlore.registry.finding import run_uid

        return run_uid(run, store)
    uid = run if isinstance(run, str) else getattr(run, "uid", None)
    if run is not None and (not isinstance(uid, str) or not is_uid(uid)):
        raise InvalidName(f"run={run!r} must be a run, or a text that names one")
    return uid


def _role(role: str) -> str:
    if role not in ROLES:
        raise InvalidArgument(f"run_role={role!r} must be one of {', '.join(ROLES)}")
    return role


def _user() -> str:
    from getpass import getuser

    try:
        return getuser()
    except (KeyError, OSError):
        return str(os.getuid())  # a container's user without an entry


# -- contents -------------------------------------------------------------------------------------------------------


def _contents(artifacts: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Every single content with its name; directories become their files."""
    found: list[tuple[str, Any]] = []
    for name, source in artifacts.items():
        check_path_name(name, "artifacts")
        if isinstance(source, (str, os.PathLike)):
            found.extend(_files(name, os.fspath(source)))
        else:
            found.append((name, source))
    names = [name for name, _ in found]
    repeated = next((name for name in names if names.count(name) > 1), None) if len(set(names)) < len(names) else None
    if repeated is not None:
        raise InvalidArgument(f"artifacts: {repeated!r} is given twice, once by itself and once in a directory")
    return found


def _files(name: str, path: str) -> list[tuple[str, Any]]:
    if "\0" in path or not os.path.exists(path):
        raise ArtifactNotFound(
            f"artifacts[{name!r}]={path!r} does not exist (working directory: {os.getcwd()!r}). Nothing was "
            "registered; for a text as contents, give its bytes"
        )
    if os.path.isfile(path):
        return [(name, File(path))]
    found: list[tuple[str, Any]] = []
    for parent, folders, entries in os.walk(path):
        folders.sort()
        for entry in sorted(entries):
            inner = os.path.join(parent, entry)
            if os.path.isfile(inner):
                relative = os.path.relpath(inner, path).replace(os.sep, "/")
                found.append((check_path_name(f"{name}/{relative}", "artifacts"), File(inner)))
    return found


def _kept(place: Store, contents: list[tuple[str, Any]], *, allow_pickle: bool) -> list[dict[str, Any]]:
    """Store contents; what card.json says of each. None is stored unless all of them can be encoded."""
    encoded = _encode(contents, allow_pickle=allow_pickle)
    try:
        return [_keep(place, name, source) for name, source in encoded]
    finally:
        _discard(encoded)


def _encode(contents: list[tuple[str, Any]], *, allow_pickle: bool) -> list[tuple[str, Any]]:
    """Objects as they will be stored. Paths and bytes stay; nothing is in the store yet."""
    encoded: list[tuple[str, Any]] = []
    try:
        for name, source in contents:
            plain = isinstance(source, (File, bytes, bytearray, memoryview))
            encoded.append((name, source if plain else encode_content(source, allow_pickle=allow_pickle)))
    except BaseException:
        _discard(encoded)
        raise
    return encoded


def _discard(contents: list[tuple[str, Any]]) -> None:
    for _, source in contents:
        if hasattr(source, "discard"):
            source.discard()


def _keep(store: Store, name: str, source: Any) -> dict[str, Any]:
    """Store one content; what card.json says of it."""
    kind, media_type, about = "file", mimetypes.guess_type(name)[0] or "application/octet-stream", {}
    if isinstance(source, File):
        digest, size = store.put_file(source.path)
    elif isinstance(source, (bytes, bytearray, memoryview)):
        digest, size = store.put_bytes(bytes(source))
    else:
        kind, media_type, about = source.kind, source.media_type, source.metadata
        digest, size = store.put_bytes(source.data) if source.data is not None else store.put_file(str(source.path))
    return {
        "name": name, "digest": digest, "size": size, "media_type": media_type, "kind": kind,
        "metadata": json.loads(to_json(about, f"metadata of {name!r}")),
    }  # fmt: skip


def encode_content(value: Any, *, allow_pickle: bool = False) -> Any:
    """An object as it is stored: models in their library's safe format, others by `encode_object`."""
    from runlore.media import Encoded, encode_model, encode_object
    from runlore.media.model import natural_format

    if isinstance(value, Encoded):
        return value
    if natural_format(value) is not None:
        return encode_model(value, allow_pickle=allow_pickle)
    return encode_object(value, allow_pickle)

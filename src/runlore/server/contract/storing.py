"""The methods of a store and of its runs, one endpoint each; recorders, streams and contents have their own modules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runlore.errors import CardNotFound, InvalidName, NotLocal, RunNotFound
from runlore.model import uid_time_ns
from runlore.names import check_path_name, is_uid
from runlore.server.contract.audited import edited, removed
from runlore.server.contract.calls import answering, came_again, changing
from runlore.server.endpoint import READ, WRITE, Endpoint
from runlore.store.cards import CardName, read_card
from runlore.versions import Version
from runlore.wire import text
from runlore.wire.text import Garbled, expect, texts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from runlore.journal.decoded import Event
    from runlore.server.endpoint import Call
    from runlore.store.base import Fact, RecordedRun
    from runlore.store.content import StoredEvent

_CLOCKS_NS = 300 * 1_000_000_000
"""What the caller's clock may be ahead of the store's."""

# -- arguments --------------------------------------------------------------------------------------------------------


def experiment_of(sent: dict[str, Any]) -> str | None:
    """The experiment that a request names, or None.

    Raises:
        Garbled, InvalidName: it is none.
    """
    experiment = expect(sent.get("experiment"), (str, type(None)), "experiment")
    return None if experiment is None else check_path_name(experiment, "experiment")


def new_run_of(sent: dict[str, Any]) -> tuple[str, str]:
    """Experiment and uid of a run that is to be made.

    Raises:
        Garbled, InvalidName: they are none.
    """
    experiment, uid = check_path_name(sent.get("experiment"), "experiment"), expect(sent.get("uid"), str, "uid")
    if not is_uid(uid):
        raise InvalidName(f"uid={uid!r:.60} is no uid: 32 hexadecimal digits")
    return experiment, uid


def uid_of(sent: dict[str, Any]) -> str:
    """The uid of a run that a request names.

    Raises:
        Garbled: it names none.
    """
    return str(expect(sent.get("uid"), str, "uid"))


def run_of(call: Call, sent: dict[str, Any]) -> RecordedRun:
    """The run that a request names.

    Raises:
        RunNotFound: there is none.
        Garbled: it names none.
    """
    uid = uid_of(sent)
    experiment = expect(sent.get("experiment"), (str, type(None)), "experiment")
    try:
        return call.context.store.open_run(uid, experiment=experiment)
    except RunNotFound:
        if experiment is None or not sent.get("anywhere"):
            raise
    return call.context.store.open_run(uid)  # somebody moved it to where another experiment's runs are


def facts_of(sent: dict[str, Any]) -> list[Fact]:
    """The facts that are to be added.

    Raises:
        Garbled: they are none.
    """
    facts = []
    for fact in expect(sent.get("facts"), list, "facts"):
        if len(expect(fact, list, "a fact")) != 3:
            raise Garbled("a fact should be kind, key and value")
        facts.append((expect(fact[0], str, "kind"), expect(fact[1], str, "key"), fact[2]))
    return facts


def after_of(sent: dict[str, Any]) -> int:
    """The time after which something is to be said, in ns.

    Raises:
        Garbled: it is none.
    """
    after_ns = expect(sent.get("after_ns", 0), int, "after_ns")
    if not -(2**63) <= after_ns < 2**63 - 1:
        raise Garbled(f"after_ns={after_ns} should fit into 64 bits")
    return int(after_ns)


def card_of(sent: dict[str, Any]) -> CardName:
    """The card that a request names.

    Raises:
        Garbled, InvalidName: it names none.
    """
    parts = texts(sent.get("card"), "card")
    if len(parts) != 3:
        raise Garbled("a card should be kind, space and name")
    return CardName(*parts).check()


def version_of(sent: dict[str, Any]) -> Version:
    """The version that a request names.

    Raises:
        Garbled, InvalidArgument: it is none.
    """
    return Version.parse(expect(sent.get("version"), str, "version"))


# -- runs -------------------------------------------------------------------------------------------------------------


def create_run(call: Call, sent: dict[str, Any]) -> bool:
    """See `Store.create_run`. One that comes again, and finds its run without any record, was the one that made it."""
    experiment, uid = new_run_of(sent)
    if call.context.store.create_run(experiment, uid):
        return True
    if not came_again(call):
        return False
    run = call.context.store.open_run(uid, experiment=experiment)
    return not run.events() and not len(run.points())


def abandon_run(call: Call, sent: dict[str, Any]) -> None:
    """See `Store.abandon_run`."""
    call.context.store.abandon_run(*new_run_of(sent))


def open_run(call: Call, sent: dict[str, Any]) -> dict[str, Any]:
    """See `Store.open_run`: whether it is there, and of which experiment."""
    return {"experiment": run_of(call, sent).experiment}


def delete_experiment(call: Call, sent: dict[str, Any]) -> int:
    """See `Store.delete_experiment`."""
    return call.context.store.delete_experiment(check_path_name(sent.get("experiment"), "experiment"))


def start(call: Call, sent: dict[str, Any]) -> dict[str, Any]:
    """See `RecordedRun.start`."""
    return run_of(call, sent).start()


def is_alive(call: Call, sent: dict[str, Any]) -> list[Any]:
    """See `RecordedRun.is_alive`."""
    return list(run_of(call, sent).is_alive())


def annotate(call: Call, sent: dict[str, Any]) -> int:
    """See `RecordedRun.annotate`. One that comes again, and finds its facts recorded at one time, recorded them."""
    facts, after_ns = facts_of(sent), after_of(sent)
    run = run_of(call, sent)
    if came_again(call):
        said = _said_ns(call, run.events({kind for kind, _, _ in facts}), facts, after_ns)
        if said is not None:
            return said
    return run.annotate(facts, after_ns=after_ns)


def _said_ns(call: Call, events: Iterable[Event | StoredEvent], facts: list[Fact], after_ns: int) -> int | None:
    """The time after that one at which all the facts were recorded together since the request came first, or None."""
    after_ns = max(after_ns, uid_time_ns(call.request.headers.get(text.KEY_HEADER, "0")) - _CLOCKS_NS)
    found: dict[int, list[bytes]] = {}
    for event in events:
        if event.time_ns > after_ns:
            found.setdefault(event.time_ns, []).append(text.dumps([event.kind, event.key, event.value]))
    wanted = sorted(text.dumps(list(fact)) for fact in facts)
    return next((time_ns for time_ns, known in found.items() if sorted(known) == wanted), None)


# -- claims -----------------------------------------------------------------------------------------------------------


def claim_number(call: Call, sent: dict[str, Any]) -> int:
    """See `Store.claim_number`."""
    return call.context.store.claim_number(*new_run_of(sent))


def claim(call: Call, sent: dict[str, Any]) -> bool:
    """See `Store.claim`. One that comes again, and finds its name claimed with the same words, was the one."""
    store, namespace, name = call.context.store, *_named(sent)
    about = expect(sent.get("about"), dict, "about")
    if store.claim(namespace, name, about):
        return True
    return came_again(call) and store.claimed(namespace, name) == {**about, "name": name}


def claimed(call: Call, sent: dict[str, Any]) -> dict[str, Any] | None:
    """See `Store.claimed`."""
    return call.context.store.claimed(*_named(sent))


def claims(call: Call, sent: dict[str, Any]) -> list[dict[str, Any]]:
    """See `Store.claims`."""
    return call.context.store.claims(expect(sent.get("namespace"), str, "namespace"))


def release(call: Call, sent: dict[str, Any]) -> bool:
    """See `Store.release`. One that comes again, and finds the name free, was the one that gave it back."""
    store, namespace, name = call.context.store, *_named(sent)
    if store.release(namespace, name, expect(sent.get("about"), dict, "about")):
        return True
    return came_again(call) and store.claimed(namespace, name) is None


def reclaim(call: Call, sent: dict[str, Any]) -> bool:
    """See `Store.reclaim`. One that comes again, and finds what it wanted, was the one that said so."""
    store, namespace, name = call.context.store, *_named(sent)
    about, instead = (expect(sent.get(key), dict, key) for key in ("about", "instead"))
    if store.reclaim(namespace, name, about, instead):
        return True
    return came_again(call) and store.claimed(namespace, name) == {**instead, "name": name}


def _named(sent: dict[str, Any]) -> tuple[str, str]:
    return expect(sent.get("namespace"), str, "namespace"), expect(sent.get("name"), str, "name")


# -- contents ---------------------------------------------------------------------------------------------------------


def has_content(call: Call, sent: dict[str, Any]) -> bool:
    """See `Store.has_content`."""
    return call.context.store.has_content(expect(sent.get("digest"), str, "digest"))


# -- cards ------------------------------------------------------------------------------------------------------------


def versions_taken(call: Call, sent: dict[str, Any]) -> list[str]:
    """See `Store.versions_taken`."""
    return [str(version) for version in call.context.store.versions_taken(card_of(sent))]


def claim_version(call: Call, sent: dict[str, Any]) -> str:
    """See `Store.claim_version`: the version that the caller chose."""
    version = version_of(sent)
    return str(call.context.store.claim_version(card_of(sent), lambda _: version))


def complete_card(call: Call, sent: dict[str, Any]) -> None:
    """See `Store.complete_card`."""
    card, version, about = card_of(sent), version_of(sent), expect(sent.get("about"), dict, "about")
    said = [about.get(name) for name in ("kind", "space", "name", "version")]
    if said != [*card, str(version)] or not is_uid(str(about.get("uid"))):
        raise Garbled("what is said of a card should begin with its uid, kind, space, name and version")
    if version not in call.context.store.versions_taken(card):
        raise CardNotFound(f"nobody claimed {card}@{version}; a version is claimed before it is a card")
    call.context.store.complete_card(card, version, about)


def annotate_card(call: Call, sent: dict[str, Any]) -> int:
    """See `Store.annotate_card`. One that comes again, and finds its facts recorded at one time, recorded them."""
    card, version, uid = card_of(sent), version_of(sent), expect(sent.get("uid"), str, "uid")
    if not is_uid(uid):
        raise Garbled(f"uid={uid!r:.60} should be the card's, 32 hexadecimal digits")
    if version not in call.context.store.versions_taken(card):
        raise CardNotFound(f"there is no card {card}@{version} of which something could be recorded")
    facts, after_ns, store = facts_of(sent), after_of(sent), call.context.store
    if came_again(call):
        said = _said_ns(call, _events_of_card(call, card, version), facts, after_ns)
        if said is not None:
            return said
    return store.annotate_card(card, str(version), uid, facts, after_ns=after_ns)


def _events_of_card(call: Call, card: CardName, version: Version) -> list[Event]:
    """What is recorded of a card, where that lies in a directory; elsewhere the same facts are recorded once more."""
    try:
        state = read_card(call.context.served.store.card_directory(card, str(version)))
    except NotLocal:
        return []
    return [] if state is None else state.events


# -- the list ---------------------------------------------------------------------------------------------------------


def _asks(function: Callable[[Call, dict[str, Any]], Any], summary: str, example: Any) -> Endpoint:
    return Endpoint(
        "POST", f"/store/{function.__name__}", answering(function), summary, READ, body=text.MEDIA_TYPE,
        answer=text.MEDIA_TYPE, problems=[404, 409, 413, 415], example=example,
    )  # fmt: skip


def _changes(
    function: Callable[[Call, dict[str, Any]], Any], summary: str, example: Any,
    audited: Callable[[Call], str] | None = None,
) -> Endpoint:  # fmt: skip
    return Endpoint(
        "POST", f"/store/{function.__name__}", changing(function), summary, WRITE, body=text.MEDIA_TYPE,
        answer=text.MEDIA_TYPE, problems=[404, 409, 413, 415, 503, 507], example=example, audited=audited,
    )  # fmt: skip


_RUN = {"experiment": "iris", "uid": "0" * 32}
_CLAIM = {"namespace": "names", "name": "best", "about": {"uid": "0" * 32}}
_ABOUT = {"uid": "0" * 32, "kind": "model", "space": "team", "name": "classifier", "version": "1.0.0"}
_CARD = {"card": ["model", "team", "classifier"], "version": "1.0.0"}

ENDPOINTS = (
    _changes(create_run, "Make a run; whether it is new.", _RUN),
    _changes(abandon_run, "Take back a run through which nothing was recorded.", _RUN),
    _asks(open_run, "Whether a run is there, and of which experiment.", _RUN),
    _changes(
        delete_experiment, "Remove an experiment for good; how many runs it had.", {"experiment": "iris"}, removed
    ),
    _asks(start, "What the start event of a run says.", _RUN),
    _asks(is_alive, "Whether a writer of the run lives, and how that was found.", _RUN),
    _changes(
        annotate, "Record facts of a run from outside; at which time.", {**_RUN, "facts": [["tag", "k", "v"]]}, edited
    ),
    _changes(claim_number, "The next number of the experiment, for this run.", _RUN),
    _changes(claim, "Claim a name that only one may have; whether it was free.", _CLAIM, edited),
    _asks(claimed, "What was said when a name was claimed.", {"namespace": "names", "name": "best"}),
    _asks(claims, "All claims of a namespace.", {"namespace": "names"}),
    _changes(release, "Give a name back; whether it was claimed with this.", _CLAIM, edited),
    _changes(
        reclaim, "Remember something else of a name; whether it was claimed with this.", {**_CLAIM, "instead": {}},
        edited,
    ),
    _asks(has_content, "Whether there are contents of this SHA-256.", {"digest": "0" * 64}),
    _asks(versions_taken, "Every version of a card that was ever claimed.", {"card": _CARD["card"]}),
    _changes(claim_version, "Claim a version of a card.", _CARD),
    _changes(complete_card, "Make a claimed version a card.", {**_CARD, "about": _ABOUT}, edited),
    _changes(
        annotate_card, "Record facts of a card; at which time.",
        {**_CARD, "uid": "0" * 32, "facts": [["tag", "k", "v"]]}, edited,
    ),
)  # fmt: skip

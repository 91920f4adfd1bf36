"""What the audit log tells of changes through the contract: of which run, card or name, and which facts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from runlore.server.contract.calls import arguments

if TYPE_CHECKING:
    from runlore.server.endpoint import Call

_MOST = 500


def removed(call: Call) -> str:
    """The experiment that is removed."""
    return str(arguments(call).get("experiment"))[:_MOST]


def edited(call: Call) -> str:
    """The run, card or name, and the kinds and keys of the facts; their values are the run's."""
    sent = arguments(call)
    if "card" in sent:
        target = f"{'/'.join(map(str, sent['card']))}@{sent.get('version')}"
    else:
        target = str(sent.get("uid") or f"{sent.get('namespace')} {sent.get('name')}")
    said = ", ".join(f"{kind} {key}" for kind, key, _ in sent.get("facts", []))
    return (f"{target}: {said}" if said else target)[:_MOST]

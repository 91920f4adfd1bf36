"""What an admin of everything says how it is to be: quotas of teams, and rules of retention."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from runlore.server.accounts.account import accounts_of, tell
from runlore.server.endpoint import ADMIN, Endpoint
from runlore.server.problems import Problem

if TYPE_CHECKING:
    from runlore.server.accounts.rules import Rule
    from runlore.server.endpoint import Call


class QuotaChange(msgspec.Struct, forbid_unknown_fields=True):
    """How many bytes and runs there may be in the experiments that a team records; null: as many as it likes."""

    bytes: int | None = None
    runs: int | None = None


class RuleInfo(msgspec.Struct):
    """What the server does by itself with runs of some experiments, after so many days."""

    id: int
    path: str
    action: str
    days: float
    created_ms: float


class Rules(msgspec.Struct):
    """Rules, in the order in which they were made."""

    rules: list[RuleInfo]


class NewRule(msgspec.Struct, forbid_unknown_fields=True):
    """A rule to be made; `action` is `trash`, `artifacts` or `empty`."""

    path: str
    action: str
    days: float


def set_quota(call: Call) -> None:
    """Give a team a quota."""
    told: QuotaChange = call.body
    book = accounts_of(call).book
    book.quotas.set(call.path("name"), most_bytes=told.bytes, most_runs=told.runs)
    tell(call, "team.quota", call.path("name"), bytes=told.bytes, runs=told.runs)


def rules(call: Call) -> Rules:
    """All rules."""
    return Rules(list(map(rule_of, accounts_of(call).book.rules.all())))


def rule_of(rule: Rule) -> RuleInfo:
    """A rule as it is sent."""
    return RuleInfo(rule.id, rule.pattern, rule.action, rule.days, rule.created_s * 1e3)


def add_rule(call: Call) -> RuleInfo:
    """A new rule."""
    told: NewRule = call.body
    made = accounts_of(call).book.rules.add(told.path, told.action, told.days)
    tell(call, "retention.add", made.pattern, rule=made.id, does=made.action, days=made.days)
    return rule_of(made)


def remove_rule(call: Call) -> None:
    """Remove a rule."""
    text = call.path("id")
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Problem(404, f"there is no rule {text[:40]!r}")
    gone = accounts_of(call).book.rules.remove(int(text))
    tell(call, "retention.remove", gone.pattern, rule=gone.id, does=gone.action, days=gone.days)


ENDPOINTS = (
    Endpoint("PUT", "/accounts/teams/{name}/quota", set_quota, "Give a team a quota.", ADMIN, body=QuotaChange,
             problems=[404, 409], example={"bytes": 10_000_000_000, "runs": 1_000}),
    Endpoint("GET", "/accounts/retention", rules, "What the server does by itself with old runs.", ADMIN, answer=Rules,
             problems=[404]),
    Endpoint("POST", "/accounts/retention", add_rule, "Add a rule of retention.", ADMIN, body=NewRule, answer=RuleInfo,
             problems=[404, 409], example={"path": "scratch/**", "action": "trash", "days": 30}),
    Endpoint("DELETE", "/accounts/retention/{id}", remove_rule, "Remove a rule of retention.", ADMIN, problems=[404]),
)  # fmt: skip

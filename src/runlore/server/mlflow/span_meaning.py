"""What spans that come by OpenTelemetry mean to MLflow's clients: type, inputs, outputs, tokens, session and user.

Instrumentations name the same things differently. Read are the conventions of OpenTelemetry for generative models, of
OpenInference and of OpenLLMetry; what a span says in MLflow's own words counts first.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

INPUTS, OUTPUTS, TYPE, TOKENS = "mlflow.spanInputs", "mlflow.spanOutputs", "mlflow.spanType", "mlflow.chat.tokenUsage"
_MEANT: dict[str, tuple[str, ...]] = {
    INPUTS: ("input.value", "gen_ai.input.messages", "gen_ai.tool.call.arguments", "traceloop.entity.input"),
    OUTPUTS: ("output.value", "gen_ai.output.messages", "gen_ai.tool.call.result", "traceloop.entity.output"),
    "mlflow.llm.model": ("gen_ai.response.model", "gen_ai.request.model", "llm.model_name"),
    "mlflow.llm.provider": ("gen_ai.provider.name", "llm.provider", "gen_ai.system"),
}
_COUNTED: dict[str, tuple[str, ...]] = {
    "input_tokens": ("gen_ai.usage.input_tokens", "llm.token_count.prompt", "gen_ai.usage.prompt_tokens"),
    "output_tokens": ("gen_ai.usage.output_tokens", "llm.token_count.completion", "gen_ai.usage.completion_tokens"),
    "total_tokens": ("llm.token_count.total", "llm.usage.total_tokens"),
}
_OPERATIONS = {
    "chat": "CHAT_MODEL", "create_agent": "AGENT", "embeddings": "EMBEDDING", "execute_tool": "TOOL",
    "generate_content": "LLM", "invoke_agent": "AGENT", "text_completion": "LLM", "response": "LLM",
}  # fmt: skip
_KINDS = ("openinference.span.kind", "traceloop.span.kind")
_OF_TRACES = {"mlflow.trace.session": "session.id", "mlflow.trace.user": "user.id"}
_TRACE_TOKENS = "mlflow.trace.tokenUsage"


def first(attributes: Mapping[str, Any], names: Iterable[str]) -> Any:
    """What stands under the first of these names that there is; None: under none."""
    return next((attributes[name] for name in names if attributes.get(name) not in (None, "")), None)


def meant(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of a span, with those that MLflow's clients look for; JSON texts among those are read.

    Example:
        >>> meant({"gen_ai.operation.name": "chat", "input.value": '{"q": 1}'})["mlflow.spanInputs"]
        {'q': 1}
    """
    found = dict(attributes)
    for key, names in _MEANT.items():
        value = first(attributes, (key, *names))
        if value is not None:
            found[key] = _read(value)
    kind = attributes.get(TYPE) or _type_of(attributes)
    if kind:
        found[TYPE] = kind
    tokens = tokens_of(attributes)
    if tokens and TOKENS not in found:
        found[TOKENS] = tokens
    return found


def _read(value: Any) -> Any:
    """What JSON text says; another value as it is."""
    if isinstance(value, str):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def _type_of(attributes: Mapping[str, Any]) -> str | None:
    kind = first(attributes, _KINDS)
    if kind is not None:
        return str(kind).strip('"').upper()
    return _OPERATIONS.get(str(attributes.get("gen_ai.operation.name", "")).strip('"'))


def tokens_of(attributes: Mapping[str, Any]) -> dict[str, int]:
    """How many tokens a span used, by MLflow's names; empty: it does not say."""
    said = _read(attributes.get(TOKENS))
    counted = {name: first(attributes, names) for name, names in _COUNTED.items()}
    known = said if isinstance(said, dict) else counted
    found = {name: value for name, value in known.items() if isinstance(value, int) and not isinstance(value, bool)}
    if found and "total_tokens" not in found:
        found["total_tokens"] = sum(found.values())
    return found


def of_spans(spans: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """What the spans of a trace say of it as a whole: session, user, and tokens, where no span above counted them."""
    every = {str(span.get("span_id")): span for span in spans}
    found: dict[str, str] = {}
    total: dict[str, int] = {}
    for span in every.values():
        attributes = span.get("attributes") or {}
        for key, name in _OF_TRACES.items():
            if attributes.get(name) is not None:
                found.setdefault(key, str(attributes[name]))
        if not _is_counted_above(span, every):
            for name, count in tokens_of(attributes).items():
                total[name] = total.get(name, 0) + count
    return {**found, **({_TRACE_TOKENS: json.dumps(total)} if total else {})}


def _is_counted_above(span: Mapping[str, Any], every: Mapping[str, Mapping[str, Any]]) -> bool:
    seen = set()
    above = every.get(str(span.get("parent_id")))
    while above is not None and id(above) not in seen:  # a client may send spans in a circle
        if tokens_of(above.get("attributes") or {}):
            return True
        seen.add(id(above))
        above = every.get(str(above.get("parent_id")))
    return False


def resource_tags(spans: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """What the program that sent the spans says of itself."""
    found: dict[str, str] = {}
    for span in spans:
        for key, value in (span.get("resource") or {}).items():
            found[str(key)] = value if isinstance(value, str) else json.dumps(value)
    return found

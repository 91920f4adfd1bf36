"""The list of all endpoints of MLflow's protocol: each module of this room brings its own; the busiest come first."""

from __future__ import annotations

from dataclasses import replace

from starlette.convertors import Convertor, register_url_convertor

from runlore.server.mlflow import (
    artifacts,
    assessments,
    evaluation_calls,
    experiment_calls,
    info,
    inputs,
    logged_models,
    logging,
    metrics,
    model_calls,
    runs,
    search,
    trace_calls,
    trace_correlation,
    trace_metrics,
    uploads,
    version_calls,
    webhook_calls,
)
from runlore.server.mlflow.message import refuse


class _Root(Convertor[str]):
    """Under which MLflow's clients look for the protocol: of both versions, and as MLflow's own page asks."""

    regex = r"(?:ajax-)?api/[23]\.0"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("mlflow_root", _Root())

_EVERY = (
    *logging.ENDPOINTS,
    *runs.ENDPOINTS,
    *search.ENDPOINTS,
    *metrics.ENDPOINTS,
    *inputs.ENDPOINTS,
    *logged_models.ENDPOINTS,
    *model_calls.ENDPOINTS,
    *version_calls.ENDPOINTS,
    *uploads.ENDPOINTS,
    *artifacts.ENDPOINTS,
    *trace_correlation.ENDPOINTS,
    *trace_metrics.ENDPOINTS,
    *trace_calls.ENDPOINTS,
    *assessments.ENDPOINTS,
    *evaluation_calls.ENDPOINTS,
    *experiment_calls.ENDPOINTS,
    *webhook_calls.ENDPOINTS,
    *info.ENDPOINTS,
    *info.UNKNOWN,
)

ENDPOINTS = tuple(replace(endpoint, refusal=refuse) for endpoint in _EVERY)
"""They all say in MLflow's form what did not work, also who is not let in."""

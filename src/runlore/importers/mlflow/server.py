"""A tracking server of MLflow, asked through its REST API, page by page."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from runlore.errors import DamagedFile, NotReachable
from runlore.importers._http import HttpServer, authorization
from runlore.importers._records import File, Points, Source
from runlore.importers.mlflow.entities import KIND, MlflowRun, RunInfo, infinite, ns_of, start_of
from runlore.scratch import scratch_directory

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runlore.importers._records import Record

_API = "/api/2.0/mlflow"
_ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"
_PAGE = 1_000
_MOST_POINTS = 25_000
"""Of one answer: more than that the server does not give."""
_MOST_DEPTH = 100
"""Of folders of artifacts."""


@dataclass
class ServerRun(MlflowRun):
    """A run of the server."""

    server: HttpServer = field(kw_only=True)
    params: dict[str, str] = field(kw_only=True)
    keys: list[str] = field(kw_only=True)
    """Of its metrics."""
    root: str = field(kw_only=True)
    """Where the server says that its artifacts are."""

    def records(self) -> Iterator[Record]:
        """Params and tags, points, files, the end.

        Raises:
            NotReachable: the server does not answer.
        """
        yield from self.facts(self.params)
        for key in self.keys:
            yield from self._points(key)
        with TemporaryDirectory(dir=scratch_directory()) as folder:
            yield from self._files("", os.path.join(folder, "content"), 0)
        yield from self.end()

    def _points(self, key: str) -> Iterator[Points]:
        query = {"run_id": self.info.id, "metric_key": key, "max_results": _MOST_POINTS}
        for answer in pages(self.server, f"{_API}/metrics/get-history", query):
            found = Points(key, [], [], [])
            for metric in answer.get("metrics") or ():
                try:
                    point = float(metric.get("step") or 0), ns_of(int(metric["timestamp"])), float(metric["value"])
                except (KeyError, TypeError, ValueError, AttributeError):
                    self.problems.append(f"left out: the point {metric!r:.200} of {key!r}, which is no number")
                    continue
                for column, number in zip(found[1:], (*point[:2], infinite(point[2])), strict=True):
                    column.append(number)  # type: ignore[attr-defined]
            yield found

    def _fetch(self, name: str, target: str) -> None:
        """Through the server, wherever it keeps artifacts: by their place where it hands them out itself."""
        if self.root.startswith("mlflow-artifacts:"):
            place = f"{urlsplit(self.root).path.strip('/')}/{name}"
            self.server.fetch(f"{_ARTIFACTS}/{quote(place)}", {}, target)
        else:
            self.server.fetch("/get-artifact", {"path": name, "run_uuid": self.info.id}, target)

    def _files(self, path: str, target: str, depth: int) -> Iterator[File]:
        """The artifacts below a folder. One that cannot be fetched is a problem."""
        if depth > _MOST_DEPTH:
            self.problems.append(f"left out: the artifacts below {path!r:.200}, which are nested too deeply")
            return
        query = {"run_id": self.info.id, **({"path": path} if path else {})}
        try:
            listed = [
                item for answer in pages(self.server, f"{_API}/artifacts/list", query)
                for item in answer.get("files") or () if isinstance(item, dict) and str(item.get("path", "")) > path
            ]  # fmt: skip
        except NotReachable as error:
            self.problems.append(f"left out: the artifacts below {path!r}: {error}")
            return
        for item in listed:
            name = str(item["path"])
            if item.get("is_dir"):
                yield from self._files(name, target, depth + 1)
                continue
            try:
                self._fetch(name, target)
            except NotReachable as error:
                self.problems.append(f"left out: the artifact {name!r}: {error}")
                continue
            yield File(name, target)


class ServerSource(Source):
    """The runs of a server. Who asks, the variables `MLFLOW_TRACKING_TOKEN`, `_USERNAME` and `_PASSWORD` say.

    Raises:
        InvalidArgument: it is no address of a server.
    """

    kind = KIND

    def __init__(self, address: str) -> None:
        who = authorization("MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")
        self.location = address
        self.problems: list[str] = []
        self._server = HttpServer(address, who)

    def runs(self) -> list[ServerRun]:
        """All runs, also those in the trash, by their start.

        Raises:
            NotReachable, NotAllowed: the server does not answer, or does not let us.
            DamagedFile: it answers what MLflow does not.
        """
        everything = {"view_type": "ALL", "max_results": _PAGE}
        answers = pages(self._server, f"{_API}/experiments/search", body=everything)
        names = {item["experiment_id"]: item["name"] for answer in answers for item in answer.get("experiments") or ()}
        found = []
        for experiment, name in names.items():
            body = {"experiment_ids": [experiment], "run_view_type": "ALL", "max_results": _PAGE}
            for answer in pages(self._server, f"{_API}/runs/search", body=body):
                found += [self._run(item, name) for item in answer.get("runs") or ()]
        return sorted(found, key=lambda run: (run.started_ns, run.id))

    def close(self) -> None:
        """Close the connection."""
        self._server.close()

    def _run(self, item: Any, experiment: str) -> ServerRun:
        try:
            info, data = item["info"], item.get("data") or {}
            params, tags = (_pairs(data.get(name)) for name in ("params", "tags"))
            keys = sorted(str(metric["key"]) for metric in data.get("metrics") or ())
            start, end = (int(info[name]) if info.get(name) else None for name in ("start_time", "end_time"))
            root = str(info.get("artifact_uri") or "")
            about = RunInfo(
                str(info["run_id"]), experiment, info.get("run_name"), info.get("user_id"), str(info.get("status")),
                start, end, info.get("lifecycle_stage") == "deleted",
            )  # fmt: skip
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise DamagedFile(f"{self.location} answers with a run that MLflow would not: {error!r}") from error
        return ServerRun(**start_of(about, tags), server=self._server, params=params, keys=keys, root=root)


def _pairs(listed: Any) -> dict[str, str]:
    return {str(item["key"]): str(item.get("value", "")) for item in listed or ()}


def pages(
    server: HttpServer, path: str, query: dict[str, Any] | None = None, body: dict[str, Any] | None = None
) -> Iterator[dict[str, Any]]:
    """The answers to one question, page after page.

    Raises:
        NotReachable, NotAllowed, DamagedFile: as `HttpServer.ask`.
    """
    token = ""
    while True:
        more = {"page_token": token} if token else {}
        answer = server.ask(path, {**query, **more} if query else None, {**body, **more} if body else None)
        if not isinstance(answer, dict):
            raise DamagedFile(f"{server.address}: the answer to {path} is no object")
        yield answer
        before, token = token, str(answer.get("next_page_token") or "")
        if not token or token == before:
            return

"""The artifacts of a run: what there is, their contents, several in one file; and the code that ran."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from starlette.responses import Response, StreamingResponse

from runlore.errors import ArtifactNotFound
from runlore.reader import provenance
from runlore.reader.artifact import Artifact
from runlore.reader.zipping import zip_artifacts
from runlore.server.endpoint import Endpoint, Parameter
from runlore.server.native.asking import RUN, find_run
from runlore.server.native.files import BYTES, attachment, content
from runlore.server.native.values import Number, number, param

if TYPE_CHECKING:
    from collections.abc import Sequence

    from runlore.index.records import ArtifactRecord, RunRecord
    from runlore.server.endpoint import Call

MAX_ARTIFACTS = 20_000
CODE = "code/"
_ZIP = "application/zip"


class ArtifactInfo(msgspec.Struct):
    """The latest of the `versions` that have the same name and step."""

    name: str
    step: Number
    kind: str
    size: int | None
    media_type: str | None
    digest: str | None
    time_ms: float
    metadata: dict[str, Any]
    versions: int


class Artifacts(msgspec.Struct):
    """Artifacts by name and step."""

    artifacts: list[ArtifactInfo]
    next_cursor: str | None


class CodeFile(msgspec.Struct):
    """A file of the code that ran."""

    path: str
    size: int | None
    digest: str | None


class Patch(msgspec.Struct):
    """What was changed since the commit."""

    digest: str | None
    size: int | None


class Code(msgspec.Struct):
    """The code that ran; contents by their digests."""

    files: list[CodeFile]
    diff: Patch | None


def artifacts(call: Call) -> Artifacts:
    """The artifacts of a run."""
    limit = call.integer("limit", 1_000, low=1, high=MAX_ARTIFACTS)
    start = call.integer("cursor", 0)
    kind, prefix = call.text("kind"), call.text("prefix") or ""
    versions: dict[tuple[str, float | None], list[ArtifactRecord]] = {}
    for record in _records(call):
        if record.name.startswith(prefix) and kind in (None, record.kind):
            versions.setdefault((record.name, record.step), []).append(record)
    latest = [(max(records, key=lambda item: item.time_ns), len(records)) for records in versions.values()]
    page = latest[start : start + limit]
    following = str(start + limit) if start + limit < len(latest) else None
    return Artifacts([_info(record, count) for record, count in page], following)


def _info(record: ArtifactRecord, count: int) -> ArtifactInfo:
    return ArtifactInfo(
        record.name, number(record.step), record.kind, record.size, record.media_type, record.digest,
        record.time_ns / 1e6, param(dict(record.metadata)), count,
    )  # fmt: skip


def artifact_content(call: Call) -> Response:
    """The contents of the latest version of an artifact."""
    name, step = call.required("name"), call.number("step")
    records = _records(call)
    found = [record for record in records if record.name == name and (step is None or record.step == step)]
    if not found:
        at = "" if step is None else f" at step {step:g}"
        raise ArtifactNotFound(f"the run has no artifact {name[:200]!r}{at}")
    record = max(found, key=lambda item: item.time_ns)
    if record.digest is None:
        raise ArtifactNotFound(f"artifact {name[:200]!r} is a reference; the store keeps no contents of it")
    return content(
        call.request, call.context.store, record.digest, name=name.rpartition("/")[2], media_type=record.media_type,
        inline=call.flag("inline"),
    )  # fmt: skip


def artifacts_zip(call: Call) -> StreamingResponse:
    """The latest version of each artifact, in one file, made while it is sent."""
    run, prefix = find_run(call), call.text("prefix") or ""
    latest = _latest(_of(call, run))
    chosen = [record for record in latest if record.name.startswith(prefix) and record.digest is not None]
    if not chosen:
        raise ArtifactNotFound(f"the run has no artifact with contents whose name begins with {prefix[:200]!r}")
    found = [Artifact.of(record, call.context.store) for record in chosen]
    for artifact in found:
        if not call.context.store.has_content(str(artifact.digest)):
            raise ArtifactNotFound(f"the contents of artifact {artifact.name[:200]!r} are gone")
    title = run.uid if run.number is None else f"{run.experiment.rpartition('/')[2]}-{run.number}"
    return StreamingResponse(zip_artifacts(found), media_type=_ZIP, headers=attachment(f"{title}.zip"))


def code(call: Call) -> Code:
    """The code of a run."""
    latest = _latest(_records(call))
    files = [
        CodeFile(record.name.removeprefix(CODE), record.size, record.digest)
        for record in latest if record.kind == "code"
    ]  # fmt: skip
    diff = next((Patch(record.digest, record.size) for record in latest if record.name == provenance.DIFF), None)
    return Code(files, diff)


def contents(call: Call) -> Response:
    """Contents by their digest."""
    digest = call.path("sha256")
    return content(call.request, call.context.store, digest, name=digest)


def _records(call: Call) -> Sequence[ArtifactRecord]:
    return _of(call, find_run(call))


def _of(call: Call, run: RunRecord) -> Sequence[ArtifactRecord]:
    return call.context.index.artifacts([run.uid]).get(run.uid, [])


def _latest(records: Sequence[ArtifactRecord]) -> list[ArtifactRecord]:
    """The latest record of each name."""
    found: dict[str, ArtifactRecord] = {}
    for record in records:
        if record.name not in found or found[record.name].time_ns <= record.time_ns:
            found[record.name] = record
    return list(found.values())


_COUNT: dict[str, Any] = {"type": "integer", "minimum": 1}
_RANGES = "Takes `Range` and `If-None-Match`. The tag is the SHA-256 of the contents."
_PREFIX = Parameter("prefix", "Only those whose names begin so.")

ENDPOINTS = (
    Endpoint(
        "GET", "/runs/{uid:text}/artifacts", artifacts, "The artifacts of a run.", path_parameters=[RUN],
        parameters=[
            _PREFIX, Parameter("kind", "Only these: image, model, table …"),
            Parameter("limit", f"How many, at most {MAX_ARTIFACTS:,}.", _COUNT),
            Parameter("cursor", "`next_cursor` of the page before.", {"type": "integer", "minimum": 0}),
        ],
        answer=Artifacts, problems=[404],
    ),
    Endpoint(
        "GET", "/runs/{uid:text}/artifacts/content", artifact_content, "The contents of an artifact.",
        path_parameters=[RUN],
        parameters=[
            Parameter("name", "Of the artifact.", required=True, example="model.pt"),
            Parameter("step", "The latest at this step.", {"type": "number"}),
            Parameter("inline", "1: to be shown in place, where it is harmless.",
                      {"type": "string", "enum": ["0", "1"]}),
        ],
        answer=BYTES, also=[206, 304], problems=[404, 416], about=_RANGES,
    ),
    Endpoint(
        "GET", "/runs/{uid:text}/artifacts/zip", artifacts_zip, "The artifacts of a run in one ZIP file.",
        path_parameters=[RUN], parameters=[_PREFIX], answer=_ZIP, problems=[404],
    ),
    Endpoint("GET", "/runs/{uid:text}/code", code, "The code that ran.", path_parameters=[RUN], answer=Code,
             problems=[404]),
    Endpoint(
        "GET", "/contents/{sha256}", contents, "Contents by their SHA-256. They never change.",
        path_parameters=[Parameter("sha256", "64 hexadecimal digits.", required=True, example="0" * 64)],
        answer=BYTES, also=[206, 304], problems=[404, 416], about=_RANGES,
    ),
)  # fmt: skip

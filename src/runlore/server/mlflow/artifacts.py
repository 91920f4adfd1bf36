"""The calls about artifacts: the proxy through which clients send, list, fetch and delete files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool

from runlore.errors import RunloreError
from runlore.server.endpoint import READ, WRITE, Endpoint
from runlore.server.mlflow import files
from runlore.server.mlflow.experiments import Experiments
from runlore.server.mlflow.homes import Home, checked, home_of, model_home, model_location
from runlore.server.mlflow.logging import run_id
from runlore.server.mlflow.message import MISSING, Message, MlflowError, endpoint, guarded, refuse, respond
from runlore.server.mlflow.reading import read_about
from runlore.server.problems import Problem

if TYPE_CHECKING:
    from starlette.responses import Response

    from runlore.server.context import Context
    from runlore.server.endpoint import Call

PROXY = "/{root:mlflow_root}/mlflow-artifacts"
ANY = "*/*"


def list_artifacts(message: Message) -> dict[str, Any]:
    """What is in a folder of a run."""
    context, uid = message.context, run_id(message)
    folder = _folder(message.text("path"))
    run = read_about(context, uid)
    place = Experiments(context).place_of(run.experiment)
    return {
        "root_uri": f"{place.location}/{uid}/artifacts",
        "files": files.listing(files.files(context, uid), folder),
    }


def _folder(path: str) -> str:
    return checked(path) if path.strip("/") else ""


def list_proxied(message: Message) -> dict[str, Any]:
    """What is in a folder of the proxy; names are those within the folder."""
    try:
        home = home_of(message.context, message.text("path"))
    except MlflowError as error:
        if error.code != MISSING:
            raise
        return {"files": []}  # as MLflow says of any place where nothing is
    found = files.listing(files.files(message.context, home.run, home.prefix), home.name)
    return {"files": [{**file, "path": file["path"].rpartition("/")[2]} for file in found]}


def download(message: Message) -> Response:
    """A file of the proxy."""
    return fetch(message.context, home_of(message.context, message.path("path")))


def fetch(context: Context, home: Home) -> Response:
    """A file as it is sent.

    Raises:
        MlflowError: there is none.
    """
    found = files.files(context, home.run, home.prefix).get(home.name)
    if found is None:
        raise MlflowError(f"No such artifact: {home.name[:200]!r}", MISSING)
    return files.send(context.store, found)


async def upload(call: Call) -> Response:
    """Keep a file."""
    return await _receive(call, lambda: _file(call.context, call.path("path")))


async def upload_to_run(call: Call) -> Response:
    """Keep a file of a run."""
    query = call.request.query_params
    uid = query.get("run_uuid") or query.get("run_id") or ""
    if call.request.headers.get("content-length", "1") == "0":
        return refuse(MlflowError("Request must specify data."))
    return await _receive(call, lambda: _file(call.context, f"{uid}/artifacts/{query.get('path', '')}"))


def _file(context: Context, path: str) -> Home:
    found = home_of(context, path)
    if not found.name:
        raise MlflowError("Invalid path: it names no file")
    return found


async def _receive(call: Call, where: Any) -> Response:
    try:
        home: Home = await run_in_threadpool(where)
        await run_in_threadpool(read_about, call.context, home.run)  # nothing is received for nobody
        digest, size = await files.receive(call.context, call.request)
        await run_in_threadpool(files.record, call.context, home, digest, size)
    except (MlflowError, Problem, RunloreError) as error:
        return refuse(error)
    return respond({})


def delete(message: Message) -> dict[str, Any]:
    """Remove a file or folder of the proxy; nothing happens where nothing is."""
    files.remove(message.context, home_of(message.context, message.path("path")))
    return {}


def get_artifact(message: Message) -> Response:
    """A file of a run."""
    path = checked(message.required("path"))
    return fetch(message.context, Home(run_id(message), "", path))


# -- files of logged models -------------------------------------------------------------------------------------------


def list_of_model(message: Message) -> dict[str, Any]:
    """What is in a folder of a logged model."""
    context, identifier = message.context, message.path("model_id")
    home = model_home(context, identifier)
    folder = _folder(message.text("artifact_directory_path"))
    return {
        "root_uri": model_location(context, identifier),
        "files": files.listing(files.files(context, home.run, home.prefix), folder),
    }


def file_of_model(message: Message) -> Response:
    """A file of a logged model."""
    path = checked(message.required("artifact_file_path"))
    return fetch(message.context, model_home(message.context, message.path("model_id"), path))


def _unavailable(message: Message) -> dict[str, Any]:  # noqa: ARG001 - every handler gets it
    raise MlflowError("this server gives files in one piece; use the artifact proxy", "NOT_IMPLEMENTED")


def _raw(method: str, path: str, handler: Any, summary: str, prefix: str) -> Endpoint:
    return Endpoint(method, prefix + path, handler, summary, WRITE, body=ANY, answer="application/json")


def _gone(call: Call) -> Response:
    return guarded(lambda: get_artifact(Message(call.context, dict(call.request.query_params), call)))


ENDPOINTS = (
    endpoint("GET", "/artifacts/list", list_artifacts, "What is in a folder of a run."),
    endpoint("GET", "/artifacts", list_proxied, "What is in a folder of the proxy.", prefix=PROXY),
    endpoint("GET", "/artifacts/{path:path}", download, "A file of the proxy.", prefix=PROXY),
    _raw("PUT", "/artifacts/{path:path}", upload, "Keep a file.", PROXY),
    endpoint("DELETE", "/artifacts/{path:path}", delete, "Remove a file or folder.", WRITE, prefix=PROXY),
    endpoint("GET", "/presigned/{path:path}", _unavailable, "Addresses elsewhere, which there are not.", prefix=PROXY),
    _raw("POST", "/upload-artifact", upload_to_run, "Keep a file of a run.", "/{root:mlflow_root}/mlflow"),
    Endpoint("GET", "/get-artifact", _gone, "A file of a run.", READ, answer=ANY),
    endpoint("GET", "/logged-models/{model_id}/artifacts/directories", list_of_model, "Files of a logged model."),
    endpoint("GET", "/logged-models/{model_id}/artifacts/files", file_of_model, "A file of a logged model."),
)

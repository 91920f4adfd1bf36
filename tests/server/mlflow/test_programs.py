"""Programs beside the tests: MLflow's command line, eight processes at once, a server that is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import httpx
import pytest


def test_the_command_line(mlflow, experiment, uri, tmp_path):
    from click.testing import CliRunner
    from mlflow.cli import cli

    def run(*arguments):
        done = CliRunner().invoke(cli, arguments, env={"MLFLOW_TRACKING_URI": uri}, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    with mlflow.start_run(run_name="by name") as made:
        mlflow.log_text("hello", "folder/a.txt")
    uid = made.info.run_id
    assert uid in run("runs", "list", "--experiment-id", experiment)
    assert experiment in run("experiments", "search")
    run("artifacts", "download", "--run-id", uid, "--dst-path", str(tmp_path))
    assert (tmp_path / "folder/a.txt").read_text() == "hello"


EIGHT = """
import mlflow, os, sys, traceback

def record(name):
    # of several that create an experiment at once, MLflow 3.18 sets it as the current one only where it was first
    experiment = mlflow.set_experiment("eight at once").experiment_id
    with mlflow.start_run(experiment_id=experiment, run_name=name):
        for step in range(50):
            mlflow.log_metric("loss", step / 10, step=step)
        mlflow.log_param("who", name)

children = []
for number in range(8):  # forked once MLflow is loaded: loading it takes longer than what is tested
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            record(f"p{number}")
            code = 0
        except Exception:
            traceback.print_exc()
        os._exit(code)
    children.append(pid)
sys.exit(any([os.waitpid(pid, 0)[1] for pid in children]))
"""


def test_eight_processes_at_once(mlflow, client, uri):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", EIGHT], env={**os.environ, "MLFLOW_TRACKING_URI": uri},
        capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    experiment = client.get_experiment_by_name("eight at once")
    found = client.search_runs([experiment.experiment_id])
    assert sorted(one.data.params["who"] for one in found) == [f"p{number}" for number in range(8)]
    for one in found:
        assert [point.step for point in client.get_metric_history(one.info.run_id, "loss")] == list(range(50))


@pytest.fixture
def server(tmp_path):
    """A server in a process of its own, which can be killed and started again."""
    started = []

    def start():
        program = subprocess.Popen(
            [sys.executable, "-m", "runlore", "server", "--store", str(tmp_path / "store"), "--port", "0"],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        started.append(program)
        words = (word for line in program.stdout for word in line.split())
        return program, next(word for word in words if word.startswith("http://")).rstrip("/")

    yield start
    for program in started:
        program.kill()
        program.wait(30)
        program.stdout.close()


def test_a_killed_server_lost_nothing_and_goes_on(server):
    program, address = server()
    base = f"{address}/api/2.0/mlflow"
    uid = httpx.post(f"{base}/runs/create", json={}).json()["run"]["info"]["run_id"]
    for step in range(100):
        httpx.post(
            f"{base}/runs/log-metric", json={"run_id": uid, "key": "m", "value": step, "timestamp": 1, "step": step}
        )
    program.send_signal(signal.SIGKILL)
    program.wait(30)
    _, address = server()
    base = f"{address}/api/2.0/mlflow"
    assert httpx.get(f"{base}/runs/get", params={"run_id": uid}).json()["run"]["info"]["status"] == "RUNNING"
    httpx.post(f"{base}/runs/log-metric", json={"run_id": uid, "key": "m", "value": 100, "timestamp": 1, "step": 100})
    answer = httpx.get(f"{base}/metrics/get-history", params={"run_id": uid, "metric_key": "m"}).json()
    assert [point["step"] for point in answer["metrics"]] == list(range(101))


def test_the_first_answer_comes_soon(mlflow, server):
    _, address = server()
    assert httpx.get(f"{address}/health").status_code == 200
    assert httpx.get(f"{address}/version").text == "3.18.0"
    assert httpx.get(f"{address}/api/3.0/mlflow/server-info").json()["workspaces_enabled"] is False
    assert httpx.get(f"{address}/ajax-api/2.0/mlflow/experiments/search?max_results=5").status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/api/3.0/mlflow/gateway/endpoints/list"), ("POST", "/api/3.0/mlflow/scorers/register"),
     ("DELETE", "/api/3.0/mlflow/gateway/secrets/delete"), ("PATCH", "/api/3.0/mlflow/issues/1"),
     ("POST", "/ajax-api/3.0/jobs/search"), ("PUT", "/api/2.0/mlflow-artifacts/nothing"), ("GET", "/graphql"),
     ("POST", "/graphql")],
)  # fmt: skip
def test_what_there_is_not_is_said_in_mlflows_form(uri, method, path):
    answer = httpx.request(method, uri + path)
    assert (answer.status_code, answer.json()["error_code"]) == (404, "ENDPOINT_NOT_FOUND")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("POST", "/api/2.0/mlflow/runs/search", 400), ("POST", "/api/2.0/mlflow/nothing", 404),
     ("GET", "/api/2.0/mlflow/runs/get", 400), ("POST", "/api/2.0/mlflow/runs/create", 400)],
)  # fmt: skip
def test_broken_requests(mlflow, uri, method, path, status):
    answer = httpx.request(method, uri + path, content=b"{", headers={"content-type": "application/json"})
    assert answer.status_code == status
    form = httpx.request("POST", f"{uri}/api/2.0/mlflow/runs/create", data={"experiment_id": "0"})
    assert (form.status_code, form.json()["error_code"]) == (400, "BAD_REQUEST")

"""The chart of `deploy/helm`: Helm renders it, Kubernetes' schema knows the result, and what it runs is run."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys

import httpx
import pytest
import yaml
from tests.deploy.test_deploy import DEPLOY, command_of, run, tool

from runlore import __version__

CHART = DEPLOY / "helm" / "runlore"
EVERYTHING = {
    "image": {"repository": "registry.example.com/runlore", "tag": "1.2"},
    "imagePullSecrets": [{"name": "pull"}],
    "workers": 3,
    "extraArgs": ["--rate-limit", "20"],
    "persistence": {"storageClass": "fast", "accessMode": "ReadWriteOncePod"},
    "accounts": {"existingSecret": "runlore-accounts"},
    "catalog": {"existingSecret": "runlore-catalog"},
    "oidc": {"issuer": "https://login.example.com/a", "client": "runlore", "existingSecret": "runlore-oidc"},
    "ingress": {
        "enabled": True, "className": "nginx", "tlsSecret": "cert",
        "annotations": {"nginx.ingress.kubernetes.io/proxy-body-size": "0"},
    },
    "podAnnotations": {"a": "b"},
    "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"key": "ml", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
}  # fmt: skip
OUR_CLAIM = {"persistence": {"existingClaim": "ours"}}


def helm(*arguments, values=None):
    """What Helm says, with these values."""
    if values is None:
        return run(tool("helm"), *arguments)
    return subprocess.run(
        [tool("helm"), *arguments, "--values", "-"], input=yaml.safe_dump(values), capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip


def rendered(values):
    """kind → the document that is made of these values."""
    done = helm("template", "ml", str(CHART), values=values)
    assert done.returncode == 0, done.stderr
    return {document["kind"]: document for document in yaml.safe_load_all(done.stdout)}


@pytest.mark.parametrize("values", [{}, EVERYTHING, OUR_CLAIM], ids=["default", "everything", "our claim"])
def test_it_is_what_kubernetes_takes(values):
    done = helm("lint", "--strict", str(CHART), values=values)
    assert done.returncode == 0, done.stdout
    documents = rendered(values)
    wanted = {"Deployment", "Service", "PersistentVolumeClaim"}
    wanted |= {"Ingress"} if values is EVERYTHING else set()
    assert set(documents) == wanted - ({"PersistentVolumeClaim"} if values is OUR_CLAIM else set())


@pytest.mark.parametrize("values", [{}, EVERYTHING, OUR_CLAIM], ids=["default", "everything", "our claim"])
@pytest.mark.parametrize("version", ["1.25", "1.31"])
def test_kubernetes_schema_knows_all_of_it(values, version):
    kubernetes = pytest.importorskip("kubernetes_validate", reason="pip install kubernetes-validate has the schemas")
    for document in rendered(values).values():
        kubernetes.validate(document, version, strict=True)


def test_the_pod_is_locked_in_as_the_container_of_compose_is():
    pod = rendered(EVERYTHING)["Deployment"]["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    user = re.search(r"^USER (\d+):(\d+)$", (DEPLOY / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    own = pod["securityContext"]
    assert own["runAsNonRoot"]
    assert [own["runAsUser"], own["runAsGroup"], own["fsGroup"]] == [int(user[1]), int(user[2]), int(user[2])]
    assert not pod["automountServiceAccountToken"]
    assert {mount["mountPath"] for mount in container["volumeMounts"]} == {"/data", "/tmp"}
    secrets = {one["name"]: one["valueFrom"]["secretKeyRef"]["name"] for one in container["env"]}
    assert secrets == {
        "RUNLORE_ACCOUNTS": "runlore-accounts", "RUNLORE_CATALOG": "runlore-catalog",
        "RUNLORE_OIDC_CLIENT_SECRET": "runlore-oidc",
    }  # fmt: skip


def test_services_and_pods_find_each_other():
    documents = rendered(EVERYTHING)
    template = documents["Deployment"]["spec"]["template"]
    assert documents["Service"]["spec"]["selector"].items() <= template["metadata"]["labels"].items()
    assert documents["Deployment"]["spec"]["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
    [port] = template["spec"]["containers"][0]["ports"]
    assert documents["Service"]["spec"]["ports"][0]["targetPort"] == port["name"]
    assert port["containerPort"] == 5005
    backend = documents["Ingress"]["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
    assert backend["name"] == documents["Service"]["metadata"]["name"]
    claim = template["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"]
    assert claim == documents["PersistentVolumeClaim"]["metadata"]["name"]
    assert rendered(OUR_CLAIM)["Deployment"]["spec"]["template"]["spec"]["volumes"][0]["persistentVolumeClaim"] == {
        "claimName": "ours"
    }


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"workers": 0}, "/workers"),
        ({"workers": "2"}, "/workers"),
        ({"host": "https://ml.example.com"}, "/host"),
        ({"persistence": {"size": "much"}}, "/persistence/size"),
        ({"oidc": {"issuer": "http://login.example.com", "client": "runlore"}}, "/oidc/issuer"),
        ({"oidc": {"issuer": "https://login.example.com"}}, "oidc.client"),
        ({"replicas": 2}, "replicas"),
    ],
)
def test_wrong_values_are_refused_by_their_names(values, named):
    done = helm("template", "ml", str(CHART), values=values)
    assert done.returncode != 0
    assert named in done.stderr


def test_it_is_of_this_version():
    assert yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))["appVersion"] == __version__


@contextlib.contextmanager
def started(container, place):
    """The container's command, with its paths below `place`; gives the port."""
    image = [word.replace("/data", str(place)) for word in command_of("Dockerfile")]
    command = [sys.executable, "-m", "runlore", *image[1:], *container["args"], "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            lines = iter(process.stdout)
            yield next(int(found[1]) for line in lines if (found := re.search(r" at http://\S+:(\d+)/$", line)))
        finally:
            process.terminate()
            assert process.wait(20) in {0, -15}


def test_what_it_runs_answers_the_probes_as_the_kubelet_asks_and_people_by_its_name(tmp_path):
    [container] = rendered({})["Deployment"]["spec"]["template"]["spec"]["containers"]
    with started(container, tmp_path) as port:
        address = f"http://127.0.0.1:{port}"
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            asked = container[probe]["httpGet"]
            headers = {one["name"]: one["value"] for one in asked["httpHeaders"]}
            answer = httpx.get(f"{address}{asked['path']}", headers=headers)
            assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
        assert httpx.get(f"{address}/api/v1/info", headers={"Host": "ml.example.com"}).status_code in {200, 401}
        assert httpx.get(f"{address}/api/v1/info", headers={"Host": "other.example.com"}).status_code == 421
    assert (tmp_path / "runs").is_dir()
    assert (tmp_path / "runs-accounts.sqlite").is_file()

"""A newcomer types what the README says about installing, from top to bottom, as it stands there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from cluster.walk import Shell, checkout, sections, with_venv
from node.deployment import Deployment
from node.namespaces import Namespace, make_restricted
from node.places import ROOT, Site

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

README = (ROOT / "README.md").read_text()
CHARTS_README = (ROOT / "charts" / "kalends" / "README.md").read_text()
CONTAINER_ENGINE = ("docker", "kind")


@pytest.fixture
def newcomer(site: Site, kalends: Deployment, tmp_path: Path) -> Iterator[Shell]:
    """A shell in a fresh copy of the repository, and a cluster in which Kalends is not installed."""
    kalends.uninstall()
    folder = with_venv(checkout(ROOT, tmp_path / "kalends"))
    yield Shell.of(folder, site.cluster.kubeconfig, site.cluster.kubectl_binary, site.helm.binary)
    make_restricted(site.cluster, kalends.home.name)
    kalends.install()


def typed(newcomer: Shell, site: Site, title: str) -> list[str]:
    """Type the blocks of a section, and return what each printed; the place loads images in its own way."""
    said = []
    for block in sections(README)[title]:
        if block.startswith(CONTAINER_ENGINE):
            site.load(site.kalends.archive)
        else:
            said.append(newcomer(block))
    return said


def test_installing_looking_removing_and_installing_without_helm(
    site: Site, kalends: Deployment, newcomer: Shell
) -> None:
    installed, looked_at, removed, applied = typed(newcomer, site, "Install")
    assert "STATUS: deployed" in installed
    table = next(line for line in looked_at.splitlines() if line.startswith("heartbeat "))
    assert "every 10s" in table
    assert "Succeeded" in table
    assert "FIELDS:" in looked_at
    assert '"message":"Kalends 0.1.0, ' in looked_at
    assert 'customresourcedefinition.apiextensions.k8s.io "scheduledjobs.kalends.dev" deleted' in removed
    assert "deployment.apps/kalends serverside-applied" in applied
    kalends.home.kubectl("rollout", "status", "deployment/kalends", "--timeout=240s", timeout=250)
    manifest = newcomer.folder / "examples" / "02-interval-thread" / "scheduledjob.yaml"
    site.cluster.kubectl("apply", "--filename", manifest)
    Namespace(site.cluster, "default").until_run("heartbeat")
    # As the file's head says; the namespace goes, too.
    for name in ("install.yaml", "crds.yaml"):
        site.cluster.kubectl("delete", "--filename", newcomer.folder / "dist" / name, timeout=120)


def test_the_first_manifest_of_the_readme_runs_when_it_is_asked_to(
    site: Site, kalends: Deployment, shell: Shell
) -> None:
    default = Namespace(site.cluster, "default")
    first = README.split("```yaml\n")[1].split("```")[0]
    name = yaml.safe_load(first)["metadata"]["name"]
    default.kubectl("apply", "--filename=-", input=first)
    try:
        (ask,) = sections(README)["When runs overlap, fail, or take too long"]
        shell(ask)
        (run,) = default.until(name, lambda status: status.get("active"))["active"]
        job = default.get("job", run["name"])
        assert job["metadata"]["annotations"]["kalends.dev/run-requested"] == run["request"]
    finally:
        default.kubectl("delete", "scheduledjob", name)


def test_user_tasks_are_mounted_inline_and_from_a_config_map(kalends: Deployment, namespace: Namespace) -> None:
    values = yaml.safe_load(CHARTS_README.split("```yaml\n")[1].split("```")[0])
    billing = "import kalends\n\n\n@kalends.task\ndef bill(customer):\n    return f'bill for {customer}'\n"
    kalends.home.kubectl("create", "configmap", "team-tasks", f"--from-literal=billing.py={billing}")
    kalends.install(
        tasks={
            "files": {**kalends.values["tasks"]["files"], **values["tasks"]["files"]},
            "configMaps": [{"name": "team-tasks", "modules": ["billing"]}],
        }
    )
    for name, expected in (("reports.nightly", "report for acme"), ("billing.bill", "bill for acme")):
        namespace.schedule(name, task={"name": name, "args": ["acme"]})
        assert namespace.until_run(name)["result"].strip('"') == expected

"""Tasks that come in an image FROM ours, in an installation that looks at one namespace alone."""

from __future__ import annotations

import secrets

import pytest

from node.deployment import Deployment
from node.namespaces import Namespace, restricted
from node.places import Site

pytestmark = pytest.mark.slow


def test_the_tasks_of_a_user_image_run_and_other_namespaces_are_left_alone(
    site: Site, kalends: Deployment, namespace: Namespace
) -> None:
    site.load(site.own.archive)
    repository, _, tag = site.own.name.partition(":")
    with restricted(site.cluster, f"acme-{secrets.token_hex(4)}") as blue:
        acme = Deployment(
            site,
            "acme",
            blue.name,
            fullnameOverride="acme",
            replicaCount=1,
            image={"repository": repository, "tag": tag},
            watchNamespaces=[blue.name],
            crds={"enabled": False},
            rbac={"aggregateRoles": False},
        )
        acme.install(tasks={})
        revenue = {"name": "acme.revenue", "args": ["north"]}
        # The other installation sees it too, as it looks everywhere; but it does not know the task.
        kalends.home.kubectl("scale", "deployment/kalends", "--replicas=0")
        try:
            blue.schedule("revenue", task=revenue)
            assert '"region":"north"' in blue.until_run("revenue")["result"].replace(" ", "")
            namespace.schedule("elsewhere", task=revenue)
            blue.schedule("later", task=revenue)
            blue.until_run("later")
            assert namespace.status("elsewhere") == {}
        finally:
            kalends.home.kubectl("scale", "deployment/kalends", "--replicas=2")
            kalends.until_ready()
        acme.uninstall()

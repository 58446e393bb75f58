"""Writes what `kubectl apply --server-side` installs without Helm: the chart with its default values.

    python charts/manifests.py dist

writes `dist/crds.yaml` and `dist/install.yaml`. The CRD is apart, so that `kubectl delete -f install.yaml` removes the
operator and leaves every ScheduledJob. The files are not kept in the repository, as the CRD would be there once more.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import helm_python

CHART = Path(__file__).parent / "kalends"
NAMESPACE = "kalends-system"
HELMS_OWN = re.compile(r"^ +(app\.kubernetes\.io/managed-by|helm\.sh/chart): .*\n", re.MULTILINE)
"""Labels that only speak of Helm."""

CRD = "CustomResourceDefinition"
FIRST = ("ServiceAccount", "ConfigMap", "ClusterRole", "ClusterRoleBinding", "Role")
"""What others need; the rest follows in the order of the chart."""

CRD_HEAD = """\
# The CustomResourceDefinition of Kalends, written by `make manifests`: kubectl apply --server-side -f crds.yaml
#
# Apply it before install.yaml, and again with each new version. To delete it is to delete EVERY ScheduledJob.
"""

HEAD = f"""\
# Kalends without Helm: kubectl apply --server-side -f crds.yaml -f install.yaml
#
# The chart with its default values, written by `make manifests`. Build the image first, and bring it where your nodes
# find it (README.md, Install). To remove the operator, and keep every ScheduledJob: kubectl delete -f install.yaml
apiVersion: v1
kind: Namespace
metadata:
  name: {NAMESPACE}
  labels:
    app.kubernetes.io/name: kalends
    pod-security.kubernetes.io/enforce: restricted
"""


def crds_yaml() -> str:
    """Return the file with the CRD."""
    return CRD_HEAD + "---\n".join(text for text in _documents() if kind_of(text) == CRD)


def install_yaml() -> str:
    """Return the file with all the rest."""
    documents = [text for text in _documents() if kind_of(text) != CRD]
    documents.sort(key=lambda text: FIRST.index(kind_of(text)) if kind_of(text) in FIRST else len(FIRST))
    return "---\n".join([HEAD, *documents])


def _documents() -> list[str]:
    rendered = helm_python.Chart.load(CHART).render({"crds": {"keep": False}}, name="kalends", namespace=NAMESPACE)
    parts = [
        part.strip() + "\n"
        for name, text in rendered.items()
        if name.endswith(".yaml")
        for part in re.split(r"^---$", text, flags=re.MULTILINE)
    ]
    return [HELMS_OWN.sub("", part) for part in parts if kind_of(part)]


def kind_of(document: str) -> str:
    """Return the kind of an object, or nothing if there is none."""
    found = re.search(r"^kind: (\w+)$", document, re.MULTILINE)
    return found[1] if found else ""


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "crds.yaml").write_text(crds_yaml())
    (folder / "install.yaml").write_text(install_yaml())

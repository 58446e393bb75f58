"""Writes what `kubectl apply --server-side` installs without Helm: the chart with its default values.

    python charts/manifests.py > dist/install.yaml

The file is not kept in the repository: it would be one more copy of the CRD to keep up to date.
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

FIRST = ("CustomResourceDefinition", "ServiceAccount", "ConfigMap", "ClusterRole", "ClusterRoleBinding", "Role")
"""What others need; the rest follows in the order of the chart."""

HEAD = f"""\
# Kalends without Helm: kubectl apply --server-side -f install.yaml
#
# The chart with its default values, written by `make manifests`. Build the image first, and bring it where your nodes
# find it (README.md, Install). To remove all of it, and EVERY ScheduledJob: kubectl delete -f install.yaml
apiVersion: v1
kind: Namespace
metadata:
  name: {NAMESPACE}
  labels:
    app.kubernetes.io/name: kalends
    pod-security.kubernetes.io/enforce: restricted
"""


def install_yaml() -> str:
    """Return the file."""
    rendered = helm_python.Chart.load(CHART).render({"crds": {"keep": False}}, name="kalends", namespace=NAMESPACE)
    documents = [
        part.strip() + "\n"
        for name, text in rendered.items()
        if name.endswith(".yaml")
        for part in re.split(r"^---$", text, flags=re.MULTILINE)
        if kind_of(part)
    ]
    documents.sort(key=lambda text: FIRST.index(kind_of(text)) if kind_of(text) in FIRST else len(FIRST))
    return "---\n".join([HEAD, *(HELMS_OWN.sub("", text) for text in documents)])


def kind_of(document: str) -> str:
    """Return the kind of an object, or nothing if there is none."""
    found = re.search(r"^kind: (\w+)$", document, re.MULTILINE)
    return found[1] if found else ""


if __name__ == "__main__":
    sys.stdout.write(install_yaml())

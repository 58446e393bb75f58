"""The chart, rendered as `helm template` renders it: offline, by Helm's own code."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import helm_python
import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts" / "kalends"
NAMESPACE = "kalends-system"

Json = dict[str, Any]


class _NoDuplicates(yaml.CSafeLoader):
    """YAML in which no mapping has a key twice; the API server takes the last one without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT002 - PyYAML's
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        assert len(keys) == len(set(keys)), f"a key is there twice: {node.start_mark}"
        return super().construct_mapping(node, deep)


@dataclass(frozen=True)
class Rendered:
    """What a release consists of."""

    texts: dict[str, str]

    def objects(self, *, crds: bool = False) -> Iterator[Json]:
        """Yield the objects; the CRD, which is large, only on request."""
        for name, text in self.texts.items():
            if name.endswith(".yaml") and (crds or not name.endswith("/crds.yaml")):
                yield from (one for one in yaml.load_all(text, _NoDuplicates) if one is not None)

    def kinds(self) -> list[str]:
        return sorted(one["kind"] for one in self.objects(crds=True))

    def all(self, kind: str) -> list[Json]:
        return [one for one in self.objects() if one["kind"] == kind]

    def the(self, kind: str, name: str = "") -> Json:
        (found,) = [one for one in self.all(kind) if one["metadata"]["name"].endswith(name)]
        return found

    @property
    def pod(self) -> Json:
        template: Json = self.the("Deployment")["spec"]["template"]
        return template

    @property
    def container(self) -> Json:
        (found,) = self.pod["spec"]["containers"]
        assert isinstance(found, dict)
        return found

    @property
    def settings(self) -> str:
        text = self.the("ConfigMap", "-settings")["data"]["settings.yaml"]
        assert isinstance(text, str)
        return text

    @property
    def notes(self) -> str:
        return next(text for name, text in self.texts.items() if name.endswith("NOTES.txt"))


@cache
def chart() -> helm_python.Chart:
    return helm_python.Chart.load(CHART)


def render(values: Json | None = None, *, name: str = "kalends") -> Rendered:
    """Return a release. Values that the schema refuses are an error, as with `helm install`."""
    return _render(json.dumps(values), name)


@cache
def _render(values: str, name: str) -> Rendered:
    given = json.loads(values)
    chart().validate_schema(given)
    return Rendered(chart().render(given, name=name, namespace=NAMESPACE))


EVERYTHING: Json = {
    "image": {"digest": "sha256:" + "0" * 64},
    "imagePullSecrets": [{"name": "registry"}],
    "settings": {"jobDefaults": {"startingDeadlineSeconds": 60}},
    "tasks": {
        "modules": ["acme.tasks"],
        "files": {"reports.py": "import kalends\n"},
        "configMaps": [{"name": "team-tasks", "modules": ["billing", "mail"]}],
    },
    "replicaCount": 2,
    "leaderElection": {"name": "kalends-lease"},
    "priorityClassName": "high",
    "nodeSelector": {"disk": "fast"},
    "tolerations": [{"key": "reserved", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
    "topologySpreadConstraints": [{"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"}],
    "podLabels": {"team": "blue"},
    "podAnnotations": {"note": "pod"},
    "extraEnv": [{"name": "DSN", "value": "db"}],
    "extraEnvFrom": [{"secretRef": {"name": "more"}}],
    "extraVolumes": [{"name": "data", "emptyDir": {}}],
    "extraVolumeMounts": [{"name": "data", "mountPath": "/data"}],
    "commonLabels": {"cost-centre": "42"},
    "serviceAccount": {"annotations": {"role": "arn"}},
    "metrics": {"serviceMonitor": {"enabled": True}, "prometheusRule": {"enabled": True}},
    "podDisruptionBudget": {"enabled": True},
    "networkPolicy": {"enabled": True, "from": [{"podSelector": {}}], "egress": [{}]},
}
"""Every toggle the other way round, except watchNamespaces."""

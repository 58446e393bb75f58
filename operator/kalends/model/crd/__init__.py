"""The CustomResourceDefinition, written from the model: nothing is typed twice."""

from kalends.model.crd.definition import crd_manifest, crd_yaml

__all__ = ["crd_manifest", "crd_yaml"]

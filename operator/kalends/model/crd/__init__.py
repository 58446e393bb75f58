"""The CustomResourceDefinition, generated from the model."""

from kalends.model.crd.definition import crd_manifest, crd_yaml

__all__ = ["crd_manifest", "crd_yaml"]

"""Builds the CustomResourceDefinition, as an object and as a file."""

from __future__ import annotations

from typing import Any

import yaml
from typing_extensions import override

from kalends.model.crd.columns import printer_columns
from kalends.model.forms import FORM, Form
from kalends.model.resource import ScheduledJob
from kalends.model.rules import Rule
from kalends.model.v1alpha1.spec import ScheduledJobSpec
from kalends.model.v1alpha1.status import Status
from kalends.model.validation.schema import RULES, Schema, structural_schema
from kalends.model.values import GROUP, KIND, LONGEST_NAME, PLURAL, VERSION

HEADER = "# Written from operator/kalends/model by `python -m kalends.model.crd`; edit there.\n"


def crd_manifest() -> dict[str, Any]:
    """Return the CustomResourceDefinition of ScheduledJob, for Kubernetes 1.29 and later."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": KIND.lower(),
                "shortNames": ["schj"],
                "categories": ["kalends"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "selectableFields": [{"jsonPath": ".spec.suspend"}, {"jsonPath": ".spec.managedBy"}],
                    "additionalPrinterColumns": printer_columns(),
                    "schema": {"openAPIV3Schema": _root()},
                }
            ],
        },
    }


def crd_yaml() -> str:
    """Return the CRD as YAML, for ``crds/`` and the chart."""
    return HEADER + yaml.dump(crd_manifest(), Dumper=_Dumper, sort_keys=False, width=120, default_flow_style=None)


def _root() -> Schema:
    return {
        "description": f"{ScheduledJob.__doc__}",
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {
                "description": f"apiVersion is {GROUP}/{VERSION}.",
                "type": "string",
                "maxLength": 253,
            },
            "kind": {"description": f"kind is {KIND}.", "type": "string", "maxLength": 63},
            # Defined by the API server, which allows a schema to restrict only the name.
            "metadata": {"type": "object", "properties": {"name": {"type": "string", "maxLength": LONGEST_NAME}}},
            "spec": _written_out(structural_schema(ScheduledJobSpec))
            | {"description": "spec defines when, how and what to run."},
            "status": _written_out(structural_schema(Status))
            | {"description": "status is the record of the operator; only the operator writes it."},
        },
    }


def _written_out(schema: Any) -> Any:
    """Return the schema as plain data: rules in CEL, and no objects that YAML would write as references."""
    match schema:
        case {"format": "int64", "maximum": 9223372036854775807}:
            # The format implies the maximum, which the API server would store as a float, and so one too high.
            return {key: _written_out(value) for key, value in schema.items() if key != "maximum"}
        case dict():
            written = {key: _written_out(value) for key, value in schema.items() if key != FORM}
            return written | ({RULES: [_form_as_cel(schema[FORM])]} if FORM in schema else {})
        case list() | tuple():
            return [_written_out(value) for value in schema]
        case Rule():
            return _as_cel(schema)
        case str():
            return str(schema)
        case _:
            return schema


def _form_as_cel(form: Form) -> dict[str, str]:
    return {"rule": form.cel, "message": f"must be {form.accepted}"}


def _as_cel(rule: Rule) -> dict[str, str]:
    blamed = {} if rule.field is None else {"fieldPath": f".{rule.field}"}
    return {"rule": rule.cel, "message": rule.message} | blamed


class _Dumper(yaml.SafeDumper):
    """Writes repeated values in full, because anchors are hard to read."""

    @override
    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True

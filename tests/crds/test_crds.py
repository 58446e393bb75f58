"""The CustomResourceDefinition says what the model says, and nothing that an API server would not take."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from kalends.model import ScheduledJobSpec, Status
from kalends.model.crd import crd_manifest, crd_yaml
from kalends.model.v1alpha1.base import INT64_SAFE_MAX
from kalends.model.values import MOST_ACTIVE_LISTED, MOST_HISTORY_LISTED, MOST_QUEUED

Json = dict[str, Any]

FILE = Path(__file__).parents[2] / "crds" / "kalends.dev_scheduledjobs.yaml"
CRD = crd_manifest()
(VERSION,) = CRD["spec"]["versions"]
ROOT: Json = VERSION["schema"]["openAPIV3Schema"]
ANYTHING = "x-kubernetes-preserve-unknown-fields"


def members(schema: Json, path: str = "") -> Iterator[tuple[str, Json]]:
    """Every schema within one, with its path; fields and items alike."""
    yield path, schema
    for name, member in schema.get("properties", {}).items():
        yield from members(member, f"{path}.{name}")
    for inner in ("items", "additionalProperties"):
        if isinstance(schema.get(inner), dict):
            yield from members(schema[inner], f"{path}[]")


ALL = [(path, schema) for path, schema in members(ROOT) if path.startswith((".spec", ".status"))]
FIELDS = [(path, schema) for path, schema in ALL if not path.endswith("[]")]


def at(path: str) -> Json:
    return dict(ALL)[path]


def those(kind: str) -> list[tuple[str, Json]]:
    return [(path, schema) for path, schema in ALL if schema.get("type") == kind]


def test_the_file_is_what_the_model_writes() -> None:
    assert FILE.read_text() == crd_yaml(), "run `python -m kalends.model.crd > crds/kalends.dev_scheduledjobs.yaml`"


def test_the_file_is_what_an_api_server_is_given() -> None:
    assert yaml.safe_load(FILE.read_text()) == CRD


def test_it_is_small_enough_for_any_apply() -> None:
    assert len(crd_yaml()) < 128 * 1024
    assert len(json.dumps(CRD, separators=(",", ":"))) < 96 * 1024


def test_it_has_the_names_that_users_type() -> None:
    names = CRD["spec"]["names"]
    assert (names["plural"], names["singular"], names["shortNames"]) == ("scheduledjobs", "scheduledjob", ["schj"])
    assert names["categories"] == ["kalends"]
    assert CRD["metadata"]["name"] == f"{names['plural']}.{CRD['spec']['group']}"


def test_there_is_one_version_which_is_served_and_stored() -> None:
    assert (VERSION["name"], VERSION["served"], VERSION["storage"]) == ("v1alpha1", True, True)
    assert VERSION["subresources"] == {"status": {}}
    assert VERSION["selectableFields"] == [{"jsonPath": ".spec.suspend"}, {"jsonPath": ".spec.managedBy"}]


@pytest.mark.parametrize(
    "word", ["$ref", "$defs", "title", "oneOf", "nullable", "const", "exclusiveMinimum", "x-model", "x-form"]
)
def test_it_has_no_word_that_a_structural_schema_lacks(word: str) -> None:
    assert [path for path, schema in ALL if word in schema] == []


def test_anyof_and_allof_are_fields_and_never_types() -> None:
    assert [path for path, schema in ALL if {"anyOf", "allOf"} & schema.keys()] == []
    assert at(".spec.trigger.anyOf")["type"] == "array"


def test_everything_has_one_type() -> None:
    free = {".spec.task.args[]"}
    untyped = {path for path, schema in ALL if "type" not in schema and "x-kubernetes-int-or-string" not in schema}
    assert untyped == free
    assert all(at(path)[ANYTHING] for path in free)


def test_only_what_is_passed_on_may_hold_anything() -> None:
    free = {path for path, schema in ALL if schema.get(ANYTHING)}
    ignored = {f".spec.jobTemplate.metadata.{name}[]" for name in ("managedFields", "ownerReferences")}
    assert free == {".spec.task.args[]", ".spec.task.kwargs", ".spec.jobTemplate.spec"} | ignored


@pytest.mark.parametrize(("path", "schema"), FIELDS, ids=[path for path, _ in FIELDS])
def test_every_field_is_explained_beginning_with_its_name(path: str, schema: Json) -> None:
    name = path.rpartition(".")[2]
    assert schema["description"].split()[0] == name
    assert schema["description"].endswith(".")


def test_every_optional_field_of_the_spec_says_what_unset_means() -> None:
    spec = ROOT["properties"]["spec"]["properties"]
    either_or = {"task", "jobTemplate"}
    assert {name for name, field in spec.items() if "Unset: " not in field["description"]} == either_or


def test_every_string_is_bounded() -> None:
    assert [path for path, schema in those("string") if not {"maxLength", "enum"} & schema.keys()] == []


def test_every_number_is_bounded() -> None:
    numbers = those("integer")
    assert [path for path, schema in numbers if not {"minimum", "format"} <= schema.keys()] == []
    by_format_alone = [(path, schema["format"]) for path, schema in numbers if "maximum" not in schema]
    assert {path.rpartition(".")[2]: kind for path, kind in by_format_alone} == {
        "startingDeadlineSeconds": "int64",
        "deletionGracePeriodSeconds": "int64",
        "generation": "int64",
    }
    assert max(schema.get("maximum", 0) for _, schema in numbers) == INT64_SAFE_MAX


def test_every_number_or_string_is_bounded() -> None:
    either = [schema for _, schema in ALL if schema.get("x-kubernetes-int-or-string")]
    bounds = {"minimum", "maximum", "minLength", "maxLength"}
    assert len(either) > 8
    assert all(bounds <= schema.keys() for schema in either)


def test_every_list_is_bounded_and_says_how_it_merges() -> None:
    assert [
        path for path, schema in those("array") if not {"maxItems", "x-kubernetes-list-type"} <= schema.keys()
    ] == []


def test_every_map_is_bounded() -> None:
    maps = [(path, schema) for path, schema in those("object") if "properties" not in schema]
    assert [path for path, schema in maps if "maxProperties" not in schema] == []


def test_conditions_merge_by_type() -> None:
    conditions = at(".status.conditions")
    assert (conditions["x-kubernetes-list-type"], conditions["x-kubernetes-list-map-keys"]) == ("map", ["type"])


def test_lists_of_the_status_are_as_long_as_the_engine_may_make_them() -> None:
    lengths = {name: at(f".status.{name}")["maxItems"] for name in ("active", "history", "queued")}
    assert lengths == {"active": MOST_ACTIVE_LISTED, "history": MOST_HISTORY_LISTED, "queued": MOST_QUEUED}


def test_defaults_are_those_of_the_design() -> None:
    assert {path: schema["default"] for path, schema in ALL if "default" in schema} == {
        ".spec.daylightSaving": "Adjust",
        ".spec.suspend": False,
        ".spec.concurrencyPolicy": "Forbid",
        ".spec.successfulJobsHistoryLimit": 3,
        ".spec.failedJobsHistoryLimit": 1,
        ".spec.retry.limit": 3,
        ".spec.retry.backoffSeconds": 10,
        ".spec.retry.factor": 2,
        ".spec.retry.maxBackoffSeconds": 300,
        ".spec.retry.onLost": False,
        ".status.active[].attempt": 1,
    }


def test_combinations_nest_two_deep() -> None:
    paths = {path for path, _ in ALL}
    assert ".spec.trigger.anyOf[].allOf[].cron" in paths
    assert ".spec.trigger.anyOf[].allOf[].anyOf" not in paths


def test_every_rule_has_a_message_that_says_what_is_accepted() -> None:
    rules = [rule for _, schema in members(ROOT) for rule in schema.get("x-kubernetes-validations", ())]
    assert len(rules) > 10
    assert all("`" in rule["message"] or rule["message"].startswith("must ") for rule in rules)
    assert all(" must " in f" {rule['message']}" or " may " in rule["message"] for rule in rules)


def test_a_blamed_field_is_one_that_the_object_has() -> None:
    for _, schema in members(ROOT):
        for rule in schema.get("x-kubernetes-validations", ()):
            assert rule.get("fieldPath", "")[1:] in {"", *schema.get("properties", ())}


def test_the_schema_has_every_field_of_the_model() -> None:
    for name, model in (("spec", ScheduledJobSpec), ("status", Status)):
        assert set(ROOT["properties"][name]["properties"]) == {one.alias for one in model.model_fields.values()}


def test_columns_show_fields_that_exist() -> None:
    paths = {path for path, _ in ALL} | {".metadata.creationTimestamp"}
    for column in VERSION["additionalPrinterColumns"]:
        path = column["jsonPath"]
        if not path.startswith((".status.conditions[?", ".status.active[?", ".spec.jobTemplate.spec.")):
            assert path in paths


def test_future_times_are_columns_of_text() -> None:
    kinds = {column["name"]: column["type"] for column in VERSION["additionalPrinterColumns"]}
    assert (kinds["Next Run"], kinds["Last Run"], kinds["Age"]) == ("string", "date", "date")


def test_the_manager_is_a_column_of_a_wide_screen() -> None:
    (column,) = [one for one in VERSION["additionalPrinterColumns"] if one["jsonPath"] == ".spec.managedBy"]
    assert (column["name"], column["priority"]) == ("Manager", 1)


def test_the_columns_of_a_narrow_screen_come_first() -> None:
    narrow = [column["name"] for column in VERSION["additionalPrinterColumns"] if not column.get("priority")]
    assert narrow == ["Schedule", "Suspend", "Active", "Last Run", "Outcome", "Missed", "Next Run", "Reason", "Age"]


def test_every_call_of_the_writer_returns_a_new_crd() -> None:
    crd_manifest()["spec"]["versions"].clear()
    assert crd_manifest() == CRD

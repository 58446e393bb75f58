"""The resource as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from pydantic import Field, ValidationError
from typing_extensions import override

from kalends.errors import InvalidSpec
from kalends.model.rules import Raw, Rule
from kalends.model.size_limits import refuse_excess
from kalends.model.v1alpha1.base import Wire
from kalends.model.v1alpha1.metadata import ObjectMeta
from kalends.model.v1alpha1.spec import ScheduledJobSpec
from kalends.model.validation.problems import problems_in
from kalends.model.validation.rule_tree import all_hold, rule_tree
from kalends.model.validation.schema import structural_schema
from kalends.model.values import API_VERSION, KIND, LONGEST_NAME

if TYPE_CHECKING:
    from collections.abc import Collection


class ScheduledJob(Wire):
    """ScheduledJob runs a task or a Job at fire times, and accounts for every fire time."""

    api_version: str = API_VERSION
    kind: str = KIND
    metadata: ObjectMeta
    spec: ScheduledJobSpec
    status: Any = Field(default=None, repr=False)
    """Unparsed. ``Status.read`` reads it: an invalid record must not hide the spec."""

    @classmethod
    @override
    def rules(cls, members: Collection[str]) -> tuple[Rule, ...]:
        """Leave room in the name for what a run appends."""
        del members
        return (
            Rule(
                cel=f"size(self.metadata.name) <= {LONGEST_NAME}",
                holds=_has_short_name,
                message=f"`metadata.name` must be at most {LONGEST_NAME} characters, as 11 are appended",
            ),
        )

    @classmethod
    def read(cls, obj: Raw) -> Self:
        """Return what an object of the cluster says. Fields that this release does not know are ignored.

        Raises:
            InvalidSpec: It cannot be carried out; the first problem's place, and all problems in the message.
        """
        spec = read_spec(obj.get("spec"))
        return cls(metadata=ObjectMeta.read(obj), spec=spec, status=obj.get("status"))


def read_spec(raw: Any) -> ScheduledJobSpec:
    """Return a spec that was written as JSON. Fields that this release does not know are ignored.

    Raises:
        InvalidSpec: It cannot be carried out; the first problem's place, and all problems in the message.
    """
    refuse_excess(raw)
    try:
        spec = ScheduledJobSpec.model_validate(raw, by_alias=True, by_name=False)
    except ValidationError as error:
        _refuse_problems(raw, error)
    else:
        if not all_hold(rule_tree(ScheduledJobSpec), raw):
            _refuse_problems(raw, None)
        return spec
    # What is left are nulls, which the API server would have dropped.
    try:
        return ScheduledJobSpec.model_validate(without_nulls(raw, structural_schema(ScheduledJobSpec)))
    except ValidationError as error:
        raise InvalidSpec(str(error)) from error


def _refuse_problems(spec: Any, cause: Exception | None) -> None:
    """Raise for all problems of a spec, if there are any."""
    problems = list(problems_in(spec, structural_schema(ScheduledJobSpec), "spec", unknown=False))
    if problems:
        message = "; ".join([problems[0].message, *(str(problem) for problem in problems[1:])])
        raise InvalidSpec(message, path=problems[0].path) from cause


def without_nulls(value: Any, schema: dict[str, Any]) -> Any:
    """Return the value without the nulls of known fields, as the API server would store it."""
    match value:
        case dict() if "properties" in schema:
            members = schema["properties"]
            return {
                name: without_nulls(item, members.get(name, {}))
                for name, item in value.items()
                if item is not None or name not in members
            }
        case list() if "items" in schema:
            return [without_nulls(item, schema["items"]) for item in value]
        case _:
            return value


def _has_short_name(raw: Raw) -> bool:
    metadata = raw.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    return not isinstance(name, str) or len(name) <= LONGEST_NAME

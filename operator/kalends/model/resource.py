"""The resource as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from pydantic import ValidationError
from typing_extensions import override

from kalends.errors import InvalidSpec
from kalends.model.base import Wire
from kalends.model.metadata import ObjectMeta
from kalends.model.problems import problems_in
from kalends.model.rules import Raw, Rule
from kalends.model.ruletree import first_broken, rule_tree
from kalends.model.schema import structural_schema
from kalends.model.spec import ScheduledJobSpec
from kalends.model.status import Status

if TYPE_CHECKING:
    from collections.abc import Collection

GROUP = "kalends.dev"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
KIND = "ScheduledJob"
PLURAL = "scheduledjobs"

LONGEST_NAME = 52
"""Characters, as with CronJob: a run appends a hyphen and ten digits, and the name of a Job has at most 63."""


class ScheduledJob(Wire):
    """ScheduledJob runs a task or a Job at fire times, and accounts for every one of them."""

    api_version: str = API_VERSION
    kind: str = KIND
    metadata: ObjectMeta
    spec: ScheduledJobSpec
    status: Status = Status()

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
            InvalidStatus: Its spec is well, but no Kalends wrote its status.
        """
        try:
            job = cls.model_validate(obj)
        except ValidationError as error:
            return cls._read_slowly(obj, error)
        if (broken := first_broken(rule_tree(ScheduledJobSpec), obj["spec"], "spec")) is not None:
            path, rule = broken
            raise InvalidSpec(rule.message, path=path)
        return job

    @classmethod
    def _read_slowly(cls, obj: Raw, error: ValidationError) -> Self:
        """Find out what is wrong; if it is only nulls where the API server would have dropped them, drop them."""
        spec = obj.get("spec")
        found = list(problems_in(spec, structural_schema(ScheduledJobSpec), "spec", unknown=False))
        if found:
            others = "".join(f"; {problem}" for problem in found[1:])
            raise InvalidSpec(found[0].message + others, path=found[0].path) from error
        metadata, status = ObjectMeta.read(obj), Status.read(obj.get("status"))
        try:
            wanted = ScheduledJobSpec.model_validate(without_nulls(spec, structural_schema(ScheduledJobSpec)))
        except ValidationError as fault:
            raise InvalidSpec(str(fault)) from fault
        return cls(metadata=metadata, spec=wanted, status=status)


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

"""The base class and the field types of the model: camelCase in JSON, frozen in Python, bounded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from kalends.model.forms import MANAGER, MOMENT
from kalends.model.values import LONGEST_MANAGER

if TYPE_CHECKING:
    from collections.abc import Collection

    from pydantic import GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema

    from kalends.model.rules import Rule

MODEL = "x-model"
"""The key of the class of an object in its schema: names of classes are not unique."""
INT32_MAX = 2**31 - 1
INT64_MAX = 2**63 - 1
INT64_SAFE_MAX = 2**53 - 1
"""The largest integer that survives every JSON reader."""


class Wire(BaseModel):
    """An object that is read from JSON and written as JSON.

    Unknown fields are ignored: a newer CRD must not break an older operator. ``check_manifest`` refuses them.
    ``kubectl explain`` prints the docstrings of the attributes.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        alias_generator=to_camel,
        validate_by_alias=True,
        validate_by_name=True,
        use_attribute_docstrings=True,
    )

    @classmethod
    def rules(cls, members: Collection[str]) -> tuple[Rule, ...]:
        """Return the rules between fields.

        ``members`` are the JSON names of the fields that the schema has here.
        """
        del members
        return ()

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Add the class itself to its schema."""
        written = handler(core_schema)
        handler.resolve_ref_schema(written)[MODEL] = cls
        return written


def listed_by(*keys: str) -> Any:
    """Mark a list whose items are identified by ``keys`` (server-side apply merges it item by item)."""
    return Field(json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(keys)})


Count = Annotated[int, Field(strict=True, ge=0, le=INT64_SAFE_MAX)]
"""A number of things; never negative."""

Seconds = Annotated[int, Field(strict=True, ge=0, le=INT32_MAX)]
"""A duration, up to 68 years."""

PositiveSeconds = Annotated[int, Field(strict=True, ge=1, le=INT32_MAX)]

Flag = Annotated[bool, Field(strict=True)]

Name = Annotated[str, StringConstraints(min_length=1, max_length=253)]
"""A name of a Kubernetes object, or a dotted name of a task."""

ObjectName = Annotated[
    str,
    StringConstraints(
        min_length=1, max_length=253, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
    ),
]
"""A name that the API server would give to an object (RFC 1123): it becomes part of a URL."""

Alias = Annotated[str, StringConstraints(min_length=1, max_length=63)]
"""A short name that the operator's settings define."""

Word = Annotated[str, StringConstraints(max_length=64)]
"""A PascalCase word for machines, such as a reason."""

Line = Annotated[str, StringConstraints(max_length=1024)]
"""A sentence for people."""

ZoneName = Annotated[str, StringConstraints(min_length=1, max_length=64)]
"""A name of the IANA time zone database."""

Manager = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_MANAGER), MANAGER]
"""Names who carries a resource out: a path with a domain as its prefix."""

Moment = Annotated[str, StringConstraints(min_length=1, max_length=40), MOMENT]
"""RFC 3339, or wall time in ``timeZone`` when it has no offset. Read by ``kalends.triggers``."""

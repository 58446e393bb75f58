"""The part of ``metadata`` that Kalends reads. The API server checks it: it is not in the CRD."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from pydantic import Field, ValidationError
from typing_extensions import override

from kalends.errors import InvalidSpec
from kalends.model.instants import Instant
from kalends.model.v1alpha1.base import Wire

if TYPE_CHECKING:
    from collections.abc import Mapping

LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"


class ObjectMeta(Wire):
    """The identity of an object."""

    name: str
    """name of the object, unique in its namespace."""
    namespace: str = ""
    """namespace of the object; empty if a manifest does not name it."""
    uid: str = ""
    """uid distinguishes successive objects with the same name."""
    resource_version: str = ""
    """resourceVersion changes at each write."""
    generation: int = 0
    """generation counts the changes of spec."""
    creation_timestamp: Instant | None = None
    """creationTimestamp is when the object was created."""
    deletion_timestamp: Instant | None = None
    """deletionTimestamp is set once the object is being deleted."""
    labels: dict[str, str] = Field(default_factory=dict)
    """labels select objects."""
    annotations: dict[str, str] = Field(default_factory=dict)
    """annotations of the object, without the copy of the manifest that kubectl adds."""

    @classmethod
    def read(cls, obj: Mapping[str, Any]) -> Self:
        """Return the metadata of an object, even if its spec cannot be read.

        Raises:
            InvalidSpec: There is no usable ``metadata``.
        """
        try:
            return cls.model_validate(obj.get("metadata"))
        except ValidationError as error:
            raise InvalidSpec("must be the metadata of an object, with a name", path="metadata") from error

    @override
    def model_post_init(self, _context: Any, /) -> None:
        """Drop the copy of the manifest that kubectl adds: for ten thousand objects it would be most of the memory."""
        self.annotations.pop(LAST_APPLIED, None)

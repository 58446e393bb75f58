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
    """Who an object is."""

    name: str
    """name of the object, unique in its namespace."""
    namespace: str = ""
    """namespace of the object; empty in a manifest that does not say."""
    uid: str = ""
    """uid tells apart objects that had the same name one after the other."""
    resource_version: str = ""
    """resourceVersion changes at each write."""
    generation: int = 0
    """generation counts the changes of spec."""
    creation_timestamp: Instant | None = None
    """creationTimestamp is when the API server first saw the object."""
    deletion_timestamp: Instant | None = None
    """deletionTimestamp is set once the object is being deleted."""
    labels: dict[str, str] = Field(default_factory=dict)
    """labels select objects."""
    annotations: dict[str, str] = Field(default_factory=dict)
    """annotations carry what else is known, without the copy of the manifest that kubectl leaves there."""

    @classmethod
    def read(cls, obj: Mapping[str, Any]) -> Self:
        """Return who a whole object is, even where its spec cannot be read.

        Raises:
            InvalidSpec: There is no usable ``metadata``.
        """
        try:
            return cls.model_validate(obj.get("metadata"))
        except ValidationError as error:
            raise InvalidSpec("must be the metadata of an object, with a name", path="metadata") from error

    @override
    def model_post_init(self, _context: Any, /) -> None:
        """Drop kubectl's copy of the manifest: at ten thousand objects it is most of the memory."""
        self.annotations.pop(LAST_APPLIED, None)

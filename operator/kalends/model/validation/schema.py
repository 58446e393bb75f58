"""From the classes of the model to the schema that an API server takes: structural OpenAPI v3.

Structural means: no ``$ref``, no ``anyOf`` for types, every field with one type. Rules stay ``Rule`` objects under
``x-kubernetes-validations``, so that the reader of manifests walks the same schema; ``kalends.model.crd`` writes them.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

from kalends.model.forms import FORM
from kalends.model.v1alpha1.base import INT32_MAX, MODEL, Wire
from kalends.model.v1alpha1.trigger import DEEPEST_COMBINATION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Schema: TypeAlias = dict[str, Any]

RULES = "x-kubernetes-validations"
PRESERVE = "x-kubernetes-preserve-unknown-fields"
INT_OR_STRING = "x-kubernetes-int-or-string"
LIST_TYPE = "x-kubernetes-list-type"

KEPT = (
    "description",
    "type",
    "format",
    "enum",
    "default",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "pattern",
    "minItems",
    "maxItems",
    "maxProperties",
    LIST_TYPE,
    "x-kubernetes-list-map-keys",
    FORM,
)
"""What of pydantic's schema means the same to the API server, and what ``kalends.model.crd`` translates."""


@cache
def structural_schema(model: type[Wire]) -> Schema:
    """Return the schema of one class, with everything that it contains written out."""
    document = model.model_json_schema(by_alias=True)
    writer = _Writer(document.pop("$defs", {}))
    # Only a class that contains itself has a reference here.
    return writer.node(document, () if "$ref" in document else (model,))


class _Writer:
    """Writes out the references among ``definitions``, each of which carries its class."""

    def __init__(self, definitions: Mapping[str, Schema]) -> None:
        self.definitions = definitions

    def node(self, source: Schema, inside: tuple[type[Wire], ...]) -> Schema:
        """Return the schema of one value; ``inside`` has the classes around it, the outermost first."""
        if (name := _referred(source)) is not None:
            definition = self.definitions[name]
            here = {key: value for key, value in source.items() if key != "$ref"}
            return self.node({**definition, **here}, (*inside, definition[MODEL]) if MODEL in definition else inside)
        if "anyOf" in source:
            return self.choice(source, inside)
        written: Schema = {LIST_TYPE: "atomic"} if source.get("type") == "array" else {}
        written |= self.kept(source, inside)
        match source:
            case {"type": "object", "properties": _}:
                written |= self.fields(source, inside)
            case {"type": "object", "additionalProperties": dict() as items}:
                written["additionalProperties"] = self.node(items, inside)
            case {"type": "array", "items": items}:
                written["items"] = self.node(items, inside)
            case {"type": "integer", "maximum": maximum}:
                written["format"] = "int32" if maximum <= INT32_MAX else "int64"
            case {"type": "string" | "boolean"}:
                pass
            case _:  # any JSON, or an object of any JSON
                written[PRESERVE] = True
        return written

    def choice(self, source: Schema, inside: tuple[type[Wire], ...]) -> Schema:
        """Return the schema of a value that may be unset, or an integer or a string."""
        here = {key: value for key, value in source.items() if key != "anyOf"}
        kinds = [kind for kind in source["anyOf"] if kind.get("type") != "null"]
        if len(kinds) == 1:
            return self.node({**kinds[0], **here}, inside)
        if {kind.get("type") for kind in kinds} != {"integer", "string"}:
            raise TypeError(f"a structural schema cannot say: {source}")
        bounds = {key: value for kind in kinds for key, value in kind.items() if key != "type"}
        return self.kept({**here, **bounds}, inside) | {INT_OR_STRING: True}

    def kept(self, source: Schema, inside: tuple[type[Wire], ...]) -> Schema:
        """Return what needs no translation."""
        kept = {key: source[key] for key in KEPT if key in source and not (key == "default" and _is_implied(source))}
        if "description" in kept:
            text = " ".join(kept["description"].split())
            kept["description"] = _first_sentence(text) if _is_repeated(inside) else text
        return kept

    def fields(self, source: Schema, inside: tuple[type[Wire], ...]) -> Schema:
        """Return the members of an object, and the rules between them."""
        members = {
            name: self.node(member, inside)
            for name, member in source["properties"].items()
            if not self.too_deep(member, inside)
        }
        written: Schema = {"properties": members}
        if required := source.get("required"):
            written["required"] = required
        if rules := source[MODEL].rules(tuple(members)):
            written[RULES] = rules
        return written

    def too_deep(self, member: Schema, inside: tuple[type[Wire], ...]) -> bool:
        """Return whether a member repeats a class that already contains itself as often as it may."""
        return any(
            inside.count(self.definitions[name].get(MODEL, Wire)) >= DEEPEST_COMBINATION for name in _references(member)
        )


def _referred(source: Schema) -> str | None:
    reference: str | None = source.get("$ref")
    return None if reference is None else reference.removeprefix("#/$defs/")


def _references(source: Any) -> Iterator[str]:
    if isinstance(source, dict):
        if (name := _referred(source)) is not None:
            yield name
        for value in source.values():
            yield from _references(value)
    elif isinstance(source, list):
        for value in source:
            yield from _references(value)


def _is_repeated(inside: Sequence[type[Wire]]) -> bool:
    """Return whether the text of a field is already given further out, in the same class or in its base class."""
    return any(issubclass(inner, outer) for place, inner in enumerate(inside) for outer in inside[:place])


def _is_implied(source: Schema) -> bool:
    """Return whether a default only repeats what an absent field says: it would clutter every object with zeros."""
    default = source["default"]
    return not isinstance(default, bool) and (not default or isinstance(default, dict))


def _first_sentence(text: str) -> str:
    """Return the beginning of a text that stands in full further out: seven copies would double the file."""
    first, _, _ = text.partition(". ")
    return first.removesuffix(".") + "."

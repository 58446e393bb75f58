"""What a text must look like, for the API server to refuse the rest; ``kalends.triggers`` reads what it means."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue
    from pydantic_core import CoreSchema

FORM = "x-form"
"""The word under which a schema of the model carries the form of a string."""


@dataclass(frozen=True, slots=True)
class Form:
    """A form that every valid text has, as an annotation of its type. Not every text of that form is valid.

    Args:
        pattern: A regular expression from ``^`` to ``$`` that means the same to Go (RE2) and to Python.
        accepted: What is accepted, after "must be".
    """

    pattern: str
    accepted: str

    def fits(self, text: str) -> bool:
        """Return whether the whole text has this form."""
        return self.read(text) is not None

    def read(self, text: str) -> re.Match[str] | None:
        """Return the whole text by the groups of the pattern; None if it has another form."""
        return re.fullmatch(self.pattern, text, re.ASCII)

    @property
    def cel(self) -> str:
        """Return the rule for the API server; ``self`` is the text."""
        return f"self.matches(r'{self.pattern}')"

    def __get_pydantic_json_schema__(self, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Add the form itself to the schema of its type: pydantic would write it as JSON."""
        written = handler(core_schema)
        written[FORM] = self
        return written


_WORD = "[0-9A-Za-z*?,/#()+-]+"
# CronJob splits the fields at any white space of Unicode, and no field holds a character beyond ASCII.
_SPACE = "[^!-~]"
_MACRO = "@[A-DF-Za-df-z][A-Za-z]*"
_EVERY = rf"@[Ee][Vv][Ee][Rr][Yy]{_SPACE}+[0-9+.]\S*"

SCHEDULE = Form(
    rf"^{_SPACE}*(({_WORD}{_SPACE}+){{4}}{_WORD}|{_MACRO}|{_EVERY}){_SPACE}*$",
    "five fields (minute, hour, day of month, month, day of week) or a macro such as @daily or @every 90m",
)
MOMENT = Form(
    r"^(?P<date>\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01]))"
    r"([Tt ](?P<time>([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.(?P<fraction>\d+))?)?)"
    r"(?P<offset>[Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)?)?$",
    "RFC 3339 like '2027-01-01T00:00:00Z', or wall time like '2027-01-01T00:00:00' or '2027-01-01'",
)
_DNS_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
MANAGER = Form(
    rf"^{_DNS_LABEL}(\.{_DNS_LABEL})*/[A-Za-z0-9/\-._~%!$&()*+,;=:]+$",
    "a domain, a slash and a path, like 'example.com/my-app'",
)
"""A path with a domain as its prefix, as in ``managedBy`` of Job. Job also accepts apostrophes, which would end the
text of the rule."""

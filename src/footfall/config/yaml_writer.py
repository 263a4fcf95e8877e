"""Plain data as YAML 1.2 that every reader takes for the same: the same data, the same bytes."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

# Plain in YAML 1.2, but a truth, a number, an instant or a merge to readers of YAML 1.1; those are everywhere.
_DOUBTFUL: Final = re.compile(
    r"y|n|yes|no|on|off|true|false|null|~|<<|=|[-+]?[0-9._][0-9a-fx_.,:eE+-]*([T ].*)?|[-+]?\.(inf|nan)", re.IGNORECASE
)
_WIDTH: Final = 1 << 30  # lines are never folded


def write_yaml(plain: Mapping[str, Any]) -> str:
    """The text of one document, names in the order given."""
    yaml = YAML(typ="rt", pure=True)
    yaml.width = _WIDTH
    yaml.allow_unicode = True
    yaml.indent(mapping=2, sequence=4, offset=2)
    out = io.StringIO()
    yaml.dump(_quoted(plain), out)
    return out.getvalue()


def _quoted(value: Any) -> Any:
    match value:
        case str():
            careful = _DOUBTFUL.fullmatch(value) or not value.isprintable() or value != value.strip()
            return DoubleQuotedScalarString(value) if careful else value
        case Mapping():
            return {_quoted(name): _quoted(each) for name, each in value.items()}
        case list() | tuple():
            return [_quoted(each) for each in value]
    return value

"""Where a secret is, and the secret itself when it is needed. It is in no error."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from footfall.errors import Refused


def resolve(reference: str, environment: Mapping[str, str], folder: Path) -> str:
    """What ``${env:NAME}`` or ``${file:PATH}`` stands for. folder: what a relative path begins at.

    Raises ``Refused`` that names the variable or the file.
    """
    kind, _, where = reference.removeprefix("${").removesuffix("}").partition(":")
    return from_variable(where, environment) if kind == "env" else from_file(folder / Path(where).expanduser())


def from_variable(name: str, environment: Mapping[str, str]) -> str:
    """The value of a variable without the line end that a shell leaves. Raises ``Refused``."""
    if name not in environment:
        raise Refused(f"the variable {name} is not set", "Export it, or name another source")
    return environment[name].rstrip("\r\n")


def from_file(path: Path) -> str:
    """The text of a file without the line end that an editor leaves. Raises ``Refused``."""
    try:
        return path.read_text("utf-8").rstrip("\r\n")
    except UnicodeDecodeError:
        # Without its cause: it would carry the bytes.
        raise Refused(f"{path} is no text", "Give an armored key, or text in UTF-8") from None
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}", "Name a file that this user may read") from error


def variable_for(authorization: str, secret: str) -> str:
    """The reference that is written for a secret of which nobody knows where it is kept."""
    name = re.sub(r"[^A-Z0-9]", "_", f"{authorization}_{secret}".upper())
    return f"${{env:{name if not name[0].isdigit() else '_' + name}}}"

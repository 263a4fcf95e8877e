"""Definitions of names as a YAML 1.2 file: products, environments, features, engagements, surveys, articles.

docs/guide/metadata.md shows one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from footfall.errors import Refused
from footfall.model import definitions
from footfall.model.metadata import BadDefinition, Metadata, Place


def load_definitions(path: Path) -> Metadata:
    """Read and check a file of definitions. An empty file defines nothing.

    Raises ``Refused`` that names the file, line and column (from 1), the field, and what is wrong with it.
    """
    try:
        text = path.read_text("utf-8")
        plain = YAML(typ="rt", pure=True).load(text)
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}", "Pass the path of a YAML file") from error
    except UnicodeDecodeError as error:
        raise Refused(f"{path} is not UTF-8: {error.reason} at byte {error.start}", "Save it as UTF-8") from error
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark is not None else str(path)
        raise Refused(f"{where}: {error.problem or error.context}", "Correct the YAML there") from error
    except YAMLError as error:
        raise Refused(f"{path}: {error}", "Correct the YAML") from error
    try:
        return definitions.read({} if plain is None else plain, whole=True)
    except BadDefinition as error:
        line, column = _position(plain, error.place)
        raise Refused(f"{path}:{line}:{column}: {error.what}", error.hint) from error


def _position(plain: Any, place: Place) -> tuple[int, int]:
    """Line and column, from 1, of the deepest step of ``place`` that the file holds."""
    line, column, here = 0, 0, plain
    for step in place:
        try:
            line, column = here.lc.item(step) if isinstance(step, int) else here.lc.key(step)
            here = here[step]
        except (AttributeError, KeyError, IndexError, TypeError):
            break
    return line + 1, column + 1

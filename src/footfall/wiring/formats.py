"""The one table of formats, and what goes with each: its compression, its keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from footfall.errors import Refused
from footfall.formats.csv_rows import CsvRows
from footfall.formats.json_lines import JsonLines
from footfall.formats.xml_rows import XmlRows
from footfall.model.key_templates import KeyTemplate
from footfall.ports import Format, TableFormat

TEXTS: Final[Mapping[str, Callable[[], Format]]] = {"csv": CsvRows, "json": JsonLines, "xml": XmlRows}
PARQUET: Final = "parquet"
USUAL: Final = "gzip"


def format_named(name: str) -> Format | TableFormat:
    """The format that people call ``name``. Raises ``Refused`` when there is none."""
    if name in TEXTS:
        return TEXTS[name]()
    if name != PARQUET:
        raise Refused(f"'{name}' is no format", f"Choose one of {', '.join((*TEXTS, PARQUET))}")
    # Imported only here: it takes longer than all else that a command needs.
    from footfall.formats.parquet_rows import ParquetRows

    return ParquetRows()


def compression_of(format: str, asked: object = None) -> str:
    """What is put around files of ``format``: what was asked for, else gzip; nothing around Parquet.

    Raises ``Refused`` when something was asked for that Parquet does not need.
    """
    if format != PARQUET:
        return str(asked or USUAL)
    if asked not in (None, "", "none"):
        raise Refused(
            f"Parquet is compressed inside, with zstd: {asked} around it would keep readers from their columns",
            "Leave the compression out",
        )
    return "none"


def key_of(text: object, kind: str) -> KeyTemplate | None:
    """The template of keys for exports of ``kind``, None if none is asked for. Raises ``Refused`` for a wrong one."""
    return None if text in (None, "") else KeyTemplate.parse(str(text), kind)

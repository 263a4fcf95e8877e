"""What reads the files of imports, over a data directory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from footfall.model.imports import FileVersion, ReadOptions, require_columns
from footfall.wiring.import_codecs import unpacked

if TYPE_CHECKING:
    from footfall.codecs.openpgp_keys import PrivateKey
    from footfall.ports import Bucket, RowBatch, RowReader
    from footfall.wiring.hub import Footfall


def spool_of(hub: Footfall) -> Path:
    """The folder for files that are too long for memory while they are read; see ``wiring.leftovers``."""
    folder: Path = hub.settings.data / "spill"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def reader_of(hub: Footfall, format: str) -> RowReader:
    """What reads files of a format."""
    if format == "csv":
        from footfall.sources.csv_rows import CsvReader

        return CsvReader()
    if format == "json":
        from footfall.sources.json_rows import JsonReader

        return JsonReader()
    from footfall.sources.parquet_rows import ParquetReader

    return ParquetReader(spool_of(hub))


def file_text(hub: Footfall, bucket: Bucket, file: FileVersion, private: PrivateKey | None) -> Iterator[bytes]:
    """A file as it was before it was packed and encrypted."""
    return unpacked(file.key, bucket.open(file.key, version=file.version), private, spool_of(hub))


def rows_ahead(
    hub: Footfall, format: str, name: str, text: Callable[[], Iterator[bytes]], read: ReadOptions, wanted: Sequence[str]
) -> Iterator[RowBatch]:
    """The rows of a file that is only looked at. wanted: the columns that have a meaning.

    Raises ``Refused`` where importing would: when one of these is not there.
    """
    reader = reader_of(hub, format)
    if format != "json":
        found = reader.preview(text(), replace(read, fields=()), name=name)
        require_columns(name, [column for column, _ in found.columns], read.fields, wanted)
    return reader.rows(text(), read, name=name)

"""Definitions of names as a YAML 1.2 file: products, environments, features, engagements, surveys, articles.

docs/guide/metadata.md shows one. For a file that says more than names see ``config.definition_file``.
"""

from __future__ import annotations

from pathlib import Path

from footfall.config.faults import Fault, Faulty
from footfall.config.feature_patterns import check_all_patterns
from footfall.config.yaml_tree import plain, position, read_tree
from footfall.errors import Refused
from footfall.model import definitions
from footfall.model.metadata import BadDefinition, Metadata, dotted


def load_definitions(path: Path) -> Metadata:
    """Read and check a file of definitions, of one document. An empty file defines nothing.

    Raises ``Refused`` that names the file, line and column (from 1), the field, and what is wrong with it.
    """
    documents = read_tree(path)
    if len(documents) > 1:
        raise Refused(f"{path} has {len(documents)} documents", "Leave one of them")
    if not documents:
        return Metadata()
    try:
        metadata = definitions.read(plain(documents[0]), whole=True)
        check_all_patterns(metadata)
        return metadata
    except BadDefinition as error:
        line, column = position(documents[0], error.place)
        raise Faulty([Fault(str(path), line, column, dotted(error.place), error.fault, error.hint)]) from error

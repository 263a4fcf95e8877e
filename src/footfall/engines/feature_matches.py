"""``feature_match`` events from the events that caused them, as one derivation of settle."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from footfall import observe
from footfall.engines.feature_finding import FeatureFinder
from footfall.errors import Refused
from footfall.model.event import EventType
from footfall.model.metadata import Metadata
from footfall.ports import Derived, LogRange

# What a match has from its cause: who, where, when and within which session.
CARRIED: Final = (
    "ord", "position", "index", "received_us", "source", "occurred_us", "identify_id", "anonymous_id", "account_id",
    "product", "environment", "channel", "session_key", "session_id", "locale",
)  # fmt: skip

_ESCAPED: Final = r'["\\\x00-\x1f]'  # what JSON does not write as it is

Rules = Callable[[], tuple[int, Metadata]]


class FeatureMatches:
    """ports.Derivation. rules: the catalogue and a number that rises when its rules change; asked once a range.

    A range that is given again after a crash is matched by the rules of then.
    """

    def __init__(self, rules: Rules, *, temp_directory: Path, threads: int = 2) -> None:
        self._rules = rules
        self._temp_directory = temp_directory
        self._threads = threads
        self._known: tuple[int, FeatureFinder] | None = None

    def derive(self, events: pa.Table, taken: LogRange) -> Derived:
        found = self._finder().find(events)
        return Derived(events, matches_of(events, found) if found.num_rows else None)

    def _finder(self) -> FeatureFinder:
        version, metadata = self._rules()
        if self._known is None or self._known[0] != version:
            finder = FeatureFinder(metadata, say_faulty, temp_directory=self._temp_directory, threads=self._threads)
            if self._known is not None:
                self._known[1].close()
            self._known = version, finder
        return self._known[1]


def say_faulty(feature: str, error: Refused) -> None:
    """Tell of rules that cannot be used; how they came in no check has seen."""
    observe.happened("feature cannot be matched", feature=feature, why=error.what)


def matches_of(events: pa.Table, found: pa.Table) -> pa.Table:
    """A row for each of ``found`` (row of ``events``, feature_id), in the columns that settle knows."""
    rows, features = found.column("row"), found.column("feature_id")
    causes = events.select([name for name in CARRIED if name in events.column_names]).take(rows)
    sources = events.column("event_id").take(rows)
    return (
        causes.append_column("type", pa.repeat(pa.scalar(int(EventType.FEATURE_MATCH), pa.int16()), found.num_rows))
        .append_column("event_id", match_ids(sources, features))
        .append_column("name", features)
        .append_column("properties", match_properties(sources))
    )


def match_ids(sources: pa.ChunkedArray, features: pa.ChunkedArray) -> pa.ChunkedArray:
    """The ids of matches, which clients that match themselves give them, too.

    Source: PX webhooks, FEATURE_MATCH: the id of the event, a hyphen and the id of the feature.
    """
    return pc.binary_join_element_wise(sources, features, "-")


def match_properties(sources: pa.ChunkedArray) -> pa.ChunkedArray:
    """The JSON object that tells a match from one that a client sent."""
    if not pc.any(pc.match_substring_regex(sources, _ESCAPED)).as_py():
        return pc.binary_join_element_wise('{"derived":true,"source_event_id":"', sources, '"}', "")
    texts = [
        json.dumps({"derived": True, "source_event_id": each}, ensure_ascii=False, separators=(",", ":"))
        for each in sources.to_pylist()
    ]
    return pa.chunked_array([pa.array(texts, pa.string())])

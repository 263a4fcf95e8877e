"""Jobs of kind ``people_import``: what their options say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from footfall.errors import Refused
from footfall.model import people_inbox
from footfall.model.date_formats import date_format
from footfall.model.imports import ReadOptions
from footfall.model.people_loading import OBJECTS, PeopleLoading, loading_of
from footfall.wiring.import_settings import meaning_of, require_types

if TYPE_CHECKING:
    from footfall.model.jobs import Job

_READ: Final = ("delimiter", "encoding", "header", "thousands")
NAMES: Final = frozenset({"entity", "stream", "mapping", "product_key", "insert_missing", "date_format", "marker",
                   "skip_bad_files", "status_channel", "endpoint_url", *_READ})  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleInbox:
    """What a job takes. entity: ``USER`` or ``ACCOUNT``. mapping: field of the vendor's API -> column; empty where the
    columns are called as the fields are. dates: see ``model.date_formats``. marker: its name in ``current/``.
    status_channel: who is told of each file; empty for nobody.
    """

    entity: str
    stream: str = people_inbox.STREAM
    mapping: Mapping[str, str] = field(default_factory=dict)
    product_key: str = ""
    insert_missing: bool = False
    dates: str = ""
    marker: str = people_inbox.MARKER
    skip_bad_files: bool = False
    status_channel: str = ""
    read: ReadOptions = field(default_factory=ReadOptions)

    def loading(self, mapping: Mapping[str, str]) -> PeopleLoading:
        """What rows say by a mapping. Raises ``Refused``."""
        told = {"productKey": self.product_key, "fieldMapping": {self.entity: mapping}}
        return loading_of(told, self.entity, insert_missing=self.insert_missing, dates=self.dates)


def inbox_settings(job: Job) -> PeopleInbox:
    """What the options of a job of kind ``people_import`` say. Raises ``Refused``."""
    options, what = dict(job.options), f"job '{job.name}'"
    unknown = sorted(options.keys() - NAMES)
    if unknown:
        raise Refused(f"{what} has no option {', '.join(unknown)}", f"It has {', '.join(sorted(NAMES))}")
    require_types(options, what)
    entity, mapping = str(options.get("entity") or "").upper(), options.get("mapping") or {}
    if entity not in OBJECTS:
        raise Refused(f"{what} does not say what its rows are", f"Give entity: {' or '.join(OBJECTS)}")
    if not isinstance(mapping, Mapping):
        raise Refused(f"the mapping of {what} is none", 'Write {"identifyId": "column", "email": "column"}')
    made = PeopleInbox(
        entity=entity,
        stream=str(options.get("stream") or people_inbox.STREAM).strip(),
        mapping={str(name): str(column) for name, column in mapping.items()},
        product_key=str(options.get("product_key") or ""),
        insert_missing=bool(options.get("insert_missing", False)),
        dates=str(options.get("date_format") or ""),
        marker=str(options.get("marker") or people_inbox.MARKER),
        skip_bad_files=bool(options.get("skip_bad_files", False)),
        status_channel=str(options.get("status_channel") or ""),
        read=meaning_of({name: options[name] for name in _READ if name in options})[0],
    )
    if "/" in made.marker or made.marker.startswith("."):
        raise Refused(f"{made.marker!r} cannot be the marker", "Name a file in current/, such as _SUCCESS")
    if made.mapping:
        made.loading(made.mapping)
    elif not made.read.header:
        raise Refused(f"{what} has neither a mapping nor a header that would say it", "Give a mapping")
    date_format(made.dates)
    return made

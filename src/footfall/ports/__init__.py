"""The contracts: what a flow may ask of the world.

Each class numbers its promises; ``tests/conformance`` repeats them as sentences over every implementation.
Unless a method says otherwise it raises ``Unavailable`` when waiting may help and ``Refused`` when it will not.
A port that is an upper bound (``Kafka`` instead of segment files, PostgreSQL instead of SQLite) changes nothing here.
One file a subject; everyone imports from here.
"""

from footfall.ports.api_keys import ApiKeys
from footfall.ports.audiences import AudienceEngine, AudienceInput, AudiencePart, AudienceStates, OpenAudience
from footfall.ports.audit import Audit
from footfall.ports.authorizations import Authorizations, Resealed, Vault
from footfall.ports.erasures import Erasures
from footfall.ports.explore import Directory, EventPage, EventPages, EventsWanted, PeopleOrder, StoredEvent, Totals
from footfall.ports.files import Bucket, Codec, Probe, Purged, Purger, Stored, Sweeper
from footfall.ports.import_ledger import Comparison, HeldFiles, Imports, RowEvents, Snapshots
from footfall.ports.imports import BadRow, BodyRows, LazyRows, Preview, Row, RowBatch, RowReader, TextRows
from footfall.ports.jobs import Claim, Jobs, Planned
from footfall.ports.lake import Lake, Span
from footfall.ports.log import Batch, Entry, Log
from footfall.ports.memberships import (
    Audiences,
    Membership,
    MembershipEngine,
    MembershipStates,
    OpenMemberships,
    Population,
)
from footfall.ports.notices import Channels, Messenger, Outbox, Posted
from footfall.ports.privacy import Policies, Privacy
from footfall.ports.profiles import Attributes, Held, Joining, Profile, Profiles, Tie
from footfall.ports.removals import Removals
from footfall.ports.repeats import Repeats
from footfall.ports.reports import Column, DayInput, Engine, Format, OpenDay, TableFormat
from footfall.ports.settling import (
    Counts,
    Derivation,
    Derived,
    Keys,
    LogRange,
    OpenSessions,
    Remembering,
    Shape,
    Shaper,
)
from footfall.ports.store import Catalogue, DayState, Delivered, Ledger, People, Source, Sources, Store
from footfall.ports.upkeep import JobUpkeep
from footfall.ports.windows import EventSelection, EventTable, EventText, Windows
from footfall.ports.world import Clock, Progress

__all__ = [
    "ApiKeys",
    "Attributes",
    "AudienceEngine",
    "AudienceInput",
    "AudiencePart",
    "AudienceStates",
    "Audiences",
    "Audit",
    "Authorizations",
    "BadRow",
    "Batch",
    "BodyRows",
    "Bucket",
    "Catalogue",
    "Channels",
    "Claim",
    "Clock",
    "Codec",
    "Column",
    "Comparison",
    "Counts",
    "DayInput",
    "DayState",
    "Delivered",
    "Derivation",
    "Derived",
    "Directory",
    "Engine",
    "Entry",
    "Erasures",
    "EventPage",
    "EventPages",
    "EventSelection",
    "EventTable",
    "EventText",
    "EventsWanted",
    "Format",
    "Held",
    "HeldFiles",
    "Imports",
    "JobUpkeep",
    "Jobs",
    "Joining",
    "Keys",
    "Lake",
    "LazyRows",
    "Ledger",
    "Log",
    "LogRange",
    "Membership",
    "MembershipEngine",
    "MembershipStates",
    "Messenger",
    "OpenAudience",
    "OpenDay",
    "OpenMemberships",
    "OpenSessions",
    "Outbox",
    "People",
    "PeopleOrder",
    "Planned",
    "Policies",
    "Population",
    "Posted",
    "Preview",
    "Privacy",
    "Probe",
    "Profile",
    "Profiles",
    "Progress",
    "Purged",
    "Purger",
    "Remembering",
    "Removals",
    "Repeats",
    "Resealed",
    "Row",
    "RowBatch",
    "RowEvents",
    "RowReader",
    "Shape",
    "Shaper",
    "Snapshots",
    "Source",
    "Sources",
    "Span",
    "Store",
    "Stored",
    "StoredEvent",
    "Sweeper",
    "TableFormat",
    "TextRows",
    "Tie",
    "Totals",
    "Vault",
    "Windows",
]

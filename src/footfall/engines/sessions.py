"""Sessions of clients that send none: what one person does in one place without a pause of ``idle``.

A person is a visitor by the client's own id, else a user; a place is source, product and environment. Everything is
done on columns: the events of a range and the sessions that may still go on are points on one line per person, a
session two points, and where the line breaks a session begins.

An event belongs to the session that it lies in or follows by at most ``idle``, else to the one that follows it. Nothing
can belong to a session any more once nothing was received of it for ``silence``, twice ``idle``, or once its person did
something later by that much; then it has ended, with the instant of its last event as its end. So what is said of an
ended session is always all of it.

Source: PX, "Sessions" (begins with the first event, ends after 30 minutes without any, whoever logs in meanwhile).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from footfall.engines.reopening import Reopened
from footfall.model.event import DERIVED, EventType
from footfall.portions import in_batches
from footfall.ports import Derived, LogRange, OpenSessions
from footfall.wire import row_body

# What a person does, where the client sees it happen. Who somebody is, mail and what a server notes are no visits.
DOINGS: Final = (
    EventType.PAGE_VIEW,
    EventType.SCREEN_VIEW,
    EventType.CLICK,
    EventType.LINK_CLICK,
    EventType.FORM_SUBMIT,
    EventType.CUSTOM,
    EventType.FEATURE_MATCH,
    EventType.ENGAGEMENT_VIEW,
    EventType.ENGAGEMENT_CLICK,
    EventType.SURVEY_RESPONSE,
    EventType.SURVEY_ANSWER,
    EventType.FEEDBACK,
    EventType.ARTICLE_VIEW,
)
_DOINGS: Final = pa.array(list(DOINGS), pa.int16())
_PLACE: Final = ("source", "product", "environment")
_TEXTS: Final = (*_PLACE, "channel", "identify_id", "anonymous_id", "account_id", "session_id")
_NUMBERS: Final = ("began_us", "ended_us", "heard_us", "events")
SESSION: Final = pa.schema([*((name, pa.string()) for name in _TEXTS), *((name, pa.int64()) for name in _NUMBERS)])
_WITH_WHO: Final = SESSION.append(pa.field("who", pa.int64()))
# Of a session's first event, what its beginning is told with.
_TOLD: Final = (*_TEXTS[:-1], "locale", "position", "occurred_us", "received_us", "properties")
_NONE: Final = -1
_KEYS_MAX: Final = 2**62

# The id of a session: a UUID of version 8 made of what tells its first event from all others.
_IDS: Final = """SELECT concat(h[:12], '8', h[14:16], '8', h[18:])::UUID::VARCHAR AS session_id
    FROM (SELECT md5(concat_ws(chr(0), source, product, environment, person, event_id)) AS h FROM given)"""
_KEYS: Final = "SELECT (md5_number(session_id) >> 64)::UBIGINT AS session_key FROM given"
# Of what its first event says, what is true of the session.
_SAID: Final = """SELECT concat('{', concat_ws(',', '"page":' || json_extract(properties, '$.page'),
        '"user_agent":' || json_extract(properties, '$.user_agent')), '}') AS properties FROM given"""


@dataclass(frozen=True, slots=True)
class _Seen:
    """Sessions of which events were seen in a range.

    rows: of each event that belongs to one, its place among the events. member: of each, the place of its session.
    sessions: all of the persons that were seen, _WITH_WHO: first the known ones, then the new ones, in the order of
    their first events in the log. known: how many were. touched: whether the range had an event of it. first: of
    each new one, the place of its first event among the events.
    """

    rows: pa.Array
    member: pa.Array
    sessions: pa.Table
    known: int
    touched: pa.Array
    first: pa.Array


class IdleSessions:
    """ports.Derivation: session ids for events that have none, and the begin and end of each session as events.

    kept: where open sessions are kept with the ranges that change them. idle_s: seconds. wanted: whether sessions are
    made of a source's events; the truth beside its name says of which: those of imported rows, or those that were sent.
    Not for use by two threads at once.
    """

    def __init__(self, kept: OpenSessions, *, idle_s: int, wanted: Callable[[str, bool], bool]) -> None:
        self._kept = kept
        self._wanted = wanted
        self._idle_us = idle_s * 1_000_000
        self._silence_us = 2 * self._idle_us
        self._open = SESSION.empty_table()
        self._position = -1
        self._engine = Reopened(partial(duckdb.connect, ":memory:", config={"threads": 1}))

    def derive(self, events: pa.Table, taken: LogRange) -> Derived:
        """What the range begins with is remembered from the range before; after any other it is read anew."""
        open_ = self._open if self._position == taken.start else self._kept.at(taken.start).select(SESSION.names)
        acting = self._acting(events, taken)
        if not len(acting) and not len(open_):
            self._open, self._position = open_, taken.end
            return Derived(events)
        seen = self._seen(events, acting, open_)
        rest = open_.filter(pc.invert(pc.is_in(open_["session_id"], value_set=_texts(seen.sessions["session_id"]))))
        over, silent = self._over(seen, taken), self._silent(rest, taken)
        ended = pa.concat_tables([seen.sessions.select(SESSION.names).filter(over), rest.filter(silent)])
        going_on = seen.sessions.select(SESSION.names).filter(pc.invert(over))
        self._open = pa.concat_tables([rest.filter(pc.invert(silent)), going_on]).combine_chunks()
        self._position = taken.end
        added = [part for part in (self._begun(events, seen), self._ended(ended)) if part is not None]
        return Derived(
            self._marked(events, seen),
            pa.concat_tables(added, promote_options="default") if added else None,
            sessions=_changed(seen, over, rest.filter(silent)),
        )

    def renew(self) -> None:
        """Remember nothing: somebody was taken out of what is kept."""
        self._open, self._position = SESSION.empty_table(), -1

    def _acting(self, events: pa.Table, taken: LogRange) -> pa.Array:
        """Places of the events that belong to sessions which nobody sent."""
        source = events.column("source").combine_chunks()
        names = source.dictionary.to_pylist()
        wanted = pa.array([self._wanted(name, False) for name in names], pa.bool_()).take(source.indices)
        rows = [entry.position for entry in taken.entries if entry.batch.dialect == row_body.NAME]
        if rows:
            imported = pc.is_in(_whole(events["position"]), value_set=pa.array(rows, pa.int64()))
            of_rows = pa.array([self._wanted(name, True) for name in names], pa.bool_()).take(source.indices)
            wanted = pc.if_else(imported, of_rows, wanted)
        mask = pc.and_(
            pc.and_(wanted, pc.is_null(events["session_id"])),
            pc.and_(pc.is_in(events["type"], value_set=_DOINGS), pc.is_valid(_person(events))),
        )
        return pc.indices_nonzero(mask).cast(pa.int64())

    def _seen(self, events: pa.Table, acting: pa.Array, open_: pa.Table) -> _Seen:
        columns = (*_PLACE, "anonymous_id", "identify_id", "occurred_us", "received_us")
        doing = events.select(columns).take(acting)
        doing = pa.table({name: _texts(doing[name]) for name in _PLACE} | {"person": _texts(_person(doing)),
                          "at": _whole(doing["occurred_us"]), "heard": _whole(doing["received_us"])})  # fmt: skip
        persons = pc.unique(doing["person"])
        known = open_.filter(pc.is_in(_person(open_), value_set=persons)).combine_chunks()
        known_who, who = _numbered(known.append_column("person", _person(known)), doing)
        line = _Line(known, known_who, doing, who, self._idle_us, self._silence_us)
        groups = line.sessions()
        old, new = groups.filter(pc.field("code") < len(known)), groups.filter(pc.field("code") >= len(known))
        new = new.sort_by("place_first")
        first = _whole(new["place_first"])
        begun = self._named(events.take(acting.take(first)), new, who.take(first))
        sessions = pa.concat_tables([_continued(known, known_who, old), begun])
        codes = pa.concat_arrays([pa.arange(0, len(known)), _whole(new["code"])])
        touched = pc.is_in(codes, value_set=_whole(groups["code"]))
        member = pc.index_in(line.code, value_set=codes)
        return _Seen(acting.take(line.place), member, sessions, len(known), touched, acting.take(first))

    def _named(self, firsts: pa.Table, new: pa.Table, who: pa.Array) -> pa.Table:
        """New sessions, _WITH_WHO; firsts: the first event of each."""
        texts = {name: _texts(firsts[name]) for name in _TEXTS if name != "session_id"}
        cause = {"person": _texts(_person(firsts)), "event_id": _texts(firsts["event_id"])}
        texts["session_id"] = self._asked(_IDS, pa.table(texts | cause))
        numbers = (new["at_min"], new["at_max"], new["heard_max"], new["place_count"])
        columns = [texts[name] for name in _TEXTS] + [_whole(number.cast(pa.int64())) for number in numbers]
        return pa.table([*columns, who], schema=_WITH_WHO)

    def _over(self, seen: _Seen, taken: LogRange) -> pa.Array:
        """Which of the sessions seen have ended: nobody was heard for long, or the person is far beyond."""
        sessions = seen.sessions
        if not len(sessions):
            return pa.array([], pa.bool_())
        newest = sessions.group_by("who").aggregate([("began_us", "max")])
        place = pc.index_in(_whole(sessions["who"]), value_set=_whole(newest["who"]))
        beyond = pc.subtract(_whole(newest["began_us_max"]).take(place), _whole(sessions["ended_us"]))
        return pc.or_(pc.greater(beyond, self._silence_us), self._silent(sessions, taken))

    def _silent(self, sessions: pa.Table, taken: LogRange) -> pa.Array:
        return _whole(pc.less(sessions["heard_us"], taken.heard_us - self._silence_us))

    def _marked(self, events: pa.Table, seen: _Seen) -> pa.Table:
        """The events with the ids of their sessions."""
        if not len(seen.rows):
            return events
        order = pc.sort_indices(seen.rows)
        member, rows = seen.member.take(order), seen.rows.take(order)
        ids = _whole(seen.sessions["session_id"])
        mask = pc.is_in(pa.arange(0, len(events)), value_set=rows)
        for name, values in (("session_id", ids), ("session_key", self._keys(ids))):
            column = _whole(events[name])
            filled = pc.replace_with_mask(column, mask, values.take(member).cast(column.type))
            events = events.set_column(events.schema.get_field_index(name), name, filled)
        return events

    def _begun(self, events: pa.Table, seen: _Seen) -> pa.Table | None:
        if not len(seen.first):
            return None
        ids = _whole(seen.sessions["session_id"].slice(seen.known))
        rows = events.select(_TOLD).take(seen.first)
        said = self._asked(_SAID, in_batches(rows.select(["properties"]), ["properties"]))
        rows = rows.set_column(rows.schema.get_field_index("properties"), "properties", said)
        texts = {name: _texts(rows[name]) for name in (*_PLACE, "channel")}
        rows = pa.table({name: texts.get(name, rows[name]) for name in rows.column_names})
        return self._told(rows, EventType.SESSION_STARTED, "session-start", ids)

    def _ended(self, ended: pa.Table) -> pa.Table | None:
        if not len(ended):
            return None
        took = pc.divide(pc.divide(pc.subtract(ended["ended_us"], ended["began_us"]), 1000).cast(pa.float64()), 1000.0)
        said = ['{"duration_s":', took.cast(pa.string()), ',"event_count":', ended["events"].cast(pa.string()), "}"]
        rows = pa.table(
            {name: ended[name] for name in _TEXTS if name != "session_id"}
            | {"occurred_us": ended["ended_us"], "received_us": ended["heard_us"]}
            | {"properties": pc.binary_join_element_wise(*said, "")}
        )
        return self._told(rows, EventType.SESSION_ENDED, "session-end", _whole(ended["session_id"]))

    def _told(self, rows: pa.Table, kind: EventType, word: str, ids: pa.Array) -> pa.Table:
        made = {
            "type": pa.repeat(pa.scalar(int(kind), pa.int16()), len(rows)),
            "event_id": pc.binary_join_element_wise(f"{DERIVED}{word}:", ids, ""),
            "session_id": ids,
            "session_key": self._keys(ids),
        }
        for name, column in made.items():
            rows = rows.append_column(name, column)
        return rows

    def _keys(self, ids: pa.Array) -> pa.Array:
        return self._asked(_KEYS, pa.table({"session_id": ids}))

    def _asked(self, statement: str, rows: pa.Table) -> pa.Array:
        """The one column that a statement makes of ``rows``, in their order."""
        with self._engine.use(given=rows) as engine:
            return _whole(engine.sql(statement).to_arrow_table().column(0))


class _Line:
    """Events of many persons and their known sessions as points in order of person and time, each with its session.

    place: of each event in this order, its place in ``doing``. code: its session: of a known one its place in
    ``known``, of a new one a number beyond those, rising with person and time.
    """

    def __init__(
        self, known: pa.Table, known_who: pa.Array, doing: pa.Table, who: pa.Array, idle_us: int, silence_us: int
    ) -> None:
        n, events = len(known), len(doing)
        edges = [pa.repeat(pa.scalar(step, pa.int64()), count) for step, count in ((1, n), (-1, n), (0, events))]
        # At one instant the edges of sessions come first: an event there must still pass for one that follows.
        points = pa.table(
            {
                "who": pa.concat_arrays([known_who, known_who, who]),
                "at": pa.concat_arrays([_whole(known["began_us"]), _whole(known["ended_us"]), _whole(doing["at"])]),
                "heard": pa.concat_arrays([heard := _whole(known["heard_us"]), heard, _whole(doing["heard"])]),
                "edge": pa.concat_arrays(edges),
                "place": pa.concat_arrays([pa.arange(0, n), pa.arange(0, n), pa.arange(0, events)]),
            }
        )
        order = _in_order(points)
        points = points.take(order).combine_chunks()
        code = _sessions_of(points, n, idle_us, silence_us)
        event = pc.equal(points["edge"], 0)
        self._events = points.append_column("code", code).filter(event).combine_chunks()
        self.place, self.code = _whole(self._events["place"]), _whole(self._events["code"])

    def sessions(self) -> pa.Table:
        """(code, place_first, at_min, at_max, heard_max, place_count) of each session that has an event here."""
        totals = [("place", "first"), ("at", "min"), ("at", "max"), ("heard", "max"), ("place", "count")]
        return self._events.group_by("code", use_threads=False).aggregate(totals)


def _in_order(points: pa.Table) -> pa.Array:
    """Places of the points by person and instant; those of one instant stay as they are."""
    who, at = _whole(points["who"]), _whole(points["at"])
    first, last = (pc.min_max(at)[name].as_py() or 0 for name in ("min", "max"))
    span = last - first + 1
    if (pc.max(who).as_py() or 0) < _KEYS_MAX // span:  # one number is sorted faster than three
        return pc.sort_indices(pc.add(pc.multiply(who, span), pc.subtract(at, first)))
    nth = pa.table([who, at, pa.arange(0, len(who))], names=["who", "at", "nth"])
    return pc.sort_indices(nth, sort_keys=[(name, "ascending") for name in nth.column_names])


def _sessions_of(points: pa.Table, known: int, idle_us: int, silence_us: int) -> pa.Array:
    """The session of each point, see ``_Line.code``."""
    who, at, heard, edge = (_whole(points[name]) for name in ("who", "at", "heard", "edge"))
    other = pc.fill_null(pc.not_equal(pc.pairwise_diff(who), 0), True)
    paused = pc.or_(pc.greater(pc.pairwise_diff(at), idle_us), pc.greater(pc.pairwise_diff(heard), silence_us))
    # Within a known session, which is two points, no pause counts.
    outside = pc.equal(pc.subtract(pc.cumulative_sum(edge), edge), 0)
    begins = pc.or_(other, pc.and_(outside, pc.fill_null(paused, False)))
    island = pc.cumulative_sum(begins.cast(pa.int64()))
    opens = pc.equal(edge, 1)
    mark = pc.if_else(opens, points["place"], pc.if_else(begins, _NONE, pa.scalar(None, pa.int64())))
    mark = _whole(pc.fill_null_forward(mark))
    if known:  # what comes before the first known session of its island belongs to that one
        firsts = pa.table({"island": island, "place": points["place"]}).filter(opens)
        firsts = firsts.group_by("island", use_threads=False).aggregate([("place", "first")])
        found = _whole(firsts["place_first"]).take(pc.index_in(island, value_set=_whole(firsts["island"])))
        mark = pc.if_else(pc.equal(mark, _NONE), pc.fill_null(found, _NONE), mark)
    return pc.if_else(pc.equal(mark, _NONE), pc.add(island, known), mark)


def _continued(known: pa.Table, who: pa.Array, old: pa.Table) -> pa.Table:
    """The known sessions, _WITH_WHO, with what the groups ``old`` add to them."""
    place = pc.index_in(pa.arange(0, len(known)), value_set=_whole(old["code"]))
    more = old.take(place)

    def most(name: str, more_name: str, pick: Callable[..., pa.Array]) -> pa.Array:
        return _whole(pick(known[name], more[more_name]))

    columns = [_whole(known[name]) for name in _TEXTS] + [
        most("began_us", "at_min", pc.min_element_wise),
        most("ended_us", "at_max", pc.max_element_wise),
        most("heard_us", "heard_max", pc.max_element_wise),
        _whole(pc.add(known["events"], pc.fill_null(more["place_count"], 0))),
    ]
    return pa.table([*columns, who], schema=_WITH_WHO)


def _changed(seen: _Seen, over: pa.Array, silent: pa.Table) -> pa.Table:
    """What is to be kept of a range, see ``Derived.sessions``. Sessions that began and ended in it leave no trace."""
    was_known = pc.less(pa.arange(0, len(over)), seen.known)
    told = seen.sessions.select(SESSION.names).append_column("open", pc.invert(over))
    told = told.filter(pc.or_(pc.and_(seen.touched, pc.invert(over)), pc.and_(was_known, over)))
    return pa.concat_tables([told, silent.append_column("open", pa.repeat(pa.scalar(False), len(silent)))])


def _person(rows: pa.Table) -> pa.ChunkedArray:
    return pc.coalesce(rows["anonymous_id"], rows["identify_id"])


def _numbered(known: pa.Table, doing: pa.Table) -> tuple[pa.Array, pa.Array]:
    """One number for each person in each place, of the known sessions and of the events."""
    code = pa.repeat(pa.scalar(0, pa.int64()), len(known) + len(doing))
    for name in (*_PLACE, "person"):
        coded = pa.concat_arrays([_texts(known[name]), _texts(doing[name])]).dictionary_encode("encode")
        code = pc.add(pc.multiply(code, len(coded.dictionary)), coded.indices.cast(pa.int64()))
    return code.slice(0, len(known)), code.slice(len(known))


def _whole(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _texts(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return _whole(column).cast(pa.string())

"""The features that events use, found in columns: texts are taken out of the JSON by DuckDB, and each distinct
combination of what rules look at is matched once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from footfall.engines.database import literal, query, translated
from footfall.engines.matching import (
    NO_ELEMENT,
    NO_PAGE,
    Clicked,
    Mapped,
    ProductRules,
    Seen,
    compile_rules,
)
from footfall.engines.reopening import Reopened
from footfall.engines.rule_sets import Page
from footfall.engines.where_sql import WhereSql
from footfall.errors import Refused
from footfall.model.audience_text import read_where
from footfall.model.event import EventType
from footfall.model.feature_rules import FeatureMatch
from footfall.model.metadata import Metadata
from footfall.portions import in_batches

_AT_ONCE: Final = 16_384
_URL: Final = ("url", "scheme", "host", "path", "query_string", "hash")
_ASKED: Final = pa.schema(
    [
        ("subject", pa.string()),
        ("url", pa.string()),
        ("element", pa.string()),
        ("about", pa.string()),
        ("held", pa.string()),
    ]
)
FOUND: Final = pa.schema([("row", pa.int64()), ("feature_id", pa.string())])
_NAMED: Final = ("type", "product", "environment", "name")
_Of = TypeVar("_Of", Page, Clicked)
LOOKED_AT: Final = ("type", "product", "environment", "channel", "name", "properties")


class FeatureFinder:
    """Finds by the rules of a catalogue. Not for use by two threads at once.

    faulty: told of features whose rules cannot be used.
    """

    def __init__(
        self, metadata: Metadata, faulty: Callable[[str, Refused], None], *, temp_directory: Path, threads: int = 2
    ) -> None:
        self.rules: Mapped = compile_rules(metadata, faulty)
        self._types = pa.array(sorted(self.rules.types), pa.int16())
        self._products = pa.array(sorted(self.rules.products), pa.string())
        self._names = None if self.rules.names is None else pa.array(sorted(self.rules.names), pa.string())
        self._settings: dict[str, Any] = {
            "temp_directory": str(temp_directory),
            "threads": threads,
            "memory_limit": "512MB",
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        self._database = Reopened(self._opened)
        self._statement = _statement(self.rules)

    def close(self) -> None:
        self._database.close()

    def find(self, events: pa.Table) -> pa.Table:
        """(row int64 of ``events``, feature_id), by both. events: the columns ``LOOKED_AT``, texts as such or coded."""
        if not self.rules.products or not events.num_rows:
            return FOUND.empty_table()
        wanted = pc.and_(
            pc.is_in(events.column("type"), value_set=self._types),
            pc.is_in(_plain(events.column("product")), value_set=self._products),
        )
        asked = pc.not_equal(events.column("type"), int(EventType.CUSTOM))
        if self._names is None:
            asked = pc.or_(asked, pc.is_valid(events.column("name")))
        else:
            asked = pc.or_(asked, pc.is_in(_plain(events.column("name")), value_set=self._names))
        asked = pc.fill_null(asked, False)
        found = [self._matched(events, pc.and_(wanted, asked), ask=True)]
        found.append(self._matched(events, pc.and_not(wanted, asked), ask=False))
        return _in_order(pa.concat_tables(found))

    def explain(self, event: pa.Table) -> Sequence[FeatureMatch]:
        """What the one event of a table uses, with the place of the rule that says so."""
        row = {name: _plain(event.column(name))[0].as_py() for name in LOOKED_AT}
        rules = self.rules.products.get(row["product"])
        if rules is None:
            return []
        asked = {name: each or "" for name, each in self._asked(event).to_pylist()[0].items()}
        page = rules.urls.of(asked["url"] or asked["subject"]) if asked["subject"] else NO_PAGE
        element = rules.element(asked["element"]) if asked["element"] else NO_ELEMENT
        seen = Seen(
            row["type"], row["environment"] or "", row["name"] or "", page, element, asked["about"], asked["held"]
        )
        return rules.matches(seen)

    def _matched(self, events: pa.Table, some: pa.ChunkedArray, *, ask: bool) -> pa.Table:
        rows = pc.indices_nonzero(some).cast(pa.int64())
        if not len(rows):
            return FOUND.empty_table()
        texts = self._asked(events, some) if ask else pa.table([pa.nulls(len(rows), pa.string())] * len(_ASKED), _ASKED)
        named = events.select(_NAMED).take(rows)
        whole = pa.table(
            {**{n: _plain(named.column(n)) for n in _NAMED}, **dict(zip(_ASKED.names, texts.columns, strict=True))}
        )
        products, found = whole.column("product"), []
        for product in (different := pc.unique(products).to_pylist()):
            if len(different) == 1:
                return _of_product(self.rules.products[product], whole, rows)
            mine = pc.equal(products, product).combine_chunks()
            found.append(_of_product(self.rules.products[product], whole.filter(mine), rows.filter(mine)))
        return pa.concat_tables(found)

    def _asked(self, events: pa.Table, some: pa.ChunkedArray | None = None) -> pa.Table:
        """The texts that rules ask for, a row for each event, or for those of which ``some`` is true."""
        plain = pa.table({name: _plain(events.column(name)) for name in LOOKED_AT})
        # All of them, and which: taking some would copy the properties, which are most of what there is.
        asked = pa.repeat(True, plain.num_rows) if some is None else some
        batches = plain.append_column("nth", pa.arange(0, plain.num_rows)).append_column("asked", asked)
        terms = pc.unique(pa.chunked_array([c for n in LOOKED_AT[1:4] for c in plain.column(n).chunks], pa.string()))
        given = {
            "events": in_batches(batches, ["properties"], _AT_ONCE),
            "term_texts": pa.table({"key": terms, "text": terms}),
        }
        with translated("look for features"), self._database.use(**given) as database:
            return database.sql(self._statement).to_arrow_table().cast(_ASKED)

    def _opened(self) -> duckdb.DuckDBPyConnection:
        database = duckdb.connect(":memory:", config=self._settings)
        for script in ("macros", "audience_macros", "where_macros"):
            database.execute(query(script))
        return database


def _statement(rules: Mapped) -> str:
    """One statement for all that rules ask of the properties, which are read once."""
    asked = WhereSql([read_where(where) for where in rules.wheres])
    pointers = [f"/page/{part}" for part in _URL]
    pointers += ["/element", "/page/name", "/page/title", "/form/name", "/form/id", "/attributes/name"]
    pointers += [each for each in asked.pointers if each not in pointers]
    shift = {place: pointers.index(each) + 1 for place, each in enumerate(asked.pointers, 1)}
    columns = [_shifted(column, shift) for column in asked.columns]
    tests = [f"CASE WHEN {asked.sql(read_where(where))} THEN '{n}' END" for n, where in enumerate(rules.wheres)]
    url = "coalesce(page_url_of(said[1], said[2], said[3], said[4], said[5], said[6]), said[4])"
    subject = "split_part(split_part(url, '#', 1), '?', 1)"
    if not rules.asks_page:
        url = "NULL"
    screen, form = int(EventType.SCREEN_VIEW), int(EventType.FORM_SUBMIT)
    about = (
        f"CASE type WHEN {screen} THEN coalesce(said[8], said[12], said[9], said[4]) "
        f"WHEN {form} THEN coalesce(said[10], said[11]) END"
    )
    held = f"concat_ws(',', {', '.join(tests)})" if tests else "NULL"
    said = f"json_extract_string(properties, [{', '.join(map(literal, pointers))}])"
    of_events = f"SELECT *, {said} AS said FROM events WHERE asked"
    return (
        f"SELECT {subject} AS subject, {'url' if rules.whole_urls else 'NULL'} AS url, element, about, {held} AS held "
        "FROM ("
        f"SELECT {', '.join(['e.nth', *(f'e.{n}' for n in ('url', 'element', 'about')), *columns])} FROM ("
        f"SELECT *, {url} AS url, said[7] AS element, {about} AS about FROM ({of_events})) e"
        f"{asked.joins}) d{' ORDER BY nth' if asked.joins else ''}"  # without a join rows come as they were given
    )


def _shifted(column: str, places: dict[int, int]) -> str:
    """The SQL of a column of ``WhereSql`` for the places that its texts have here."""
    parts = column.split("e.said[")
    return parts[0] + "".join(
        f"e.said[{places[int(part[: part.index(']')])]}{part[part.index(']') :]}" for part in parts[1:]
    )


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column


def _in_order(found: pa.Table) -> pa.Table:
    """By row and feature, which as one number are sorted faster than as two columns."""
    features = found.column("feature_id").combine_chunks().dictionary_encode()
    if not len(features):
        return found
    ranks = pc.rank(features.dictionary, "ascending").cast(pa.int64()).take(features.indices)
    return found.take(pc.sort_indices(pc.add(pc.multiply(found.column("row"), len(features.dictionary) + 1), ranks)))


def _of_product(rules: ProductRules, events: pa.Table, rows: pa.Array) -> pa.Table:
    """What the events of one product use; what looks alike to its rules is matched once."""
    page_codes, pages = _pages(rules, events.column("subject"), events.column("url"))
    elements, element_codes = _distinct(events.column("element"))
    clicks, click_numbers = _numbered([NO_ELEMENT if each is None else rules.element(each) for each in elements])
    element_codes = pa.array(click_numbers, pa.int64()).take(element_codes)
    texts = [_distinct(events.column(name)) for name in ("environment", "name", "about", "held")]
    columns = [
        events.column("type").combine_chunks().cast(pa.int64()),
        page_codes,
        element_codes,
        *(c for _, c in texts),
    ]
    codes, firsts = _combined(columns)
    each = zip(*(column.take(firsts).to_pylist() for column in columns), strict=True)
    matched = []
    for kind, page, element, *about in each:
        environment, name, label, held = (values[code] or "" for (values, _), code in zip(texts, about, strict=True))
        seen = Seen(kind, environment, name, pages[page], clicks[element], label, held)
        matched.append([match.feature for match in rules.matches(seen)])
    known = sorted({feature for each in matched for feature in each})
    numbers = {feature: number for number, feature in enumerate(known)}
    lists = pa.array([[numbers[feature] for feature in each] for each in matched], pa.list_(pa.int32())).take(codes)
    features = pa.array(known, pa.string()).take(pc.list_flatten(lists))
    return pa.table([rows.take(pc.list_parent_indices(lists)), features], schema=FOUND)


def _pages(rules: ProductRules, subjects: pa.ChunkedArray, urls: pa.ChunkedArray) -> tuple[pa.Array, Sequence[Page]]:
    """What pages answer, and a number into it for each row: by their subjects or, where rules ask for more, by all."""
    texts, codes = _distinct(subjects.cast(pa.binary()))
    found = [(NO_PAGE, False) if text is None else rules.urls.of_subject(text) for text in texts]
    asked = pa.array([more for _, more in found], pa.bool_()).take(codes)
    if not pc.any(asked).as_py():
        pages, numbers = _numbered([page for page, _ in found])
        return pa.array(numbers, pa.int64()).take(codes), pages
    whole = pc.if_else(asked, urls.combine_chunks(), None)
    full, full_codes = _distinct(pa.chunked_array([whole]))
    pages, numbers = _numbered(
        [*(page for page, _ in found), *(NO_PAGE if text is None else rules.urls.of(text) for text in full)]
    )
    places = pc.if_else(asked, pc.add(full_codes, len(texts)), codes)
    return pa.array(numbers, pa.int64()).take(places), pages


def _distinct(column: pa.ChunkedArray) -> tuple[list[Any], pa.Array]:
    """The distinct values, the last of them null, and the place of each row's among them."""
    coded = column.combine_chunks().dictionary_encode()
    values = [*coded.dictionary.to_pylist(), None]
    return values, pc.fill_null(coded.indices.cast(pa.int64()), len(values) - 1)


def _numbered(values: Sequence[_Of]) -> tuple[Sequence[_Of], list[int]]:
    """The different objects, and the place of each value's among them."""
    places: dict[int, int] = {}
    numbers = [places.setdefault(id(value), len(places)) for value in values]
    by_id = {id(value): value for value in values}
    return [by_id[each] for each in places], numbers


def _combined(columns: Sequence[pa.Array]) -> tuple[pa.Array, pa.Array]:
    """A number for each distinct combination of codes, one for each row; and a row that has each."""
    codes = pa.nulls(len(columns[0]), pa.int64()).fill_null(0)
    for column in columns:
        each = column.dictionary_encode()
        codes = pc.add(pc.multiply(codes, len(each.dictionary)), each.indices.cast(pa.int64()))
        codes = codes.dictionary_encode().indices.cast(pa.int64())
    rows = pa.table({"code": codes, "row": pa.arange(0, len(codes))})
    firsts = rows.group_by("code").aggregate([("row", "min")]).sort_by("code").column("row_min").combine_chunks()
    return codes, firsts

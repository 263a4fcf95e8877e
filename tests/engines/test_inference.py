"""What is inferred about people from agents, addresses and e-mail domains, and of whom nothing is."""

from __future__ import annotations

import json
import tracemalloc

import duckdb
import pyarrow as pa
import pytest
from torn import BREAKS, torn

from footfall.engines import agents, inference
from footfall.engines.inference import Allowed, Inference
from footfall.engines.organizations import organization
from footfall.engines.places import Places
from footfall.errors import Refused
from footfall.model.event import EventType
from footfall.ports import Batch, Entry, LogRange

SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 "
    "Mobile/15E148 Safari/604.1"
)
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Safari/537.36"
)
PYTHON = "analytics-python/2.3.4 python-requests/2.32"
GERMANY = '{"continentCode":"EU","countryCode":"DE","countryName":"Germany"}'
AT = 1_795_348_800_000_000  # 2026-11-22T12:00Z
NOON = "2026-11-22T12:00:00.000Z"


def events(*rows) -> pa.Table:
    usual = {"type": EventType.IDENTIFY, "position": 5, "occurred_us": AT, "source": "app", "channel": "web"}
    usual |= {"event_id": "e", "identify_id": "ada", "properties": None, "user_attributes": None}
    rows = [usual | row for row in rows]
    kinds = {"type": pa.int16(), "position": pa.int64(), "occurred_us": pa.int64()}
    table = {name: pa.array([row[name] for row in rows], kinds.get(name, pa.string())) for name in usual}
    for name in ("source", "channel"):
        table[name] = table[name].dictionary_encode()
    return pa.table(table)


def inferred(*rows, agent="", place="", added=(), **allowed) -> list[tuple[str, dict]]:
    """(user, attributes) of what is inferred of events that came with a request."""
    entry = Entry(5, 6, Batch(AT, "app", "segment", "batch", 1, (), "", agent, b"", place))
    given = events(*rows)
    found = Inference(Allowed(**allowed)).derive(given, LogRange(5, 6, AT, (entry,), added))
    assert found.events is given
    assert found.added is None
    facts = found.facts.to_pylist() if found.facts is not None else []
    assert all(fact["kind"] == "user" and fact["at"].timestamp() * 1e6 == AT for fact in facts)
    return [(fact["user"], json.loads(fact["attributes"])) for fact in facts]


def agent(**said) -> dict[str, str]:
    return {"properties": json.dumps({"user_agent": said.get("text", SAFARI)})}


def test_the_agent_of_an_event_fills_all_six_columns():
    assert inferred(agent(), agent(text=CHROME)) == [
        ("ada", {
            "lastUserAgentData_rawUserAgent": SAFARI, "lastUserAgentData_device": "iPhone",
            "lastUserAgentData_platformType": "iOS", "lastUserAgentData_platformVersion": "17.5.1",
            "lastUserAgentData_browserType": "Mobile Safari", "lastUserAgentData_browserVersion": "17.5",
        }),
        ("ada", {
            "lastUserAgentData_rawUserAgent": CHROME, "lastUserAgentData_device": None,
            "lastUserAgentData_platformType": "Windows", "lastUserAgentData_platformVersion": "10",
            "lastUserAgentData_browserType": "Chrome", "lastUserAgentData_browserVersion": "128.0.0",
        }),
    ]  # fmt: skip


def test_the_agent_of_the_request_stands_in_for_it_only_where_it_is_a_browsers():
    ((_, found),) = inferred({}, agent=SAFARI)
    assert found["lastUserAgentData_device"] == "iPhone"
    assert inferred({}, agent=PYTHON) == []
    assert inferred({"channel": "server"}, agent=SAFARI) == []
    ((_, found),) = inferred(agent(text=CHROME), agent=SAFARI)
    assert found["lastUserAgentData_browserType"] == "Chrome"


def test_the_place_of_the_request_is_that_of_who_made_it():
    ((_, found),) = inferred({}, place=GERMANY)
    assert {name: value for name, value in found.items() if value is not None} == {
        "lastInferredLocation_countryCode": "DE",
        "lastInferredLocation_countryName": "Germany",
        "lastInferredLocation_continentCode": "EU",
        "lastInferredDataSyncDate": NOON,
    }
    assert len(found) == 11
    assert inferred({"channel": "server"}, place=GERMANY) == []


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        pytest.param("ada@mail.acme.co.uk", "acme.co.uk", id="a company below a public suffix of two labels"),
        pytest.param("Ada@ACME.com", "acme.com", id="capital letters"),
        pytest.param("ada@gmail.com", None, id="free mail"),
        pytest.param("ada@hey.com", None, id="free mail that the list lacks"),
        pytest.param("ada@localhost", None, id="no public domain"),
        pytest.param("ada@co.uk", None, id="a public suffix"),
        pytest.param("nobody", None, id="no address"),
    ],
)
def test_the_organisation_is_the_registrable_domain_of_an_address_that_not_everybody_can_have(address, expected):
    found = inferred({"type": EventType.CUSTOM, "user_attributes": json.dumps({"email": address})})
    names = ("lastInferredOrganization_name", "lastInferredOrganization_webDomain")
    named = {**dict.fromkeys(names, expected), "lastInferredDataSyncDate": NOON}
    assert found == ([] if expected is None else [("ada", named)])


def test_domains_in_other_scripts_and_nonsense_are_taken_as_they_are():
    assert organization("straße.de") == "xn--strae-oqa.de" or organization("straße.de") == "strasse.de"
    assert organization("." * 300 + "ü") is None
    assert organization("") is None
    assert organization("a." * 122 + "acme.com") == "acme.com"
    assert organization("a." * 123 + "acme.com") is None  # nothing so long is a domain, and it would take long to say


def test_long_agents_are_read_and_remembered_as_far_as_they_are_looked_at():
    assert json.loads("{" + agents.members(SAFARI + " x" * 50_000) + "}")["lastUserAgentData_browserType"]
    tracemalloc.start()
    for number in range(50):
        agents.members(f"agent {number} " + "x" * 100_000)
        agents.is_browser(f"agent {number} " + "x" * 100_000)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 1_000_000


def test_people_are_looked_at_when_a_session_begins_or_they_are_identified():
    begun = events({"type": EventType.SESSION_STARTED, "identify_id": "bob"}, {"type": EventType.SESSION_ENDED})
    found = inferred({"type": EventType.CUSTOM}, {"identify_id": None}, agent=SAFARI, added=(begun,))
    assert [user for user, _ in found] == ["bob"]


@pytest.mark.parametrize(
    ("allowed", "left"),
    [
        ({"agents": False}, {"lastInferredLocation", "lastInferredOrganization", "lastInferredDataSyncDate"}),
        ({"places": False}, {"lastUserAgentData", "lastInferredOrganization", "lastInferredDataSyncDate"}),
        ({"organizations": False}, {"lastUserAgentData", "lastInferredLocation", "lastInferredDataSyncDate"}),
        ({"places": False, "organizations": False}, {"lastUserAgentData"}),
    ],
)
def test_each_kind_can_be_switched_off(allowed, left):
    row = {"user_attributes": '{"email":"ada@acme.com"}'} | agent()
    ((_, found),) = inferred(row, place=GERMANY, **allowed)
    assert {name.partition("_")[0] for name in found} == left


def test_nothing_is_inferred_of_a_source_whose_policy_does_not_let_it():
    row = {"user_attributes": '{"email":"ada@acme.com"}'}
    rows = [{**row, **agent(), "source": "app"}, {**row, "source": "app"}]
    assert inferred(*rows, agent=SAFARI, place=GERMANY, source=lambda name: name != "app") == []
    assert len(inferred(*rows, agent=SAFARI, place=GERMANY, source=lambda name: name == "app")) == 2


def test_damaged_attributes_of_one_event_do_not_stop_the_others():
    row = {"user_attributes": '{"email":{"x":["@"]}}'}
    found = inferred(row, {"user_attributes": '{"Email":"ada@acme.com"}'})
    assert [attributes["lastInferredOrganization_name"] for _, attributes in found] == ["acme.com"]


def test_the_bundled_table_knows_countries_and_nothing_of_private_addresses():
    places = Places()
    assert json.loads(places.of("193.99.144.80")) == json.loads(GERMANY)
    assert json.loads(places.of("2a02:2e0:3fe:1001:302::"))["countryCode"] == "DE"
    for address in ("10.0.0.1", "::1", "", "somewhere"):
        assert places.of(address) == ""


def test_a_city_file_that_cannot_be_read_is_refused(tmp_path):
    (tmp_path / "cities.mmdb").write_bytes(b"not a database")
    with pytest.raises(Refused, match=r"city_file .* cannot be read"):
        Places(tmp_path / "cities.mmdb")
    with pytest.raises(Refused, match="cannot be read"):
        Places(tmp_path / "none.mmdb")


def test_a_fault_within_the_engine_costs_one_range(monkeypatch):
    one, taken = Inference(Allowed()), LogRange(5, 6, AT, ())
    given = events({"user_attributes": '{"email":"ada@acme.com"}'})
    with monkeypatch.context() as broken:
        broken.setattr(inference, "_ASKED", f"SELECT {BREAKS.format('user_attributes')} FROM given")
        with pytest.raises(duckdb.InternalException):
            one.derive(torn(given, "user_attributes"), taken)
    assert one.derive(given, taken).facts.num_rows == 1

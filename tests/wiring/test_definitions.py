"""Any state of a Footfall becomes a file, the file that state again, and again the same bytes."""

from __future__ import annotations

import dataclasses
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from footfall.config import Settings
from footfall.config.definition_file import DefinitionFile, parse_definition_file
from footfall.config.job_definitions import job_of
from footfall.config.job_options import COMPRESSIONS, OPTIONS
from footfall.config.resources import BY_NAME
from footfall.config.yaml_writer import write_yaml
from footfall.errors import Conflict, Refused
from footfall.model import app_events, authorizations, metadata
from footfall.model.channels import EMAIL_OPTIONS, OCCASIONS, Channel, Rule
from footfall.model.channels import SECRETS as CHANNEL_SECRETS
from footfall.model.schedules import WEEKDAYS
from footfall.wiring import Footfall, codecs
from footfall.wiring.definitions import apply_definitions, export_config, opened_for, plan_definitions
from footfall.wiring.jobs import add_job, check_options
from footfall.wiring.surroundings import Surroundings
from footfall.wiring.telling import add_channel

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)

# Whatever a store, a file and a terminal could stumble over.
text = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
ident = text.filter(str.strip) | st.sampled_from(["NO", "03:00", "0123", "1e3", "~", "a: b", "x\ny"])
name = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,8}", fullmatch=True)
zone = st.sampled_from(["Asia/Tokyo", "UTC", "America/New_York"])
instant = st.datetimes(datetime(2027, 1, 1), datetime(2090, 1, 1)).map(lambda at: f"{at:%Y-%m-%dT%H:%M:%SZ}")
later = st.datetimes(datetime(2030, 1, 1), datetime(2090, 1, 1)).map(lambda at: f"{at:%Y-%m-%dT%H:%M:%SZ}")
wall = st.times().map(lambda at: f"{at:%H:%M:%S}") | st.just("after")


def some(required: dict[str, st.SearchStrategy], optional: dict[str, st.SearchStrategy]) -> st.SearchStrategy:
    return st.fixed_dictionaries(required, optional=optional)


schedule = st.one_of(
    some({"kind": st.just("daily")}, {"at": wall, "every": st.integers(1, 366), "zone": zone, "end": later}),
    some({"kind": st.just("weekly"), "weekday": st.sampled_from(WEEKDAYS)}, {"at": wall, "zone": zone}),
    some({"kind": st.just("monthly"), "day_of_month": st.integers(1, 31)}, {"at": wall, "start": instant}),
    some({"kind": st.sampled_from(["minutes", "hourly"])}, {"every": st.integers(1, 168), "zone": zone}),
    some({"kind": st.just("once"), "start": instant}, {"zone": zone}),
    some({"kind": st.just("cron"), "cron": st.sampled_from(["0 3 * * *", "*/7 * * * 1-5"])}, {"zone": zone}),
)
common = {
    "label": text, "description": text, "schedule": schedule, "catch_up": st.sampled_from(["all", "latest", "none"]),
    "paused": st.booleans(),
}  # fmt: skip
options = {
    "rollups": some({}, {"format": st.sampled_from(["json", "xml"]), "version": st.sampled_from(["1.0", "2.0"]),
                         "reports": st.just(["Users"]), "compression": st.sampled_from(["zip", "none"])}),
    "activity": some({}, {"header": st.booleans(), "join": st.just("|"), "raw": st.booleans(),
                          "start": st.just("2026-01-01")}),
    "audience": some({}, {"limit": st.integers(1, 10**9), "seed": text, "memberships": st.booleans(),
                          "filter": st.just(["plan = pro", {"field": "a", "operator": "exists"}]),
                          "fields": st.lists(ident, max_size=2), "kinds": st.just({"tags": "List"})}),
    "app_events": some({}, {"kinds": st.just(list(app_events.KINDS)), "billing_code": text,
                            "events_max": st.integers(1, 10**9)}),
    "import": some({"stream": ident, "file": st.just("crm_20261101.csv")},
                   {"prefix": st.just("crm_"), "diff": st.booleans(), "grace": st.integers(0, 9),
                    "on_missing": st.sampled_from(["stop", "wait", "alert"]), "fields": st.lists(ident, max_size=2),
                    "delimiter": st.sampled_from([";", "t"]), "identify_id": ident, "timestamp": ident,
                    "user": st.dictionaries(ident, ident, max_size=2), "header": st.booleans()}),
    "people_import": some({"entity": st.just("USER"), "mapping": st.just({"identifyId": "id", "email": "mail"})},
                          {"insert_missing": st.booleans(), "date_format": st.sampled_from(["dd/MM/yyyy", "%Y%m%d"]),
                           "marker": st.just("ready.txt"), "delimiter": st.just(";"), "stream": ident}),
}  # fmt: skip


def job_of_kind(kind: str) -> st.SearchStrategy:
    needed = {"name": name, "kind": st.just(kind), "to": st.just("out")}
    told = {"options": options[kind]}
    return some(needed | told, common) if kind.endswith("import") else some(needed, common | told)


job = st.sampled_from(sorted(options)).flatmap(job_of_kind)
keys = st.just({"access_key_id": "${env:ID}", "access_key_secret": "${env:SECRET}"})
authorization = st.one_of(
    some({"name": name, "kind": st.just("aws_keys"), "secrets": keys}, {"label": text, "region": st.just("eu-1")}),
    some({"name": name, "kind": st.just("ambient")}, {"description": text, "encryption": st.just("sse_s3")}),
)
mail = some(
    {"name": name, "host": st.just("smtp.example.com"), "sender": st.just("a@example.com"),
     "to": st.just(["b@example.com"])},
    {"kind": st.just("mail"), "port": st.integers(1, 65535), "security": st.sampled_from(["starttls", "tls"]),
     "secrets": st.sampled_from([{}, {"user": "${env:USER}", "password": "${env:PASSWORD}"}])},
)  # fmt: skip
webhook = some(
    {"name": name, "kind": st.just("webhook"), "url": st.just("https://hooks.example.com/x")},
    {"secrets": st.just({"signing_secret": "${env:A_SIGNING_SECRET}"})},
)
callback = some(
    {"name": name, "kind": st.just("callback"), "url": st.just("https://hooks.example.com/status"),
     "secrets": st.just({"api_key": "${env:AN_API_KEY}"})},
    {"header": st.just("x-status-key")},
)  # fmt: skip
rule = some(
    {"name": name, "channel": st.integers(0, 9)},
    {"jobs": st.lists(st.sampled_from(["daily", "users-*"]), max_size=2), "patience": st.integers(1, 100),
     "on": st.lists(st.sampled_from(list(OCCASIONS)), min_size=1, max_size=3, unique=True),
     "to": st.lists(st.just("c@example.com"), max_size=1)},
)  # fmt: skip
feature = some({"id": ident, "name": text}, {"type": st.just("MODULE"), "status": st.just("DELETED"),
                                             "labels": st.lists(text, max_size=2), "product_key": ident})  # fmt: skip
engagement = some(
    {"id": ident, "name": text, "type": st.sampled_from(metadata.PLAIN_ENGAGEMENT_TYPES)},
    {"created_at": instant, "priority_rank": st.integers(-9, 9), "ignore_throttling": st.booleans(),
     "environments": st.lists(text, max_size=2)},
)  # fmt: skip
tag = some({}, {"attributes": st.lists(st.sampled_from(["data-testid", "aria-label"])), "text": st.booleans(),
                "clicks": st.booleans(), "idle_minutes": st.integers(1, 1440)})  # fmt: skip
source = some({"name": ident}, {"product_key": ident, "channel": st.sampled_from(metadata.CHANNELS), "tag": tag})

of_attribute = {
    "entity": st.sampled_from(["user", "account"]),
    "api_name": st.sampled_from(["plan size", "NO", "1e3", "a: b"]),
}
attribute = st.one_of(
    some({**of_attribute, "type": st.just("SET")}, {"capacity": st.integers(1, 100), "keep_days": st.integers(1, 9)}),
    some({**of_attribute, "type": st.just("NUMBER")}, {"merge": st.sampled_from(["last", "count"]),
                                                       "default": st.integers(-9, 9) | st.floats(0, 1)}),
    some(of_attribute, {"label": text, "description": text, "default": text, "is_pii": st.booleans(),
                        "state": st.sampled_from(["ENABLED", "DISABLED"])}),
)  # fmt: skip


def fitting(plain: dict) -> dict:
    """With rules whose channels there are, and addresses only where mails go."""
    there = plain["channels"]
    rules = [{**each, "channel": there[each["channel"] % len(there)]["name"]} for each in plain["rules"] if there]
    hooks = {each["name"] for each in there if each.get("kind") in ("webhook", "callback")}
    fit = [{k: v for k, v in each.items() if k != "to" or each["channel"] not in hooks} for each in rules]
    return {**plain, "rules": fit}


state = st.fixed_dictionaries(
    {
        "channels": st.lists(mail | webhook | callback, max_size=3, unique_by=lambda each: each["name"]),
        "rules": st.lists(rule, max_size=3, unique_by=lambda each: each["name"]),
        "attributes": st.lists(attribute, max_size=3, unique_by=lambda each: (each["entity"], each["api_name"])),
        "sources": st.lists(source, max_size=3, unique_by=lambda each: each["name"]),
        "authorizations": st.lists(authorization, max_size=3, unique_by=lambda each: each["name"]),
        "jobs": st.lists(job, max_size=4, unique_by=lambda each: each["name"]),
        "products": st.lists(some({"product_key": ident, "name": text}, {"product_group": text}), max_size=2,
                             unique_by=lambda each: each["product_key"]),
        "features": st.lists(feature, max_size=3, unique_by=lambda each: each["id"]),
        "engagements": st.lists(engagement, max_size=2, unique_by=lambda each: each["id"]),
    }
).map(fitting)  # fmt: skip


class Surrounded(dict):
    """Whatever secret is asked for is there."""

    def __missing__(self, name: str) -> str:
        if name.endswith("SIGNING_SECRET"):
            return "whsec_" + "QUJD" * 8
        return "AKIA0000WXYZ" if name.endswith("ID") else "secret"

    def __contains__(self, name: object) -> bool:
        return True


AROUND = Surroundings(Surrounded(), Path())


@contextmanager
def applied(data: Path, text: str, around: Surroundings = AROUND) -> Iterator[tuple[Footfall, DefinitionFile]]:
    found = parse_definition_file(text)
    found.require_sound()
    with opened_for(found, Settings(data=data, time_zone="Asia/Tokyo"), lambda: NOW, write=True) as hub:
        outcome = apply_definitions(hub, found, around, plan_definitions(hub, found, around, prune=False))
        assert outcome.error is None, (outcome.error, [each.after["schedule"] for each in outcome.failed])
        yield hub, found


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(state)
def test_a_state_is_written_applied_elsewhere_and_written_as_the_same_bytes(plain):
    with tempfile.TemporaryDirectory() as folder:
        with applied(Path(folder) / "a", write_yaml(plain)) as (hub, found):
            again = plan_definitions(hub, found, AROUND, prune=True)
            assert (again.changes, again.left) == ((), ())
            written = export_config(hub)
        with applied(Path(folder) / "b", written) as (hub, found):
            assert export_config(hub) == written
            assert len(found.resources) == sum(map(len, plain.values()))


@pytest.mark.parametrize(
    ("kind", "given", "kept"),
    [
        ("rollups", {"version": 2.0, "compression": "", "endpoint_url": ""}, {"version": "2.0"}),
        ("activity", {"streams": "", "start": "", "privacy": {}}, {"streams": [], "privacy": {}}),
        ("app_events", {"kinds": "Session,Audit", "events_max": 9}, {"kinds": ["Session", "Audit"], "events_max": 9}),
        (
            "import",
            {"stream": "crm", "file": "crm.csv", "user": "plan,city=town", "account": ["size"], "delimiter": ""},
            {"stream": "crm", "file": "crm.csv", "user": {"plan": "plan", "city": "town"}, "account": {"size": "size"},
             "delimiter": ""},
        ),
    ],
)  # fmt: skip
def test_options_in_the_words_of_a_command_line_are_written_as_the_file_has_them(tmp_path, kind, given, kept):
    with applied(tmp_path / "data", "") as (hub, _):
        add_job(hub, job_of({"name": "a", "to": "/srv/a", "kind": kind, "options": given}, hub.zone, NOW))
        assert hub.jobs.get("a").options == kept
        found = parse_definition_file(export_config(hub))
        found.require_sound()
        assert plan_definitions(hub, found, AROUND, prune=True).changes == ()


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com",
        "https://[2001:db8::1]:8443/x",
        "https://outlook.example.com/webhook/1@2/Incoming/3@4",
    ],
)
def test_an_address_that_a_webhook_may_have_can_be_in_a_file(tmp_path, url):
    with applied(tmp_path / "data", "") as (hub, _):
        add_channel(hub, Channel(name="pager", kind="webhook", url=url, created_at=NOW), {})
        found = parse_definition_file(export_config(hub))
        found.require_sound()
        assert found.of("channels")["pager"].plain["url"] == url
        json_schema_of_channels = BY_NAME["channels"].record.schema()["properties"]["url"]
        assert re.search(json_schema_of_channels["pattern"], url)


def test_a_plan_that_is_not_true_any_more_is_not_applied(tmp_path):
    text = "jobs:\n  - {name: a, to: out, label: one}\n"
    with applied(tmp_path / "a", text) as (hub, _):
        found = parse_definition_file(text.replace("one", "two"))
        chosen = plan_definitions(hub, found, AROUND, prune=False)
        hub.jobs.change(replace(hub.jobs.get("a"), label="by hand"))
        with pytest.raises(Conflict, match="something was changed since the plan was made"):
            apply_definitions(hub, found, AROUND, chosen)
        assert hub.jobs.get("a").label == "by hand"


def test_relative_folders_and_files_begin_at_the_folder_of_the_file_wherever_it_is_applied(tmp_path, monkeypatch):
    text = """
authorizations: [{name: lake, kind: ambient, endpoint_url: "https://s3.example.com", ca_bundle: ca.pem}]
channels: [{name: ops, host: smtp.example.com, sender: a@example.com, to: [a@example.com], ca_bundle: /etc/ca.pem}]
jobs: [{name: a, to: out}, {name: b, to: "~/out"}, {name: c, to: "s3://bucket/c"}, {name: d, to: /srv/d}]
"""
    (tmp_path / "folder").mkdir()
    monkeypatch.setenv("HOME", "/home/ana")
    around = Surroundings(Surrounded(), tmp_path / "folder")
    with applied(tmp_path / "data", text, around) as (hub, found):
        urls = {job.name: job.url for job in hub.jobs.all()}
        assert urls == {"a": f"{tmp_path}/folder/out", "b": "/home/ana/out", "c": "s3://bucket/c", "d": "/srv/d"}
        assert hub.authorizations.get("lake").ca_bundle == f"{tmp_path}/folder/ca.pem"
        monkeypatch.chdir(tmp_path / "folder")
        same = plan_definitions(hub, found, Surroundings(Surrounded(), Path()), prune=True)
        assert (same.changes, same.left) == ((), ())
        assert f"to: {tmp_path}/folder/out" in export_config(hub)


def test_every_secret_there_is_can_be_referred_to():
    for kind, names in (("authorizations", authorizations.SECRETS), ("channels", CHANNEL_SECRETS)):
        (secrets,) = (each for each in BY_NAME[kind].record.fields if each.name == "secrets")
        assert [each.name for each in secrets.shape.fields] == list(names)


def test_the_file_offers_every_setting_of_a_channel_and_of_a_rule():
    for kind, made in (("channels", Channel), ("rules", Rule)):
        fields = {each.name for each in BY_NAME[kind].record.fields} - {"secrets"}
        assert fields == {each.name for each in dataclasses.fields(made)} - {"created_at"}


@pytest.mark.parametrize("kind", OPTIONS)
def test_the_file_offers_every_option_of_a_kind_and_no_other(kind, tmp_path):
    with opened_for(parse_definition_file(""), Settings(data=tmp_path / "a"), lambda: NOW, write=True) as hub:
        job = job_of({"name": "a", "to": "out", "kind": kind, "options": {"zzz": 1}}, hub.zone, NOW)
        with pytest.raises(Refused, match="has no option zzz") as caught:
            check_options(hub, job)
    known = set(re.fullmatch(r"It has (.*)", caught.value.hint).group(1).split(", "))
    offered = {field.name for field in OPTIONS[kind].fields}
    assert known <= offered
    assert offered - known <= EMAIL_OPTIONS


def test_the_file_offers_the_compressions_there_are():
    assert set(COMPRESSIONS) == set(codecs.COMPRESSIONS)

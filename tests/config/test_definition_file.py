"""``footfall.yaml`` as a text: what is read, what is refused and where, and that its JSON Schema says the same."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import jsonschema
import pytest

from footfall.config.definition_file import json_schema, parse_definition_file, read_definition_file, schema_text
from footfall.config.faults import Faulty
from footfall.config.resources import BY_NAME, KINDS
from footfall.config.starter import STARTER
from footfall.config.yaml_tree import BYTES_MAX, parse_tree, plain
from footfall.model import definitions, metadata
from footfall.model.authorizations import Authorization
from footfall.model.jobs import Job

ROOT = Path(__file__).parents[2]
SCHEMA = jsonschema.Draft202012Validator(json_schema())

KEYS = "    secrets: {access_key_id: '${env:A}', access_key_secret: '${file:b/c.txt}'}\n"
SOUND = {
    "nothing": "",
    "remarks": "# nothing yet\n",
    "empty lists": "version: 1\njobs:\nsources: []\nsubscription:\n",
    "numbers as ids": "features:\n  - {id: 0123, name: 7}\n",
    "words of YAML 1.1": "sources:\n  - {name: NO, environment: on, product_key: y}\n",
    "time of day": "jobs:\n  - {name: a, to: out, schedule: {at: 03:00}}\n",
    "date": "jobs:\n  - {name: a, to: out, schedule: {kind: once, start: 2026-11-20}}\n",
    "instant": "engagements:\n  - {id: a, name: A, type: EMAIL, created_at: 2026-11-20T08:00:00+02:00}\n",
    "null is not given": "jobs:\n  - {name: a, to: out, label: ~, schedule: null, options: null, kind: null}\n",
    "keys": f"authorizations:\n  - name: a\n{KEYS}",
    "machine": "authorizations:\n  - {name: a, kind: ambient}\n",
    "secrets by hand": "authorizations:\n  - {name: a, encryption: sse_c}\n",
    "every kind": "jobs:\n"
    "  - {name: a, to: out, options: {version: '1.0', reports: [Users]}}\n"
    "  - {name: b, to: out, kind: audience, options: {filter: [plan = pro], limit: 5, kinds: {tags: List}}}\n"
    "  - {name: c, to: out, kind: activity, options: {streams: [web], header: false, start: 2026-01-01}}\n"
    "  - {name: d, to: out, kind: app_events, options: {kinds: [Platform], events_max: 5}}\n",
    "schedules": "jobs:\n"
    "  - {name: a, to: out, schedule: {kind: cron, cron: '*/5 * * * *'}}\n"
    "  - {name: b, to: out, schedule: {kind: monthly, day_of_month: 31, at: after}}\n"
    "  - {name: c, to: out, schedule: {kind: weekly, weekday: sunday, zone: Asia/Tokyo, at: '23:59:59'}}\n",
    "alias": "jobs:\n  - {name: a, to: out, options: &o {format: xml}}\n  - {name: b, to: out, options: *o}\n",
    "windows": "\ufeffjobs:\r\n  - name: a\r\n    to: out\r\n",
    "starter": STARTER,
    "starter, uncommented": re.sub(r"(?m)^# (?=  |[a-z]+:$)", "", STARTER[STARTER.index("version: 1") :]),
}


@pytest.mark.parametrize("text", SOUND.values(), ids=SOUND.keys())
def test_what_is_sound_passes_reader_and_schema(text, tmp_path):
    path = tmp_path / "footfall.yaml"
    path.write_bytes(text.encode())
    assert read_definition_file(path).faults == []
    for document in parse_tree(text.removeprefix("\ufeff"), "f"):
        SCHEMA.validate(plain(document))


def test_the_uncommented_starter_has_every_kind_of_resource():
    found = parse_definition_file(SOUND["starter, uncommented"])
    assert {kind for kind, _ in found.resources} == set(BY_NAME)
    assert parse_definition_file(STARTER).resources == {}


# (text, line, column, field, what is said of it)
WRONG = {
    "kind": ("job: []\n", 1, 1, "job", "Did you mean jobs?"),
    "version": ("version: 2\n", 1, 10, "version", "reads version 1"),
    "no list": ("jobs: {a: b}\n", 1, 7, "jobs", "is no list"),
    "no mapping": ("- a\n", 1, 1, "", "is no mapping"),
    "item": ("jobs:\n  - daily\n", 2, 5, "jobs[0]", "text stands where fields are needed"),
    "field": ("sources:\n  - name: a\n    chanel: web\n", 3, 5, "sources[0].chanel", "Did you mean channel?"),
    "camelCase": (
        "features:\n  - {id: a, name: A, parentFeatureId: b}\n",
        2,
        22,
        "features[0].parentFeatureId",
        "parent",
    ),
    "missing": ("jobs:\n  - name: a\n", 2, 5, "jobs[0]", "to is missing"),
    "nothing there": ("jobs:\n  - {name: a, to: }\n", 2, 15, "jobs[0]", "to is missing"),
    "name": ("jobs:\n  - {name: Daily, to: out}\n", 2, 12, "jobs[0].name", "'Daily' cannot be used"),
    "empty name": ("sources:\n  - name: ' '\n", 2, 11, "sources[0].name", "cannot be used"),
    "word": ("products:\n  - {product_key: a, name: A, channel: tv}\n", 2, 40, "products[0].channel", "Use one of web"),
    "truth as text": ("sources:\n  - name: true\n", 2, 11, "sources[0].name", 'Write it in quotes: "true"'),
    "number as word": (
        "jobs:\n  - {name: a, to: out, options: {version: 2.0}}\n",
        2,
        43,
        "jobs[0].options.version",
        'Write it in quotes: "2.0"',
    ),
    "yes": ("jobs:\n  - {name: a, to: out, paused: yes}\n", 2, 32, "jobs[0].paused", "YAML 1.2 reads yes"),
    "time of day": (
        "jobs:\n  - name: a\n    to: out\n    schedule: {at: 3:00}\n",
        4,
        20,
        "jobs[0].schedule.at",
        '"03:00"',
    ),
    "number in quotes": (
        "jobs:\n  - {name: a, to: out, schedule: {every: '2'}}\n",
        2,
        42,
        "jobs[0].schedule.every",
        "without quotes",
    ),
    "too much": (
        "jobs:\n  - {name: a, to: out, schedule: {every: 1441}}\n",
        2,
        42,
        "jobs[0].schedule.every",
        "from 1 to 1440",
    ),
    "instant": (
        "surveys:\n  - {id: a, name: A, type: NPS, created_at: soon}\n",
        2,
        45,
        "surveys[0].created_at",
        "is no instant",
    ),
    "option of another kind": (
        "jobs:\n  - {name: a, to: out, options: {streams: [a]}}\n",
        2,
        34,
        "jobs[0].options.streams",
        "Use one of format",
    ),
    "item of a list": (
        "jobs:\n  - {name: a, to: out, options: {reports: [Users, User]}}\n",
        2,
        51,
        "jobs[0].options.reports[1]",
        "Did you mean Users?",
    ),
    "no list of words": (
        "features:\n  - {id: a, name: A, labels: x}\n",
        2,
        30,
        "features[0].labels",
        "where a list is needed",
    ),
    "secret": (
        "authorizations:\n  - name: a\n    secrets:\n      access_key_id: SECRET1\n",
        4,
        22,
        "authorizations[0].secrets.access_key_id",
        "is not where a secret is",
    ),
    "half a reference": (
        "authorizations:\n  - {name: a, secrets: {sse_c_key: '${env:}SECRET1'}}\n",
        2,
        36,
        "authorizations[0].secrets.sse_c_key",
        "is not where a secret is",
    ),
    "list of secrets": (
        "authorizations:\n  - {name: a, secrets: [SECRET1]}\n",
        2,
        24,
        "authorizations[0].secrets",
        "a list stands",
    ),
    "address with a password": (
        "authorizations:\n  - {name: a, endpoint_url: 'https://u:SECRET1@h'}\n",
        2,
        29,
        "authorizations[0].endpoint_url",
        "https://host",
    ),
    "zone": ("subscription: Europe/Athens\n", 1, 15, "subscription", "text stands where fields are needed"),
}


@pytest.mark.parametrize(("text", "line", "column", "field", "said"), WRONG.values(), ids=WRONG.keys())
def test_a_mistake_is_named_by_line_column_and_field_and_the_schema_refuses_it_too(text, line, column, field, said):
    (fault,) = parse_definition_file(text).faults
    assert (fault.line, fault.column, fault.field) == (line, column, field)
    assert said in str(fault)
    assert "SECRET1" not in str(fault)
    (document,) = parse_tree(text, "f")
    assert not SCHEMA.is_valid(plain(document))


# Of these the schema, which sees one field at a time, says nothing.
BETWEEN = {
    "twice": ("jobs:\n  - {name: a, to: x}\n  - {name: a, to: y}\n", 3, 5, "jobs[1]", "defined in line 2 already"),
    "in two documents": ("sources: [{name: a}]\n---\nsources: [{name: a}]\n", 3, 11, "sources[0]", "in line 1 already"),
    "survey and engagement": (
        "engagements: [{id: a, name: A, type: EMAIL}]\nsurveys: [{id: a, name: A, type: NPS}]\n",
        2,
        11,
        "surveys[0]",
        "already",
    ),
    "own parent": (
        "features:\n  - {id: a, name: A, parent_feature_id: b}\n  - {id: b, name: B, parent_feature_id: a}\n",
        2,
        22,
        "features[0].parent_feature_id",
        "their own parents: a -> b -> a",
    ),
    "role": ("authorizations:\n  - {name: a, kind: aws_role}\n", 2, 5, "authorizations[0]", "role_arn"),
    "lacking secret": (
        "authorizations:\n  - {name: a, secrets: {access_key_id: '${env:A}'}}\n",
        2,
        5,
        "authorizations[0]",
        "lacks access_key_secret",
    ),
    "secret without use": (
        "authorizations:\n  - {name: a, kind: ambient, secrets: {sse_c_key: '${env:A}'}}\n",
        2,
        5,
        "authorizations[0]",
        "no use for sse_c_key",
    ),
    "cron": (
        "jobs:\n  - {name: a, to: x, schedule: {kind: cron, cron: 61 * * * *}}\n",
        2,
        5,
        "jobs[0]",
        "no cron expression",
    ),
    "once": ("jobs:\n  - {name: a, to: x, schedule: {kind: once}}\n", 2, 5, "jobs[0]", "instant to run at"),
    "zone": ("jobs:\n  - {name: a, to: x, schedule: {zone: Mars}}\n", 2, 5, "jobs[0]", "'Mars' is no time zone"),
    "long zone": (
        f"jobs:\n  - {{name: a, to: x, schedule: {{zone: {'x' * 300}}}}}\n",
        2,
        5,
        "jobs[0]",
        "is no time zone",
    ),
    "before all": ("jobs:\n  - {name: a, to: x, schedule: {start: 0001-01-01}}\n", 2, 5, "jobs[0]", "too far away"),
    "after all": ("jobs:\n  - {name: a, to: x, schedule: {end: 9999-12-31}}\n", 2, 5, "jobs[0]", "too far away"),
    "bucket": ("jobs:\n  - {name: a, to: 's3://B'}\n", 2, 5, "jobs[0]", "cannot be the name of a bucket"),
    "impossible date": (
        "jobs:\n  - {name: a, to: x, schedule: {end: 2026-02-30}}\n",
        2,
        38,
        "jobs[0].schedule.end",
        "is no instant",
    ),
}


@pytest.mark.parametrize(("text", "line", "column", "field", "said"), BETWEEN.values(), ids=BETWEEN.keys())
def test_what_only_shows_between_fields_is_named_by_the_reader(text, line, column, field, said):
    (fault,) = parse_definition_file(text).faults
    assert (fault.line, fault.column, fault.field) == (line, column, field)
    assert said in str(fault)


NO_YAML = {
    "open list": (b"jobs: [a\n", 2, 1, "expected ',' or ']'"),
    "tab": (b"jobs:\n\t- a\n", 2, 1, "Indent with spaces"),
    "a name twice": (b"jobs: []\nsources: []\njobs: []\n", 3, 1, "'jobs' is given twice, first in line 1"),
    "alias of nothing": (b"jobs: *a\n", 1, 7, "stands for nothing"),
    "alias in itself": (b"jobs: &a [*a]\n", 1, 11, "stands within itself"),
    "alias of another document": (b"jobs: &a []\n---\nsources: *a\n", 3, 10, "stands for nothing"),
    "tag": (b"jobs: !!python/object:os.system []\n", 1, 7, "tags are not used"),
    "other version": (b"%YAML 1.1\n---\njobs: []\n", 2, 1, "another version than YAML 1.2"),
    "name that is a list": (b"? [a]\n: b\n", 1, 3, "a name must be text"),
    "control character": ("jobs: '\u00e9\x01'\n".encode(), 1, 9, "#x0001 is not allowed"),
    "half a character": (b'jobs: "\\ud800"\n', 1, 7, "half of a character"),
    "latin-1": (b"jobs: []\n# caf\xe9\n", 2, 6, "is not UTF-8"),
    "utf-16": ("jobs: []\n".encode("utf-16"), 1, 1, "is not UTF-8"),
    "braces in braces": (b"a: {b: ${env:X}}\n", 1, 9, "quote a text"),
    "deep": (b"[" * 40, 1, 33, "deeper than 32 levels"),
    "bomb": (
        b"a0: &a0 [x]\n"
        + b"".join(b"a%d: &a%d [%s]\n" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 10)) for n in range(1, 9)),
        6,
        50,
        "200,000 parts",
    ),
}


@pytest.mark.parametrize(("data", "line", "column", "said"), NO_YAML.values(), ids=NO_YAML.keys())
def test_what_is_no_yaml_for_us_is_one_mistake_with_its_place(data, line, column, said, tmp_path):
    path = tmp_path / "footfall.yaml"
    path.write_bytes(data)
    with pytest.raises(Faulty) as caught:
        read_definition_file(path)
    (fault,) = caught.value.faults
    assert str(fault).startswith(f"{path}:{line}:{column}: ")
    assert said in str(fault)


def test_a_file_that_is_too_long_or_is_not_there_is_refused(tmp_path):
    path = tmp_path / "footfall.yaml"
    path.write_bytes(b"#" * (BYTES_MAX + 1))
    with pytest.raises(Faulty, match="has more than 4194304 bytes"):
        read_definition_file(path)
    with pytest.raises(Faulty, match="No such file"):
        read_definition_file(tmp_path / "nowhere.yaml")


def test_all_mistakes_are_named_at_once_in_the_order_of_the_file():
    text = "".join(text.replace("SECRET1", "x") for text, *_ in WRONG.values() if text.startswith("jobs:\n"))
    whole = "jobs:\n" + text.replace("jobs:\n", "").replace("name: a", "name: z", 1)
    found = parse_definition_file(whole)
    with pytest.raises(Faulty) as caught:
        found.require_sound()
    faults = caught.value.faults
    assert len(faults) > 10
    assert [fault.line for fault in faults] == sorted(fault.line for fault in faults)
    assert f"(and {len(faults) - 1} more)" in caught.value.what


def test_the_published_schema_is_that_of_this_code():
    path = ROOT / "docs/reference/footfall.schema.json"
    assert path.read_text("utf-8") == schema_text(), "run: python docs/reference/write_schema.py"
    jsonschema.Draft202012Validator.check_schema(json.loads(path.read_text("utf-8")))


def names(kind: str) -> set[str]:
    return {field.name for field in BY_NAME[kind].record.fields}


def test_the_table_has_the_fields_of_what_it_describes():
    assert tuple(kind.name for kind in KINDS[:6]) == metadata.KINDS
    for kind in metadata.KINDS:
        assert names(kind) == {field.name for field in dataclasses.fields(definitions._CLASSES[kind])}, kind
    bookkeeping = {"created_at", "rotated_at", "status", "status_note", "key_id_shown"}
    assert names("authorizations") - {"secrets"} == {f.name for f in dataclasses.fields(Authorization)} - bookkeeping
    settled = {"created_at", "changed_at", "state", "cause"}
    assert names("jobs") - {"paused"} == {f.name for f in dataclasses.fields(Job)} - settled - {"url"} | {"to"}


def test_the_examples_of_the_guide_are_sound():
    guide = (ROOT / "docs/guide/definitions.md").read_text("utf-8")
    (example,) = re.findall(r"^```yaml\n(.*?)^```$", guide, re.M | re.S)
    found = parse_definition_file(example)
    assert found.faults == []
    assert len(found.resources) == 9
    SCHEMA.validate(plain(parse_tree(example, "f")[0]))

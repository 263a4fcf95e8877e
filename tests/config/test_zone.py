"""Time zones come from the package tzdata, whatever the operating system has."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from importlib.metadata import version

import pytest

from footfall.config import load_zone
from footfall.errors import Refused


def test_a_zone_has_its_rules_and_their_version():
    zone = load_zone("Europe/Athens")
    assert (zone.name, zone.tzdata_version) == ("Europe/Athens", version("tzdata"))
    assert datetime(2026, 7, 1, tzinfo=UTC).astimezone(zone.info).utcoffset() == timedelta(hours=3)


def test_the_operating_systems_zones_are_never_asked(tmp_path):
    # A machine whose own Athens is at UTC must count the same days.
    (tmp_path / "Europe").mkdir()
    code = (
        "import zoneinfo; from footfall.config import load_zone; from datetime import datetime, UTC;"
        "zone = load_zone('Europe/Athens');"
        "print(datetime(2026, 7, 1, tzinfo=UTC).astimezone(zone.info).utcoffset(), zone.info.key)"
    )
    from importlib.resources import files

    utc = (files("tzdata") / "zoneinfo" / "UTC").read_bytes()
    (tmp_path / "Europe" / "Athens").write_bytes(utc)
    run = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONTZPATH": str(tmp_path)}, capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == ["3:00:00", "Europe/Athens"]


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Athens",
        "europe/athens",
        "Europe",
        "../zoneinfo/UTC",
        "/etc/localtime",
        "Europe/Athens/",
        "zones",
        "UTC\0",
        "x" * 300,
    ],
)
def test_what_is_no_zone_is_refused(name):
    with pytest.raises(Refused, match="is no time zone"):
        load_zone(name)


@pytest.mark.parametrize("name", ["UTC", "America/Argentina/Buenos_Aires", "Etc/GMT+5", "Asia/Kathmandu"])
def test_every_form_of_name_is_found(name):
    assert load_zone(name).name == name


def test_a_zone_is_the_same_however_often_its_rules_are_read():
    before = load_zone("Europe/Athens")
    load_zone.cache_clear()
    again = load_zone("Europe/Athens")
    assert (again, hash(again)) == (before, hash(before))
    assert again != load_zone("Europe/Helsinki")

"""The guide to engagements, as it is written: its examples are run, then every column of those reports has a value."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from footfall.model.reports import catalogue

PAGE = Path(__file__).parents[2] / "docs" / "guide" / "engagements.md"
REPORTS = (
    "Engagements", "Engagement_Extended_Metadata", "Survey_Responses", "Multi_Question_Survey_Responses",
    "Feedback_Responses", "User_Engagement_Rollups", "Account_InApp_Event_Rollups",
    "User_Engagement_View_State_Rollups", "User_Engagement_Clicks", "User_External_Article_View_Rollups",
    "User_Email_Engagement_Rollups",
    "Account_Email_Engagement_Rollups",
)  # fmt: skip


def examples(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)


def test_the_page_shows_every_type_that_is_about_engagements() -> None:
    types = {event["type"] for text in examples("json") for event in json.loads(text)["events"]}
    views = {"engagement_view", "engagement_click", "article_view", "email_event"}
    assert types >= views | {"survey_response", "survey_answer", "feedback"}


def test_the_examples_fill_every_column_of_the_reports(install: Any, type_in: Any, tmp_path: Path) -> None:
    hub = install(zone="UTC")
    url = hub.start()
    (definitions,) = examples("yaml")
    (tmp_path / "footfall.yaml").write_text(definitions, "utf-8")
    code, _, errors = type_in(hub, "apply", str(tmp_path / "footfall.yaml"), "--yes")
    assert code == 0, errors
    for body in examples("json"):
        assert hub.post("/events", json.loads(body)) == {"success": True, "status": 1}
    (program,) = examples("python")
    key = hub.environment()["FOOTFALL_WRITE_KEY"]
    program = program.replace("http://127.0.0.1:8080", url).replace("WRITE_KEY", repr(key))
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60, env=dict(os.environ))
    hub.stop()

    day, out = datetime.now(UTC).date().isoformat(), tmp_path / "out"
    asked = ("export", "rollups", "--day", day, "--unfinished", "--to", str(out), "--format", "json")
    code, _, errors = type_in(hub, *asked, "--reports", ",".join(REPORTS))
    assert code == 0, errors
    columns = {report.name: report for report in catalogue("2.0")}
    lacking: dict[str, set[str]] = {}
    found: dict[str, list[dict[str, Any]]] = {}
    for name in REPORTS:
        (file,) = out.glob(f"GainsightPX_{name}_*.json.gz")
        rows = [json.loads(line) for line in gzip.decompress(file.read_bytes()).splitlines()]
        filled = {column for row in rows for column, value in row.items() if value not in (None, "")}
        lacking[name] = {column.name for column in columns[name].columns("2.0")} - filled
        found[name] = rows
    assert {name: names for name, names in lacking.items() if names} == {}
    assert {row["type"] for row in found["Survey_Responses"]} == {"IN_APP_SURVEY_NPS"}
    assert [row["engagementPath"] for row in found["User_Engagement_View_State_Rollups"]] == ["0,1", "0"]
    assert {row["subject"] for row in found["Feedback_Responses"]} == {"Dark mode", "Search"}
    assert {row["accountId"] for row in found["User_Engagement_Clicks"]} == {"acme"}

"""Write ``reports.md`` from the catalogue: ``python docs/reference/write_reports.py``."""

from __future__ import annotations

from pathlib import Path

from footfall.model.reports import CATALOGUE, VERSIONS, Report

PAGE = Path(__file__).with_suffix("").parent / "reports.md"
HEAD = """# Reports

<!-- written by docs/reference/write_reports.py from the catalogue; do not edit -->

Every day gives one file per report. The name of a file begins with `GainsightPX_` and the name of the report.
Columns, their order and their types are those of the PX bucket export; [report
columns](../decisions/report-columns.md) says what was chosen where its documents contradict themselves or are silent.
Rows are sorted by user and account and then by the other columns marked *key*, as UTF-8 bytes, empty first; reports
without keys by instant and user.
*custom* stands for one column per custom attribute, sorted by name.

- `date` of a count is the local day, `2026-11-01`; of a single event its instant, `2026-11-01T12:34:56.789Z`.
- Counts are of distinct events. Reports about users hold identified users; reports about accounts hold events that
  have both an identified user and an account. How many of all events of the day lack them is in the
  [manifest](manifest.md#fields).
- An empty value is nothing between two commas in CSV, an absent key in JSON, an absent element in XML. An empty text
  is `""` in CSV. Columns of type Object are not in CSV.
- In XML, a text that XML cannot hold is base64 and marked `encoding="base64"`; a column whose name cannot be an
  element is `<field name="…">`.
- Lists (labels, environments, addresses) are joined by commas; an item with a comma, a quote or a line break is
  quoted.

"""


def page() -> str:
    """The whole page."""
    lines = [HEAD + "| report | 1.0 | 2.0 | content |", "|---|---|---|---|"]
    for report in CATALOGUE:
        marks = " | ".join("yes" if version in report.versions else "" for version in VERSIONS)
        lines.append(f"| [{report.name}](#{report.name.lower()}) | {marks} | {report.content} |")
    return "\n".join(lines) + "\n" + "".join(_section(report) for report in CATALOGUE)


def _section(report: Report) -> str:
    lines = [f"\n## {report.name}\n", f"{report.content}.\n", "| column | type | |", "|---|---|---|"]
    for f in report.fields:
        name = "customAttribute_*" if f.source == "custom" else f.name
        notes = ["key"] if f.key else []
        if "1.0" in report.versions and f.since == "2.0":
            notes.append("2.0 only")
        lines.append(f"| {name} | {f.type} | {', '.join(notes)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")

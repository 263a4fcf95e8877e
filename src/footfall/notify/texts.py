"""A notice in words: subject, plain text and HTML of a mail, and the JSON of a webhook. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any, Final

from footfall.model.notices import Notice

_SUBJECTS: Final = {
    "failure": "{job} fails",
    "paused": "{job} is paused",
    "recovery": "{job} works again",
    "no_data": "{job} delivered no data",
    "unusual": "{job} delivered an unusual number of rows",
    "done": "{job} is done",
    "imported": "{job} took a file",
    "test": "this channel works",
}
_SUBJECT_CHARACTERS_MAX: Final = 150


def subject(notice: Notice) -> str:
    """One line: the job, and what is the matter with it."""
    message = notice.message
    line = "Footfall: " + _SUBJECTS[message.occasion].format(job=message.label or message.job)
    line = line if not message.slot else f"{line} ({message.slot})"
    return line[:_SUBJECT_CHARACTERS_MAX]


def plain(notice: Notice) -> str:
    """The mail for those who read text."""
    message = notice.message
    lines = [f"{message.what}."]
    if message.hint:
        lines += ["", f"{message.hint}."]
    if notice.links:
        lines += ["", _INVITATION, *(f"  {name}\n  {address}" for name, address in notice.links)]
    facts = _facts(notice)
    width = max(len(name) for name, _ in facts)
    lines += ["", *(f"{name:<{width}}  {value}" for name, value in facts)]
    return "\n".join(lines) + "\n"


def html(notice: Notice) -> str:
    """The mail for those who see more: no picture, no script, nothing that is fetched."""
    message = notice.message
    parts = [f"<p><strong>{escape(message.what)}.</strong></p>"]
    if message.hint:
        parts.append(f"<p>{escape(message.hint)}.</p>")
    if notice.links:
        links = "".join(f'<li><a href="{escape(address)}">{escape(name)}</a></li>' for name, address in notice.links)
        parts.append(f"<p>{escape(_INVITATION)}</p><ul>{links}</ul>")
    rows = "".join(
        f'<tr><th align="left">{escape(name)}</th><td>{escape(value)}</td></tr>' for name, value in _facts(notice)
    )
    parts.append(f'<table cellpadding="4">{rows}</table>')
    title = escape(subject(notice))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>'
        f"{title}</title></head><body>{''.join(parts)}</body></html>\n"
    )


def payload(notice: Notice) -> dict[str, Any]:
    """The body of a webhook: ``type``, ``timestamp`` and ``data``, as Standard Webhooks lays them out."""
    message = notice.message.plain()
    data = {name: value for name, value in message.items() if name not in ("occasion", "at", "keys")}
    links = [{"file": name, "url": address} for name, address in notice.links]
    return {
        "type": f"footfall.{notice.message.occasion}",
        "timestamp": message["at"],
        "data": data | {"links": links},
    }


_INVITATION: Final = "Download (you are asked for a key of this Footfall; the link expires):"


def _facts(notice: Notice) -> Sequence[tuple[str, str]]:
    message = notice.message
    found = [
        ("job", message.job if not message.label else f"{message.label} ({message.job})"),
        ("kind", message.kind),
        ("slot", message.slot),
        ("window", "" if not (message.start and message.end) else f"{_at(message.start)} to {_at(message.end)}"),
        ("run", message.run),
        (
            "delivered",
            f"{message.files:,} files, {message.rows:,} rows, {message.bytes:,} bytes" if message.run else "",
        ),
        ("at", _at(message.at)),
        ("notice", notice.id),
    ]
    return [(name, value) for name, value in found if value]


def _at(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"

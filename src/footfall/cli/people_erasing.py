"""``people erase`` and its neighbours: people taken out of everything, receipts, and all that is held of one."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from footfall.cli.options import Here, PgpKeys, command
from footfall.errors import Conflict, FootfallError, Refused
from footfall.terminal import Exit

if TYPE_CHECKING:
    from footfall.model.erasures import Erasure
    from footfall.wiring import Footfall
    from footfall.wiring.erasing_places import Reach

WAIT_S: Final = 3_600.0
Ids = Annotated[list[str] | None, typer.Argument(help="Identify ids, or aptrinsicIds.", metavar="ID…")]
File = Annotated[Path | None, typer.Option("--file", help="A file of more of them, one a line.")]
Receipt = Annotated[Path | None, typer.Option("--receipt", help="Where the signed receipt is written.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be touched, and touch nothing.")]


@dataclass(frozen=True, slots=True)
class Access:
    """How places are reached that no job delivers to any more."""

    authorization: Annotated[
        list[str] | None, typer.Option(help="An authorization to try for places that no job delivers to; repeatable.")
    ] = None
    pgp_key: PgpKeys = None
    pgp_private_key: Annotated[
        Path | None, typer.Option(help="OpenPGP key that opens what was encrypted, to take rows out of it.")
    ] = None

    def held(self, hub: Footfall) -> None:
        """Raises ``Conflict`` beside a server if any of this is given: it does the work, and is told of none."""
        if self.authorization or self.pgp_key or self.pgp_private_key:
            try:
                hub.log.end()
            except Conflict as conflict:
                what = "a server is at work here, which --authorization, --pgp-key and --pgp-private-key do not reach"
                raise Conflict(what, "Stop it, then ask again; nothing was done") from conflict

    @property
    def reach(self) -> Reach:
        from footfall.wiring.erasing_places import Reach

        keys = tuple(self.pgp_key or ())
        return Reach(
            tuple(self.authorization or ()), own_shell=True, pgp_private_key=self.pgp_private_key, pgp_keys=keys
        )


def add_to(people: typer.Typer) -> None:
    """Make these commands of the group ``people``."""
    command(people, "erase")(people_erase)
    command(people, "anonymize")(people_anonymize)
    command(people, "erasures")(people_erasures)
    command(people, "receipt")(people_receipt)
    command(people, "export")(people_export)


def people_erase(
    here: Here,
    access: Access,
    ids: Ids = None,
    file: File = None,
    mode: Annotated[
        str, typer.Option(help="erase, or anonymize: events stay, and nothing names who did them.")
    ] = "erase",
    dry_run: DryRun = False,
    receipt: Receipt = None,
    again: Annotated[
        list[Path] | None,
        typer.Option(
            "--again", help="Erase those again who are there although this receipt says that they are erased."
        ),
    ] = None,
    listed: Annotated[
        bool, typer.Option("--listed", help="Erase those again who are there although they were erased.")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with erasures that broke off.")] = False,
    retry: Annotated[
        str | None, typer.Option("--retry", help="Try again what this erasure could not touch.", metavar="ERASURE")
    ] = None,
) -> None:
    """Erase people: profile, identities, events, and every delivered file that holds them; cannot be taken back."""
    with here.opened() as hub:
        if not dry_run:
            access.held(hub)
        if retry is not None:
            from footfall.wiring.erasing import ask_again

            _finish(here, hub, ask_again(hub, retry), access, receipt)
            return
        if resume:
            from footfall.wiring.erasing import erasures_of

            waiting = erasures_of(hub).unfinished()
            if not waiting:
                raise typer.Exit(Exit.NOTHING_TO_DO)
            _finish_all(here, hub, waiting, access, receipt)
            return
        asked = [*(ids or ()), *_lines(file), *_again(hub, again or (), listed=listed)]
        if not asked and (again or listed):
            here.screen.say("Nobody who was erased is there")
            raise typer.Exit(Exit.NOTHING_TO_DO)
        _erase(here, hub, asked, mode, access, dry_run=dry_run, receipt=receipt)


def people_anonymize(
    here: Here, access: Access, ids: Ids = None, file: File = None, dry_run: DryRun = False, receipt: Receipt = None
) -> None:
    """As `erase --mode anonymize`: their events stay, without anything that names them."""
    with here.opened() as hub:
        if not dry_run:
            access.held(hub)
        _erase(here, hub, [*(ids or ()), *_lines(file)], "anonymize", access, dry_run=dry_run, receipt=receipt)


def people_erasures(here: Here, limit: Annotated[int, typer.Option(help="How many at most.")] = 50) -> None:
    """List erasures, newest first."""
    from footfall.wiring.erasing import erasures_of

    with here.opened() as hub:
        found = erasures_of(hub).all(limit)
    here.screen.table(
        ["id", "mode", "state", "asked_at", "people", "unknown", "by", "error"],
        [(each.id, each.mode, each.state, f"{each.asked_at:%Y-%m-%d %H:%M:%S}Z", each.people, each.unknown, each.by,
          each.error) for each in found],
    )  # fmt: skip


def people_receipt(
    here: Here,
    erasure: Annotated[str | None, typer.Argument(help="Id of an erasure.", metavar="ERASURE")] = None,
    out: Annotated[Path | None, typer.Option(help="Where its receipt is written.")] = None,
    verify: Annotated[
        Path | None, typer.Option("--verify", help="Check the signature of this receipt instead.")
    ] = None,
    key: Annotated[str | None, typer.Option("--key", help="Public key it has to be signed with, base64.")] = None,
) -> None:
    """Write the receipt of an erasure, or check one; checking needs no data directory."""
    from footfall.wiring.receipts import read_receipt

    if verify is not None:
        found = read_receipt(verify, key)
        here.screen.result(
            {"ok": True, "id": found["id"], "people": found["people"], "key": found["signature"]["key"]},
            f"The receipt of {found['id']} is as it was signed with {found['signature']['key']}",
        )
        return
    if erasure is None:
        raise Refused("no erasure is named", "List them with `footfall people erasures`, or give --verify FILE")
    from footfall.wiring.erasing import erasures_of

    with here.opened() as hub:
        one = erasures_of(hub).get(erasure)
        text = erasures_of(hub).receipt(one.id)
    if text is None:
        raise Refused(f"erasure {one.id} has not ended", "Run `footfall people erase --resume`")
    if out is None:
        print(text, end="")
        return
    _write(out, text)


def people_export(
    here: Here,
    id: Annotated[str, typer.Argument(help="Identify id, or aptrinsicId.", metavar="ID")],
    out: Annotated[Path, typer.Option("--out", help="A new folder, or a file that ends with .zip.")],
) -> None:
    """Write all that is held about one person: for the person who asks. That it was looked at is in the audit log."""
    from footfall.wiring.person_export import export_person, write_person

    with here.opened() as hub:
        found = export_person(hub, id)
    write_person(found, out)
    here.screen.result(
        {"out": str(out), "files": list(found.files), "events": found.events, "deliveries": found.deliveries},
        f"{found.events:,} events and {found.deliveries:,} deliveries in {out}",
    )


def _erase(
    here: Here, hub: Footfall, ids: Sequence[str], mode: str, access: Access, *, dry_run: bool, receipt: Path | None
) -> None:
    from footfall.wiring.erasing import ask_for, plan

    if dry_run:
        found = plan(hub, ids)
        known, unknown = len(found.people), len(found.unknown)
        here.screen.say(f"{known:,} known, {unknown:,} unknown; {found.events:,} events (days: {found.days:,})")
        here.screen.table(
            ["delivery", "place", "manifest"], [(each.what, each.place, each.manifest_key) for each in found.targets]
        )
        return
    _finish(here, hub, ask_for(hub, ids, mode, "cli"), access, receipt)


def _finish_all(here: Here, hub: Footfall, waiting: Sequence[Erasure], access: Access, receipt: Path | None) -> None:
    """Each of them, also after one that has to wait or is not whole; what went wrong first is raised at the end."""
    failed: list[Exception] = []
    for one in waiting:
        try:
            _finish(here, hub, one, access, receipt)
        except (FootfallError, typer.Exit) as error:
            failed.append(error)
    if failed:
        raise failed[0]


def _finish(here: Here, hub: Footfall, one: Erasure, access: Access, receipt: Path | None) -> None:
    import json

    from footfall.wiring.erasing import advance, erasures_of

    try:
        with here.screen.progress() as progress:
            done = advance(hub, one.id, access.reach, progress)
    except Conflict:
        here.screen.say(f"A server is at work here and does it: erasure {one.id}")
        done = _wait(hub, one.id)
    text = erasures_of(hub).receipt(done.id)
    assert text is not None
    if receipt is not None:
        _write(receipt, text)
    told: dict[str, Any] = json.loads(text)
    shown = {name: told[name] for name in ("id", "mode", "people", "removed", "deliveries", "untouched")}
    removed, delivered = told["removed"].get("events", 0), told["deliveries"]
    word = "Erased" if one.mode == "erase" else "Anonymised"
    here.screen.result(
        shown | {"unknown": len(told["unknown"])},
        f"{word}: {told['people']:,} known, {len(told['unknown']):,} unknown; "
        f"{removed:,} events; "
        f"{delivered['files_rewritten']:,} files of {delivered['looked_at']:,} deliveries written anew",
    )
    for each in told["untouched"]:
        here.screen.warn(f"not touched: {each['place']}: {each['why']}")
    if told["untouched"]:
        raise typer.Exit(Exit.PARTIAL)


def _wait(hub: Footfall, id: str) -> Erasure:
    """Until the server has done it."""
    from footfall.wiring.erasing import erasures_of

    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        one = erasures_of(hub).get(id)
        if one.ended:
            return one
        time.sleep(0.5)
    raise Refused(
        f"erasure {id} has not ended within an hour", "The server goes on with it: `footfall people erasures`"
    )


def _again(hub: Footfall, receipts: Sequence[Path], *, listed: bool) -> Sequence[str]:
    from footfall.wiring.erasing import listed_again
    from footfall.wiring.receipts import asked_at, public_key, read_receipt

    if not receipts and not listed:
        return ()
    ours = public_key(hub)
    until: dict[str, int] = {}
    for told in (read_receipt(path, ours) for path in receipts):
        for token in (*told["tokens"], *told["unknown"]):
            until[token] = max(until.get(token, 0), asked_at(told))
    return listed_again(hub, until)


def _lines(file: Path | None) -> list[str]:
    if file is None:
        return []
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Refused(f"{file}: {error}", "Give a file with one id a line, in UTF-8") from error
    return [line.strip() for line in text.splitlines() if line.strip()]


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}", "Name a file that can be written") from error

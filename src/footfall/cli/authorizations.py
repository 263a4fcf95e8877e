"""``authorizations``: how to get into buckets, kept apart from what goes there."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer

from footfall.cli.options import Here, command, now
from footfall.cli.secret_sources import Document, Given, ask, read_secrets
from footfall.errors import Refused
from footfall.model.authorizations import Authorization, Secrets, needed_secrets
from footfall.terminal import Exit, Screen

authorizations = typer.Typer(help="Ways into buckets; their secrets are never shown.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="Name of the authorization.")]


@command(authorizations, "ls")
def authorizations_ls(here: Here) -> None:
    """List the authorizations and how their last use ended."""
    screen = here.screen
    with here.opened() as hub:
        found = hub.authorizations.all()
    if not found and not screen.as_json:
        screen.warn("No authorizations yet: add one with `footfall authorizations add`.")
    screen.table(
        ["name", "kind", "status", "key", "encryption", "pgp", "changed", "label"],
        [
            (a.name, a.kind, a.status, a.key_id_shown and f"…{a.key_id_shown}", a.encryption, a.pgp,
             f"{a.rotated_at or a.created_at:%Y-%m-%d %H:%M}Z", a.label)
            for a in found
        ],
    )  # fmt: skip


@command(authorizations, "show")
def authorizations_show(here: Here, name: Name) -> None:
    """Show one authorization and which secrets it has."""
    screen = here.screen
    with here.opened() as hub:
        found, held = hub.authorizations.get(name), sorted(hub.authorizations.secret_names(name))
    _show(screen, found, held)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The options of an authorization; what is not given is None."""

    label: Annotated[str | None, typer.Option(help="Name for people.")] = None
    description: Annotated[str | None, typer.Option(help="What it is for.")] = None
    region: Annotated[str | None, typer.Option(help="Region of the bucket.")] = None
    endpoint_url: Annotated[str | None, typer.Option(help="Another S3-compatible server.")] = None
    ca_bundle: Annotated[str | None, typer.Option(help="PEM file of the authorities of that server.")] = None
    role_arn: Annotated[str | None, typer.Option(help="Role to assume, for aws_role.")] = None
    encryption: Annotated[str | None, typer.Option(help="sse_s3, sse_kms or sse_c.")] = None
    kms_key_id: Annotated[str | None, typer.Option(help="Key for sse_kms; the account's own by default.")] = None
    pgp: Annotated[str | None, typer.Option(help="encrypt what is exported, or decrypt what is imported.")] = None

    def given(self) -> dict[str, Any]:
        """By name, those that were given; a file as it is called from everywhere."""
        from footfall.config.folders import whole

        given = {name: value for name, value in asdict(self).items() if value is not None}
        return given | ({"ca_bundle": whole(self.ca_bundle, Path.cwd())} if self.ca_bundle else {})


@command(authorizations, "add")
def authorizations_add(
    here: Here,
    name: Name,
    *,
    kind: Annotated[str, typer.Option(help="aws_keys, aws_role, ambient or gcs_hmac.")] = "aws_keys",
    secret: Given = None,
    secrets: Document = None,
    settings: Settings,
) -> None:
    """Add an authorization. Secrets come from variables, files, standard input, or are asked for."""
    wanted = Authorization(name=name, kind=kind, created_at=now(), **settings.given())
    given = read_secrets(secret, secrets)
    given = Secrets({**given, **ask(each for each in sorted(needed_secrets(wanted)) if each not in given)})
    from footfall.wiring.authorizations import add_authorization

    with here.opened() as hub:
        added = add_authorization(hub, wanted, given)
    _show(here.screen, added, sorted(given))


@command(authorizations, "change")
def authorizations_change(
    here: Here,
    name: Name,
    *,
    kind: Annotated[str | None, typer.Option(help="aws_keys, aws_role, ambient or gcs_hmac.")] = None,
    secret: Given = None,
    secrets: Document = None,
    settings: Settings,
) -> None:
    """Change settings of an authorization; its secrets stay, but those that it has no use for any more.

    '' takes a setting away. Secrets that the new settings need are given with them, as for add.
    """
    given = read_secrets(secret, secrets)
    from footfall.wiring.authorizations import change_authorization

    with here.opened() as hub:
        new = settings.given() | ({} if kind is None else {"kind": kind})
        if not new and not given:
            raise Refused(
                "nothing is to be changed", "Say a setting, or give secrets with `footfall authorizations rotate`"
            )
        changed = change_authorization(hub, replace(hub.authorizations.get(name), **new), given)
        held = sorted(hub.authorizations.secret_names(name))
    _show(here.screen, changed, held)


@command(authorizations, "test")
def authorizations_test(
    here: Here,
    name: Name,
    url: Annotated[str, typer.Argument(help="Folder of a bucket; of a job that uses it by default.")] = "",
    kind: Annotated[str, typer.Option(help="export, import, or a kind of job.")] = "export",
) -> None:
    """Try an authorization at a place, step by step, and remember how it went: as access check URL does."""
    from footfall.cli.access import check_authorization

    with here.opened() as hub:
        place = url or next((job.url for job in hub.jobs.all() if job.authorization == name), "")
        if not place:
            hub.authorizations.get(name)
            raise Refused(f"no job uses authorization '{name}', so there is no place to try it at", "Name one: URL")
        check_authorization(here.screen, hub, name, place, kind)


@command(authorizations, "rotate")
def authorizations_rotate(
    here: Here,
    name: Name,
    secret: Given = None,
    secrets: Document = None,
) -> None:
    """Give an authorization new secrets; its name and settings stay, and so do the jobs that use it."""
    screen = here.screen
    given = read_secrets(secret, secrets)
    from footfall.wiring.authorizations import rotate_authorization

    with here.opened() as hub:
        if not given:
            given = ask(sorted(hub.authorizations.secret_names(name)))
        rotated = rotate_authorization(hub, name, given)
        held = sorted(hub.authorizations.secret_names(name))
    _show(screen, rotated, held)


@command(authorizations, "delete")
def authorizations_delete(
    here: Here,
    name: Name,
    force: Annotated[bool, typer.Option("--force", help="Even if jobs use it.")] = False,
) -> None:
    """Delete an authorization and its secrets."""
    screen = here.screen
    with here.opened() as hub:
        hub.authorizations.delete(name, force=force)
    screen.result({"authorization": name, "state": "deleted"}, f"Authorization '{name}' and its secrets are deleted")


@command(authorizations, "rotate-key")
def authorizations_rotate_key(
    here: Here,
    forget: Annotated[
        bool, typer.Option("--forget", help="Remove older master keys; backups made before cannot be opened then.")
    ] = False,
) -> None:
    """Seal every secret with a new master key, beside a running server too."""
    screen = here.screen
    with here.opened() as hub:
        done = hub.vault.rotate_key(forget=forget)
        own = hub.settings.master_keys is None
    screen.result(asdict(done), f"{done.secrets} secrets are sealed anew with master key {done.key}")
    if done.kept:
        how = "remove them with --forget" if own else "remove them from FOOTFALL_MASTER_KEYS"
        screen.say(f"Older keys that only backups still need: {', '.join(done.kept)}; {how}.")
    if not own and not done.secrets and not done.forgotten:
        screen.say("To change the key, put a new one before the others in FOOTFALL_MASTER_KEYS.")
        raise typer.Exit(Exit.NOTHING_TO_DO)


def _show(screen: Screen, authorization: Authorization, held: list[str]) -> None:
    facts: dict[str, Any] = asdict(authorization) | {"secrets": held}
    for name in ("created_at", "rotated_at"):
        facts[name] = None if facts[name] is None else facts[name].isoformat()
    if screen.as_json:
        screen.result(facts)
        return
    shown = facts | {"secrets": ", ".join(held)}
    screen.table(["setting", "value"], [(name, value) for name, value in shown.items() if value])

"""``authorizations``: how to get into buckets, kept apart from what goes there."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from footfall.cli.options import AsJson, Config, Data, now, opened
from footfall.cli.secret_sources import Document, Given, ask, read_secrets
from footfall.model.authorizations import Authorization, Secrets, needed_secrets
from footfall.terminal import Exit, Screen

authorizations = typer.Typer(help="Ways into buckets; their secrets are never shown.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="Name of the authorization.")]


@authorizations.command("ls")
def authorizations_ls(data: Data = None, config: Config = None, as_json: AsJson = False) -> None:
    """List the authorizations and how their last use ended."""
    screen = Screen(as_json=as_json)
    with opened(screen, data, config) as hub:
        found = hub.authorizations.all()
    if not found and not as_json:
        screen.warn("No authorizations yet: add one with `footfall authorizations add`.")
    screen.table(
        ["name", "kind", "status", "key", "encryption", "pgp", "changed", "label"],
        [
            (a.name, a.kind, a.status, a.key_id_shown and f"…{a.key_id_shown}", a.encryption, a.pgp,
             f"{a.rotated_at or a.created_at:%Y-%m-%d %H:%M}Z", a.label)
            for a in found
        ],
    )  # fmt: skip


@authorizations.command("show")
def authorizations_show(name: Name, data: Data = None, config: Config = None, as_json: AsJson = False) -> None:
    """Show one authorization and which secrets it has."""
    screen = Screen(as_json=as_json)
    with opened(screen, data, config) as hub:
        found, held = hub.authorizations.get(name), sorted(hub.authorizations.secret_names(name))
    _show(screen, found, held)


@authorizations.command("add")
def authorizations_add(
    name: Name,
    kind: Annotated[str, typer.Option(help="aws_keys, aws_role, ambient or gcs_hmac.")] = "aws_keys",
    secret: Given = None,
    secrets: Document = None,
    label: Annotated[str, typer.Option(help="Name for people.")] = "",
    description: Annotated[str, typer.Option(help="What it is for.")] = "",
    region: Annotated[str, typer.Option(help="Region of the bucket.")] = "",
    endpoint_url: Annotated[str, typer.Option(help="Another S3-compatible server.")] = "",
    ca_bundle: Annotated[str, typer.Option(help="PEM file of the authorities of that server.")] = "",
    role_arn: Annotated[str, typer.Option(help="Role to assume, for aws_role.")] = "",
    encryption: Annotated[str, typer.Option(help="sse_s3, sse_kms or sse_c.")] = "",
    kms_key_id: Annotated[str, typer.Option(help="Key for sse_kms; the account's own by default.")] = "",
    pgp: Annotated[str, typer.Option(help="encrypt what is exported, or decrypt what is imported.")] = "",
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Add an authorization. Secrets come from variables, files, standard input, or are asked for."""
    screen = Screen(as_json=as_json)
    wanted = Authorization(
        name=name, kind=kind, label=label, description=description, region=region, endpoint_url=endpoint_url,
        ca_bundle=ca_bundle, role_arn=role_arn, encryption=encryption, kms_key_id=kms_key_id, pgp=pgp,
        created_at=now(),
    )  # fmt: skip
    given = read_secrets(secret, secrets)
    given = Secrets({**given, **ask(each for each in sorted(needed_secrets(wanted)) if each not in given)})
    from footfall.wiring.authorizations import add_authorization

    with opened(screen, data, config) as hub:
        added = add_authorization(hub, wanted, given)
    _show(screen, added, sorted(given))


@authorizations.command("rotate")
def authorizations_rotate(
    name: Name,
    secret: Given = None,
    secrets: Document = None,
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Give an authorization new secrets; its name and settings stay, and so do the jobs that use it."""
    screen = Screen(as_json=as_json)
    given = read_secrets(secret, secrets)
    from footfall.wiring.authorizations import rotate_authorization

    with opened(screen, data, config) as hub:
        if not given:
            given = ask(sorted(hub.authorizations.secret_names(name)))
        rotated = rotate_authorization(hub, name, given)
        held = sorted(hub.authorizations.secret_names(name))
    _show(screen, rotated, held)


@authorizations.command("delete")
def authorizations_delete(
    name: Name,
    force: Annotated[bool, typer.Option("--force", help="Even if jobs use it.")] = False,
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Delete an authorization and its secrets."""
    screen = Screen(as_json=as_json)
    with opened(screen, data, config) as hub:
        hub.authorizations.delete(name, force=force)
    screen.result({"authorization": name, "state": "deleted"}, f"Authorization '{name}' and its secrets are deleted")


@authorizations.command("rotate-key")
def authorizations_rotate_key(
    forget: Annotated[
        bool, typer.Option("--forget", help="Remove older master keys; backups made before cannot be opened then.")
    ] = False,
    data: Data = None,
    config: Config = None,
    as_json: AsJson = False,
) -> None:
    """Seal every secret with a new master key, beside a running server too."""
    screen = Screen(as_json=as_json)
    with opened(screen, data, config) as hub:
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

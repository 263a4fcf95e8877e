"""``access``: what has to be granted for a place, and whether it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from footfall.cli.options import Here, command, now
from footfall.errors import Refused
from footfall.model import policies
from footfall.model.policies import Grant, use_of
from footfall.model.remote import Remote
from footfall.terminal import Exit, Screen

if TYPE_CHECKING:
    from footfall.flows.check_access import Findings, Step
    from footfall.wiring import Footfall

access = typer.Typer(help="What has to be granted for a place, and whether it is.", no_args_is_help=True)
Url = Annotated[str, typer.Argument(help="Folder, s3://bucket/folder or gs://bucket/folder.")]
Kind = Annotated[str, typer.Option(help="export, import, or a kind of job.")]


@command(access, "check")
def access_check(
    here: Here,
    url: Url,
    authorization: Annotated[str | None, typer.Option(help="Name of the authorization to use.")] = None,
    kind: Kind = "export",
    endpoint_url: Annotated[str | None, typer.Option(help="Another S3-compatible server.")] = None,
) -> None:
    """Try a place step by step with a test file, and say what to change."""
    from footfall.wiring.access import check_place_access

    screen = here.screen
    if authorization is None:
        found = check_place_access(
            url, use_of(kind), endpoint_url=endpoint_url, settings=here.settings(), clock=now, say=_saying(screen)
        )
        _show(screen, found)
        return
    if endpoint_url is not None:
        raise typer.BadParameter("--endpoint-url belongs to the authorization; leave one of them out")
    with here.opened() as hub:
        check_authorization(screen, hub, authorization, url, kind)


def check_authorization(screen: Screen, hub: Footfall, name: str, url: str, kind: str) -> None:
    """Try a place with an authorization, which remembers how it went, and show it; exit code 1 if it cannot be used."""
    from footfall.wiring.access import check_authorized_access

    _show(screen, check_authorized_access(hub, name, url, use_of(kind), say=_saying(screen)))


def _saying(screen: Screen) -> Callable[[Step], None]:
    return lambda step: screen.say(f"{step.name}: {step.outcome}")


def _show(screen: Screen, found: Findings) -> None:
    rows = [(each.name, str(each.outcome), each.needed, each.found, each.advice) for each in found.steps]
    columns = ["step", "outcome", "needed", "found", "advice"]
    if screen.as_json:
        steps = [dict(zip(columns, row, strict=True)) for row in rows]
        screen.result({"url": found.url, "kind": str(found.use), "ok": found.ok, "file": found.file,
                       "steps": steps, "warnings": found.warnings})  # fmt: skip
    else:
        shown = [(name, outcome, "yes" if needed else "", *rest) for name, outcome, needed, *rest in rows]
        screen.table(columns, shown)
        for warning in found.warnings:
            screen.warn(f"Warning: {warning}.")
        screen.result(None, f"{found.url} can be used" if found.ok else f"{found.url} cannot be used: {found.cause}")
    if not found.ok:
        raise typer.Exit(Exit.FAILED)


@command(access, "print")
def access_print(
    here: Here,
    url: Url,
    kind: Kind = "export",
    read_back: Annotated[
        bool, typer.Option("--read-back", help="Let an export read what it wrote, list its folder and sweep it.")
    ] = False,
    principal: Annotated[
        str, typer.Option(help="ARN of Footfall's own identity; for Google the e-mail of a service account.")
    ] = "",
    role: Annotated[str, typer.Option(help="Name of the role or service account to make.")] = "footfall",
    kms_key: Annotated[str, typer.Option(help="ARN of the KMS key that objects are encrypted with.")] = "",
    form: Annotated[
        str, typer.Option("--as", help="bucket-policy, role-policy, trust-policy, terraform or gcloud; all by default.")
    ] = "",
) -> None:
    """Print the least that has to be granted, ready to paste. The ExternalId is the subscription id."""
    screen = here.screen
    place = Remote.parse(url)
    if place is None:
        raise Refused(f"{url} is a folder and needs no grant", "Give s3://bucket/folder or gs://bucket/folder")
    external_id = ""
    if not place.google:
        with here.opened() as hub:
            external_id = str(hub.subscription.subscription_id)
    grant = Grant(
        place=place, use=use_of(kind), read_back=read_back, principal=principal or policies.IDENTITY, role=role,
        external_id=external_id, kms_key=kms_key,
    )  # fmt: skip
    forms = {name.replace("_", "-"): value for name, value in policies.forms(grant).items()}
    if form and form not in forms:
        raise typer.BadParameter(f"--as must be one of {', '.join(forms)} here")
    chosen = {name: value for name, value in forms.items() if form in ("", name)}
    if not principal and not place.google:
        screen.say(f"Put the ARN of the identity Footfall runs as in the place of {policies.IDENTITY}, or --principal.")
    _print(screen, chosen)


_TITLES = {
    "bucket-policy": "Bucket policy: for Footfall's identity itself, instead of a role",
    "trust-policy": "Trust policy of the role: who may assume it",
    "role-policy": "Policy of the role, or of a user with access keys: what it may do",
    "terraform": "Terraform: the role or service account with its rights",
    "gcloud": "gcloud: a service account, its rights and its HMAC key",
}


def _print(screen: Screen, chosen: dict[str, Any]) -> None:
    if screen.as_json:
        screen.result({name.replace("-", "_"): value for name, value in chosen.items()})
        return
    texts = {name: value if isinstance(value, str) else policies.text(value) for name, value in chosen.items()}
    if len(texts) == 1:
        print(next(iter(texts.values())), end="")
        return
    print("\n".join(f"# {_TITLES[name]}\n{text}" for name, text in texts.items()), end="")

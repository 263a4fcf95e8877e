"""``privacy``: what is kept of what sources send, and the key of tokens."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from footfall.cli.options import Here, command
from footfall.errors import Missing, Refused

privacy = typer.Typer(help="What is kept of what sources send, decided before it is stored.", no_args_is_help=True)
SourceName = Annotated[
    str, typer.Argument(help="Name of a source or stream; '*' for the deployment.", metavar="SOURCE")
]


@command(privacy, "ls")
def privacy_ls(here: Here) -> None:
    """List the policies; what one does not say is as in that of the deployment, '*'."""
    from footfall.wiring.privacy import policies_of

    with here.opened() as hub:
        found = policies_of(hub).all()
    here.screen.table(
        ["source", "policy"],
        [(name, json.dumps(plain, ensure_ascii=False, sort_keys=True)) for name, plain in sorted(found.items())],
    )


@command(privacy, "show")
def privacy_show(here: Here, source: SourceName) -> None:
    """Show the policy that is in force for a source, with what it has from the deployment."""
    from dataclasses import asdict

    with here.opened() as hub:
        policy = asdict(hub.privacy.policy(source))
    if here.screen.as_json:
        here.screen.result(policy)
        return
    here.screen.table(["field", "value"], [(name, _shown(value)) for name, value in policy.items()])


@command(privacy, "set")
def privacy_set(
    here: Here,
    source: SourceName,
    addresses: Annotated[str | None, typer.Option(help="full, truncated or none.")] = None,
    inference: Annotated[bool | None, typer.Option(help="Whether agents, places, organisations are inferred.")] = None,
    identity: Annotated[list[str] | None, typer.Option(help="user, account or email: whose ids become tokens.")] = None,
    field: Annotated[
        list[str] | None,
        typer.Option(help="PATH=ACTION, e.g. traits.phone=drop; keep, drop, hash, tokenise, coarsen. The first fits."),
    ] = None,
    sensitive: Annotated[str | None, typer.Option(help="Action for attributes that are personal.")] = None,
    query: Annotated[list[str] | None, typer.Option(help="URL parameter that is kept; '' for none.")] = None,
    mask_query: Annotated[list[str] | None, typer.Option(help="URL parameter kept without its value.")] = None,
    exclude_url: Annotated[list[str] | None, typer.Option(help="Pages of which nothing is stored.")] = None,
    mask_url: Annotated[list[str] | None, typer.Option(help="Pages stored without saying which.")] = None,
    gpc: Annotated[str | None, typer.Option(help="drop, anonymise or allow: what Sec-GPC means.")] = None,
    gpc_reason: Annotated[str | None, typer.Option(help="Why it may be ignored.")] = None,
    dnt: Annotated[str | None, typer.Option(help="The same for DNT.")] = None,
    consent: Annotated[str | None, typer.Option(help="ignored, recorded or required.")] = None,
    without_consent: Annotated[str | None, typer.Option(help="drop or anonymise.")] = None,
    purpose: Annotated[str | None, typer.Option(help="That is asked of consent by purpose.")] = None,
) -> None:
    """Set the whole policy of a source, from now on; events that are stored stay as they are."""
    from footfall.wiring.privacy import put_policy

    given: dict[str, Any] = {
        "addresses": addresses, "inference": inference, "identities": identity, "fields": _rules(field),
        "sensitive": sensitive, "query": None if query is None else [each for each in query if each],
        "mask_query": mask_query, "exclude_urls": exclude_url, "mask_urls": mask_url, "gpc": gpc,
        "gpc_reason": gpc_reason, "dnt": dnt, "consent": consent, "without_consent": without_consent,
        "purpose": purpose,
    }  # fmt: skip
    plain = {name: value for name, value in given.items() if value is not None}
    with here.opened() as hub:
        put_policy(hub, source, plain)
    here.screen.result({"source": source, **plain}, f"The policy of '{source}' is in force within seconds")


@command(privacy, "clear")
def privacy_clear(here: Here, source: SourceName) -> None:
    """Take the policy of a source away; that of the deployment holds then."""
    from footfall.wiring.privacy import policies_of, put_policy

    with here.opened() as hub:
        if source not in policies_of(hub).all():
            raise Missing(f"'{source}' has no policy of its own", "List them with `footfall privacy ls`")
        put_policy(hub, source, None)
    here.screen.result({"source": source}, f"'{source}' has no policy of its own any more")


@command(privacy, "token")
def privacy_token(
    here: Here,
    id: Annotated[str, typer.Argument(help="Id or e-mail address as it is known outside.", metavar="ID")],
    kind: Annotated[str, typer.Option(help="user (visitors too), account or email.")] = "user",
) -> None:
    """Tell the token that stands for an id, to look somebody up by it."""
    from footfall.model.privacy import KINDS

    if kind not in KINDS:
        raise Refused(f"there is no kind {kind!r}", f"It is one of {', '.join(KINDS)}")
    with here.opened() as hub:
        token = hub.privacy.tokens().token(kind, id)
    here.screen.result({"token": token}, token)


@command(privacy, "rotate-key")
def privacy_rotate_key(
    here: Here,
    yes: Annotated[bool, typer.Option("--yes", help="Everybody who is anonymous becomes somebody new.")] = False,
) -> None:
    """Draw a new key of tokens: from then on nobody's token is the one of before, and no link is kept."""
    from footfall.wiring.privacy import key_path, token_key_of

    if not yes:
        raise Refused("everybody who is anonymous becomes somebody new", "Say --yes if that is meant")
    with here.opened() as hub:
        mark = token_key_of(hub).rotate()
        path = key_path(hub.settings)
    here.screen.result(
        {"mark": mark, "file": str(path)}, f"A new key is in {path}; keep a copy of it apart from the data"
    )


@command(privacy, "retention")
def privacy_retention(
    here: Here,
    apply: Annotated[bool, typer.Option("--apply", help="Remove it now; a running server does so by itself.")] = False,
    undelivered: Annotated[bool, typer.Option("--undelivered", help="Also days that were not delivered yet.")] = False,
) -> None:
    """Show what is older than the settings keep_events_days and keep_quarantine_days let it become."""
    from footfall.wiring.retention import due_of, remove_due

    screen = here.screen
    with here.opened() as hub:
        due = (remove_due if apply else due_of)(hub, undelivered=undelivered)
    said = "removed" if apply else "would be removed"
    rows = [(str(each.day), each.events, f"stays: {each.waits}" if each.waits else said) for each in due.days]
    screen.table(["what", "records", "what becomes of it"], [*rows, ("quarantine", due.quarantined, said)])


def _rules(field: list[str] | None) -> list[dict[str, str]] | None:
    if field is None:
        return None
    rules = []
    for each in field:
        path, sign, action = each.rpartition("=")
        if not sign:
            raise Refused(f"{each!r} is no rule", "Write PATH=ACTION as in traits.phone=drop")
        rules.append({"path": path, "action": action})
    return rules


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)

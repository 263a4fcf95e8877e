"""``notifications``: who is told what about jobs, and what became of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from footfall.cli.options import Here, command
from footfall.cli.secret_sources import Document, Given, ask, read_secrets
from footfall.model.channels import OCCASIONS, SECRETS, USUAL, Channel, Rule
from footfall.terminal import Exit, Screen

if TYPE_CHECKING:
    from footfall.ports import Posted

notifications = typer.Typer(help="Who is told what about jobs, and what became of it.", no_args_is_help=True)
channels = typer.Typer(help="Ways to tell people; their secrets are never shown.", no_args_is_help=True)
rules = typer.Typer(help="Who is told what.", no_args_is_help=True)
notifications.add_typer(channels, name="channels")
notifications.add_typer(rules, name="rules")
ChannelName = Annotated[str, typer.Argument(metavar="NAME", help="Name of the channel.")]
RuleName = Annotated[str, typer.Argument(metavar="NAME", help="Name of the rule.")]


# --- what became of it -------------------------------------------------------------------------------------------


@command(notifications, "ls")
def notifications_ls(
    here: Here,
    state: Annotated[str | None, typer.Option(help="waiting, sent or dead; all by default.")] = None,
    limit: Annotated[int, typer.Option(help="How many of the newest.")] = 50,
) -> None:
    """List notices, newest first: what waits, what was sent, what was given up and why."""
    from footfall.model.notices import NOTICE_STATES
    from footfall.wiring.telling import outbox_of

    screen = here.screen
    if state is not None and state not in NOTICE_STATES:
        raise typer.BadParameter(f"{state!r} is none of {', '.join(NOTICE_STATES)}")
    with here.opened() as hub:
        found = outbox_of(hub).all(() if state is None else (state,), limit)
    screen.table(
        ["id", "state", "occasion", "run", "channel", "to", "attempts", "at", "next", "error"],
        [
            (p.notice.id, p.state, p.notice.message.occasion, p.notice.message.run, p.notice.channel, p.notice.to,
             p.attempts, _at(p.put_at), _next(p), p.error)
            for p in found
        ],
    )  # fmt: skip


@command(notifications, "retry")
def notifications_retry(
    here: Here,
    id: Annotated[str | None, typer.Argument(help="Id of a notice that was given up; all of them by default.")] = None,
) -> None:
    """Let what was given up be tried anew, for another day."""
    from footfall.wiring.telling import outbox_of

    screen = here.screen
    with here.opened() as hub:
        revived = outbox_of(hub).revive(hub.clock(), id)
    screen.result({"notices": revived}, f"{revived} notices wait to be sent again")
    if not revived:
        raise typer.Exit(Exit.NOTHING_TO_DO)
    screen.say("They go out within seconds while `footfall up` runs; without it `footfall notifications send`.")


@command(notifications, "send")
def notifications_send(here: Here) -> None:
    """Send what is due now. `footfall up` does so by itself; for installs that run jobs from cron."""
    from footfall.wiring.telling import outbox_of, send_waiting

    screen = here.screen
    with here.opened() as hub:
        send_waiting(hub)
        left = len(outbox_of(hub).all(("waiting",), 10_000))
        dead = len(outbox_of(hub).all(("dead",), 10_000))
    screen.result({"waiting": left, "dead": dead}, f"{left} notices wait, {dead} were given up")
    if dead:
        raise typer.Exit(Exit.FAILED)


@command(notifications, "rotate-link-key")
def notifications_rotate_link_key(
    here: Here,
    forget: Annotated[bool, typer.Option("--forget", help="Remove older keys: links sent before are void.")] = False,
) -> None:
    """Sign links to files with a new key, beside a running server too."""
    from footfall.wiring.telling import rotate_link_key

    screen = here.screen
    with here.opened() as hub:
        kid = rotate_link_key(hub, forget=forget)
    screen.result({"key": kid, "forgotten": forget}, f"Links are signed with key {kid} from now on")


# --- channels ----------------------------------------------------------------------------------------------------


@command(channels, "ls")
def channels_ls(here: Here) -> None:
    """List the channels."""
    from footfall.wiring.telling import channels_of

    screen = here.screen
    with here.opened() as hub:
        found = channels_of(hub).all()
        used = [rule.channel for rule in channels_of(hub).rules()]
    if not found and not screen.as_json:
        screen.warn("No channels yet: add one with `footfall notifications channels add`.")
    screen.table(
        ["name", "kind", "where", "to", "rules", "created"],
        [(c.name, c.kind, _where(c), ", ".join(c.to), used.count(c.name), _at(c.created_at)) for c in found],
    )


@command(channels, "add")
def channels_add(
    here: Here,
    name: ChannelName,
    kind: Annotated[str, typer.Option(help="mail, webhook, callback or apprise.")] = "mail",
    host: Annotated[str, typer.Option(help="Mail server.")] = "",
    port: Annotated[int, typer.Option(help="Of the mail server; 587 or 465 by default.")] = 0,
    security: Annotated[str, typer.Option(help="starttls (default), tls or none.")] = "",
    sender: Annotated[str, typer.Option("--from", help="Address that mails come from.")] = "",
    to: Annotated[list[str] | None, typer.Option(help="Address that mails go to; may be repeated.")] = None,
    url: Annotated[str, typer.Option(help="Of the webhook or callback, https.")] = "",
    header: Annotated[str, typer.Option(help="That a callback's API key is sent in; x-api-key by default.")] = "",
    ca_bundle: Annotated[str, typer.Option(help="PEM file of the authorities of that server.")] = "",
    secret: Given = None,
    secrets: Document = None,
) -> None:
    """Add a channel. Secrets come from variables, files or standard input; a webhook's is drawn and shown once."""
    from footfall.config.folders import whole
    from footfall.wiring.telling import add_channel

    screen = here.screen
    given = read_secrets(secret, secrets, SECRETS)
    if kind == "mail" and not given:
        given = ask(("user", "password"))
    elif kind == "apprise" and not given:
        given = ask(("url",))
    with here.opened() as hub:
        channel = Channel(
            name=name, kind=kind, host=host, port=port, security=security, sender=sender, to=tuple(to or ()), url=url,
            header=header, ca_bundle=whole(ca_bundle, Path.cwd()), created_at=hub.clock(),
        )  # fmt: skip
        drawn = add_channel(hub, channel, given)
    _show_drawn(
        screen, channel.plain(), drawn, f"Channel '{name}' is there; try it: notifications channels test {name}"
    )


@command(channels, "rotate")
def channels_rotate(
    here: Here,
    name: ChannelName,
    secret: Given = None,
    secrets: Document = None,
) -> None:
    """Give a channel new secrets. A webhook's is drawn anew, and signs beside the one before until the next time."""
    from footfall.wiring.telling import rotate_channel

    screen = here.screen
    given = read_secrets(secret, secrets, SECRETS)
    with here.opened() as hub:
        drawn = rotate_channel(hub, name, given)
    _show_drawn(screen, {"name": name}, drawn, f"Channel '{name}' has new secrets")


@command(channels, "test")
def channels_test(
    here: Here,
    name: ChannelName,
    to: Annotated[list[str] | None, typer.Option(help="Address instead of the channel's; may be repeated.")] = None,
) -> None:
    """Send a test through the channel now, and say what the other side answered."""
    from footfall.model.channels import check_addresses
    from footfall.wiring.telling import try_channel

    screen = here.screen
    check_addresses(to or ())
    with here.opened() as hub:
        count = try_channel(hub, name, to or ())
    screen.result({"channel": name, "sent": count}, f"Channel '{name}' works: {count} tests were accepted")


@command(channels, "delete")
def channels_delete(
    here: Here,
    name: ChannelName,
    force: Annotated[bool, typer.Option("--force", help="With its rules and what still waits for it.")] = False,
) -> None:
    """Delete a channel and its secrets."""
    from footfall.wiring.telling import channels_of

    screen = here.screen
    with here.opened() as hub:
        channels_of(hub).delete(name, force=force)
    screen.result({"channel": name, "state": "deleted"}, f"Channel '{name}' and its secrets are deleted")


# --- rules -------------------------------------------------------------------------------------------------------


@command(rules, "ls")
def rules_ls(here: Here) -> None:
    """List the rules."""
    from footfall.wiring.telling import channels_of

    screen = here.screen
    with here.opened() as hub:
        found = channels_of(hub).rules()
    if not found and not screen.as_json:
        screen.warn("No rules yet, so nobody is told: add one with `footfall notifications rules add`.")
    screen.table(
        ["name", "channel", "jobs", "on", "to", "patience"],
        [(r.name, r.channel, ", ".join(r.jobs) or "all", ", ".join(r.on), ", ".join(r.to), r.patience) for r in found],
    )


@command(rules, "add")
def rules_add(
    here: Here,
    name: RuleName,
    channel: Annotated[str, typer.Option(help="Through which channel.")],
    job: Annotated[list[str] | None, typer.Option(help="A job, * for any characters; may be repeated.")] = None,
    on: Annotated[str, typer.Option(help=f"Comma-separated, of {', '.join(OCCASIONS)}.")] = ",".join(USUAL),
    to: Annotated[list[str] | None, typer.Option(help="Address instead of the channel's; may be repeated.")] = None,
    patience: Annotated[int, typer.Option(help="Failures in a row before the first is told.")] = 1,
) -> None:
    """Tell somebody: by default, of every job, whatever needs a person."""
    from footfall.wiring.telling import channels_of

    screen = here.screen
    occasions = tuple(each.strip() for each in on.split(",") if each.strip())
    rule = Rule(name=name, channel=channel, jobs=tuple(job or ()), on=occasions, to=tuple(to or ()), patience=patience)
    with here.opened() as hub:
        channels_of(hub).add_rule(rule)
    screen.result(rule.plain(), f"Rule '{name}' tells of {', '.join(rule.on)} through '{channel}'")


@command(rules, "delete")
def rules_delete(here: Here, name: RuleName) -> None:
    """Delete a rule."""
    from footfall.wiring.telling import channels_of

    screen = here.screen
    with here.opened() as hub:
        channels_of(hub).delete_rule(name)
    screen.result({"rule": name, "state": "deleted"}, f"Rule '{name}' is deleted")


def _show_drawn(screen: Screen, facts: dict[str, Any], drawn: str, text: str) -> None:
    screen.result(facts | ({"signing_secret": drawn} if drawn else {}), f"{text}\n{drawn}" if drawn else text)
    if drawn:
        screen.say("This is the only time the signing secret is shown; its receiver verifies with it.")


def _where(channel: Channel) -> str:
    if channel.kind == "mail":
        return f"{channel.host}:{channel.mail_port} {channel.encrypted}"
    return channel.url or "(secret)"


def _next(posted: Posted) -> str:
    return _at(posted.next_at) if posted.state == "waiting" else ""


def _at(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"

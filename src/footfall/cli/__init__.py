"""Arguments in, one flow called, the result printed; exit codes come from errors. One module per group of commands.

Heavy libraries are imported inside the commands, so that ``footfall --help`` answers at once.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from footfall import __version__, observe
from footfall.cli import definitions, people_denying, people_erasing, serving
from footfall.cli.access import access
from footfall.cli.api_keys import api_keys
from footfall.cli.attributes import attributes
from footfall.cli.audiences import audiences
from footfall.cli.audit import audit
from footfall.cli.authorizations import authorizations
from footfall.cli.days import days
from footfall.cli.events import events
from footfall.cli.exports import export
from footfall.cli.features import features
from footfall.cli.import_people import import_
from footfall.cli.imports import imports
from footfall.cli.jobs import jobs
from footfall.cli.keys import keys
from footfall.cli.notifications import notifications
from footfall.cli.people import people
from footfall.cli.privacy import privacy
from footfall.cli.runs import runs
from footfall.errors import FootfallError
from footfall.terminal import Exit

app = typer.Typer(
    name="footfall",
    help="Collects product usage, counts it per local day, delivers it sealed and verifiable.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        print(f"footfall {__version__}")
        raise typer.Exit


serving.add_to(app)
definitions.add_to(app)
people_denying.add_to(people)
people_erasing.add_to(people)
app.add_typer(events, name="events")
app.add_typer(export, name="export")
app.add_typer(import_, name="import")
app.add_typer(imports, name="imports")
app.add_typer(authorizations, name="authorizations")
app.add_typer(jobs, name="jobs")
app.add_typer(runs, name="runs")
app.add_typer(notifications, name="notifications")
app.add_typer(access, name="access")
app.add_typer(days, name="days")
app.add_typer(audiences, name="audiences")
app.add_typer(attributes, name="attributes")
app.add_typer(features, name="features")
app.add_typer(people, name="people")
app.add_typer(privacy, name="privacy")
app.add_typer(keys, name="keys")
app.add_typer(api_keys, name="api-keys")
app.add_typer(audit, name="audit")


def main() -> None:
    """Run the command line; exit codes as in ``terminal.Exit``."""
    observe.configure(as_json=False, quiet=True)
    try:
        app(standalone_mode=True)
    except FootfallError as error:
        print(f"footfall: {error.what}", file=sys.stderr)
        if error.hint:
            print(f"  {error.hint}", file=sys.stderr)
        sys.exit(Exit.FAILED)
    except KeyboardInterrupt:
        sys.exit(130)

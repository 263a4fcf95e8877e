"""What exists is documented, and what is documented exists."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from urllib.parse import unquote

import pytest
import typer

from footfall.cli import app

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LINES_MAX = 400


def tracked(*patterns: str) -> list[Path]:
    """Files of the project as Git sees them, or as they lie where there is no Git."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", *patterns],
        cwd=ROOT, capture_output=True, check=False,
    )  # fmt: skip
    if listed.returncode == 0:
        names = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    else:
        names = [path for pattern in patterns or ("*",) for path in ROOT.rglob(pattern) if ".venv" not in path.parts]
    return [path for path in names if path.is_file()]


def page(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


def commands(command: object, words: tuple[str, ...] = ("footfall",)):
    """Yield (words, command) of every leaf and of the group that is the program itself."""
    for name, child in sorted(getattr(command, "commands", {}).items()):
        yield from commands(child, (*words, name))
    if not hasattr(command, "commands"):
        yield words, command


COMMANDS = list(commands(typer.main.get_command(app)))
SHARED = {"--data", "--config", "--json", "--quiet", "--help"}


def section(words: tuple[str, ...]) -> str:
    """The part of the page about one command, heading included."""
    found = re.search(rf"^## `{re.escape(' '.join(words))}\b.*?(?=^## |\Z)", page("reference/cli.md"), re.M | re.S)
    return found.group() if found else ""


@pytest.mark.parametrize(("words", "command"), COMMANDS, ids=[" ".join(words) for words, _ in COMMANDS])
def test_every_command_has_a_section_that_names_its_options_and_arguments(words, command):
    text = section(words)
    assert text, f"docs/reference/cli.md has no section for {' '.join(words)}"
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            assert parameter.name.upper() in text.splitlines()[0]
        elif not SHARED.intersection(parameter.opts):
            assert f"`{max(parameter.opts, key=len)}" in text, parameter.opts


def test_every_section_is_of_a_command_that_exists():
    known = {" ".join(words) for words, _ in COMMANDS}
    headings = re.findall(r"^## `([a-z -]+?)(?: [A-Z].*)?`", page("reference/cli.md"), re.M)
    assert headings
    assert set(headings) == known


def test_no_section_names_an_option_that_does_not_exist():
    for words, command in COMMANDS:
        options = {option for parameter in command.params for option in parameter.opts}
        assert set(re.findall(r"^\| `(--[a-z-]+)", section(words), re.M)) <= options, words


def test_every_setting_is_documented_with_its_environment_variable():
    from footfall.config import Settings

    text = page("reference/settings.md")
    for field in dataclasses.fields(Settings):
        assert f"`{field.name}`" in text, field.name
        assert f"FOOTFALL_{field.name.upper()}" in text, field.name


def requirement_name(requirement: str) -> str:
    return re.split(r"[<>=~!\[; ]", requirement, maxsplit=1)[0]


def normal(name: str) -> str:
    """A package's name as lock files spell it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def dependencies() -> list[str]:
    groups = [*PROJECT["dependency-groups"].values(), PROJECT["project"]["dependencies"]]
    groups += PROJECT["project"].get("optional-dependencies", {}).values()
    return sorted({requirement_name(each) for group in groups for each in group if isinstance(each, str)})


@pytest.mark.parametrize("name", dependencies())
def test_every_dependency_has_its_decision(name):
    assert any(f"**{name}**" in path.read_text("utf-8") for path in DOCS.glob("decisions/*.md"))


def test_every_decision_is_in_the_list_of_decisions():
    listed = set(re.findall(r"\]\(([a-z-]+\.md)\)", page("decisions/README.md")))
    assert listed == {path.name for path in DOCS.glob("decisions/*.md")} - {"README.md"}


def test_every_page_can_be_reached_from_the_index():
    seen: set[Path] = set()
    todo = [DOCS / "index.md"]
    while todo:
        path = todo.pop().resolve()
        if path not in seen and path.suffix == ".md" and path.exists():
            seen.add(path)
            todo += [path.parent / target for target in links(path)]
    assert {path.resolve() for path in DOCS.rglob("*.md")} <= seen


def links(path: Path) -> list[str]:
    """Targets of a page's links to files, without their anchors."""
    text = re.sub(r"^```.*?^```", "", path.read_text("utf-8"), flags=re.M | re.S)
    targets = re.findall(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)", text)
    return [
        unquote(target.partition("#")[0]) for target in targets if "://" not in target and not target.startswith("#")
    ]


def test_links_lead_somewhere():
    pages = tracked("*.md")
    assert pages
    broken = [
        f"{path.relative_to(ROOT)} points to {target}"
        for path in pages
        for target in links(path)
        if not (path.parent / target).exists()
    ]
    assert broken == []


def test_every_code_of_a_rejected_event_is_documented():
    text = page("reference/errors-and-exit-codes.md")
    # A code stands right before its message, in an error or in the pair that becomes one.
    pair = re.compile(r"(?:[(\s]|BadRecord\()\"([a-z0-9]+(?:_[a-z0-9]+)*)\", f?\"(?:['A-Z]|.*\{)")
    sources = tracked("src/footfall/wire/*.py", "src/footfall/client/*.py")
    codes = {code for path in sources for code in pair.findall(path.read_text("utf-8"))}
    assert codes, "no codes found: have they moved?"
    assert {code for code in codes if f"`{code}`" not in text} == set()


def test_no_code_is_documented_that_does_not_exist():
    text = page("reference/errors-and-exit-codes.md").partition("## Codes of rejected events")[2]
    source = "".join(path.read_text("utf-8") for path in tracked("src/footfall/*.py", "src/footfall/*.sql"))
    codes = re.findall(r"^\| `([a-z0-9_]+)` \|", text, re.M)
    assert [code for code in codes if f'"{code}"' not in source] == []


def test_the_codes_of_bad_rows_are_those_that_are_documented():
    documented = set(re.findall(r"^\| `([a-z_]+)` \|", page("reference/import-files.md"), re.M))
    source = "".join(path.read_text("utf-8") for path in tracked("src/footfall/sources/*.py"))
    # A code stands right before its message, or before the variable that has it.
    given = set(re.findall(r"\"([a-z]+(?:_[a-z]+)+)\", (?:f?\"[A-Z]|what\b)", source))
    assert given == documented, given ^ documented


def test_every_exit_code_is_documented():
    from footfall.terminal import Exit

    text = page("reference/errors-and-exit-codes.md")
    assert [int(code) for code in re.findall(r"^\| (\d) \|", text, re.M)] == [code.value for code in Exit]


def test_every_kind_of_error_is_documented():
    from footfall import errors

    text = page("reference/errors-and-exit-codes.md")
    kinds = [name for name, kind in vars(errors).items() if isinstance(kind, type) and name != "FootfallError"]
    assert {name for name in kinds if f"`{name}`" not in text} == set()


def test_every_make_target_says_what_it_does():
    text = (ROOT / "Makefile").read_text("utf-8")
    phony = set(re.search(r"^\.PHONY: (.*)$", text, re.M).group(1).split())
    assert phony == set(re.findall(r"^([a-z-]+):.*## .+", text, re.M))
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert phony == set(re.findall(r"^ +([a-z-]+) ", listed, re.M))


def test_a_run_installs_the_versions_that_were_tested():
    pins = {
        name: dict(re.findall(r"^([A-Za-z0-9._-]+)==([^ \\]+)", (ROOT / f"requirements/{name}.lock").read_text(), re.M))
        for name in ("run", "dev")
    }
    assert pins["run"].items() <= pins["dev"].items()
    needed = {normal(requirement_name(each)) for each in PROJECT["project"]["dependencies"]}
    assert needed <= set(pins["run"])
    assert {normal(name) for name in dependencies()} <= set(pins["dev"])


# Written so that this file does not hold what it looks for.
FORBIDDEN = {
    "a path of one machine": re.compile(r"(?<![\w.$}/-])/(?:wo{1}rk|hom{1}e/\w|roo{1}t|Use{1}rs)/"),
    "a registry's host": re.compile(r"files\.python{1}hosted\.org|registry\.npm{1}js\.org|(?<!@)\bpyp{1}i\.org"),
    "unfinished work": re.compile(r"\b(?:TO{1}DO|FIX{1}ME|X{1}XX|NotImplemented{1}Error)\b"),
    "a test that may fail": re.compile(r"pytest\.(?:mark\.)?xfai{1}l\b"),
}


def test_nothing_of_one_machine_and_nothing_unfinished_is_in_the_tree():
    found = []
    for path in tracked():
        data = path.read_bytes()
        if b"\0" in data[:4096] or path.name == "LICENSE":
            continue
        for number, line in enumerate(data.decode("utf-8").splitlines(), start=1):
            found += [
                f"{path.relative_to(ROOT)}:{number}: {what}" for what, word in FORBIDDEN.items() if word.search(line)
            ]
    assert found == []


def test_long_files_have_a_reason():
    listed = (ROOT / "CONTRIBUTING.md").read_text("utf-8").partition("## Long files")[2]
    reasons = set(re.findall(r"^\| `([^`]+)` \| \w", listed, re.M))
    long = {
        str(path.relative_to(ROOT))
        for path in tracked("src/*.py", "src/*.sql", "bench/*.py")
        if len(path.read_text("utf-8").splitlines()) > LINES_MAX
    }
    assert long - reasons == set()
    assert [name for name in reasons if not (ROOT / name).is_file()] == []


def test_imports_go_one_way():
    lint = Path(sys.executable).parent / "lint-imports"
    done = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_what_is_shipped_from_others_is_named_with_its_licence():
    notice = (ROOT / "NOTICE").read_text("utf-8")
    for path in tracked("src/footfall/**/NOTICE"):
        assert path.with_name("LICENSE").exists()
        assert str(path.parent.relative_to(ROOT)) in notice

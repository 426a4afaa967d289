"""`quadrupel rules docs`: the handbook of the rules as HTML."""

from pathlib import Path
from typing import Annotated

import typer

from quadrupel import bootstrap
from quadrupel.cli.output import Json, print_json
from quadrupel.cli.rule_choice import Folder, counted, line, load
from quadrupel.config import Settings, read_settings
from quadrupel.core.errors import SettingRefused
from quadrupel.rules.handbook import INDEX, pages
from quadrupel.store.database import transaction
from quadrupel.store.published import match_counts


def docs(
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Where to write; made if it is not there.")
    ] = Path("build/rules"),
    rules: Folder = None,
    as_json: Json = False,
) -> None:
    """Write a handbook of all rules as HTML: an index, and a page per life situation.

    Examples:
      quadrupel rules docs
      quadrupel rules docs --out /var/www/rules

    For whoever owns rules and does not read scripts: texts in all languages, conditions in words,
    what is asked of a profile, examples. Where there is a database, also how many users each rule
    holds for now.
    """
    settings = read_settings(rules=rules)
    rule_set = load(rules)
    found = pages(rule_set, settings.languages, _counts(settings))
    out.mkdir(parents=True, exist_ok=True)
    for name, page in found.items():
        (out / name).write_text(page, encoding="utf-8")
    if as_json:
        print_json({"rules": len(rule_set.rules), "pages": [str(out / name) for name in found]})
    else:
        line(f"{counted(len(rule_set.rules), 'rule')}: {out / INDEX}")


def _counts(settings: Settings) -> dict[str, int] | None:
    """How many users each rule holds for now; None without a database."""
    try:
        opened = bootstrap.open_engine(settings)
        with opened as engine, transaction(engine) as connection:
            return dict(match_counts(connection))
    except SettingRefused:
        return None

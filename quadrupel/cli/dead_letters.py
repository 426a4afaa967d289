"""`quadrupel dead-letters`: inputs that could never be applied, why, and what to do about them."""

import contextlib
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from quadrupel import bootstrap
from quadrupel.bus import dead_letter_desk as desk
from quadrupel.bus.dead_letter_desk import Entry, Survey, Wanted
from quadrupel.cli.output import (
    Json,
    console,
    errors,
    print_json,
    print_json_list,
    print_table,
    progress,
)
from quadrupel.config import read_settings
from quadrupel.core.errors import Conflict, NotFound
from quadrupel.core.ports import Admin, Bus

app = typer.Typer(help="Look at inputs that were put aside because they could not be applied.")

Positions = Annotated[
    list[str] | None, typer.Argument(help="TOPIC/PARTITION/OFFSET, as `list` shows it.")
]
Reason = Annotated[str | None, typer.Option(help="Only those with this reason.")]
Stage = Annotated[str | None, typer.Option(help="Only those that this stage put aside.")]
Confirm = Annotated[bool, typer.Option("--confirm", help="Needed to do it to more than are named.")]


@app.command("list")
def list_(
    reason: Reason = None,
    stage: Stage = None,
    with_decided: Annotated[
        bool, typer.Option("--all", help="Also those that were replayed or dropped.")
    ] = False,
    limit: Annotated[int, typer.Option(help="How many.", min=1, max=1_000_000)] = 100,
    as_json: Json = False,
) -> None:
    """List what was put aside and waits for a decision, oldest first in each partition.

    Examples:
      quadrupel dead-letters list
      quadrupel dead-letters list --reason wrong-type --limit 1000 --json
      quadrupel dead-letters list --all --stage ingest
    """
    with _open_bus() as bus:
        admin = bus.admin()
        noted = desk.survey(admin, Wanted(reason=reason, stage=stage))
        shown = itertools.islice(desk.entries(admin, noted, decided=with_decided), limit)
        if as_json:
            print_json_list(_fields(entry) for entry in shown)
        else:
            print_table(_table(shown), whole=("position",), minor=("stage", "first seen", "times"))
    found = len(noted.times) if with_decided else noted.undecided
    if not as_json:
        console.print(f"{found:,} dead letters")
    if found > limit:
        errors.print(f"these are {limit:,} of {found:,}; --limit shows more")
    _mention_unreadable(noted)


@app.command()
def show(
    position: Annotated[str, typer.Argument(help="TOPIC/PARTITION/OFFSET, as `list` shows it.")],
    as_json: Json = False,
) -> None:
    """Show one with its original bytes.

    Example:
      quadrupel dead-letters show quadrupel.events/3/1042
    """
    with _open_bus() as bus:
        noted = desk.survey(bus.admin(), Wanted(frozenset([position])))
        entry = next(desk.entries(bus.admin(), noted, decided=True), None)
    if entry is None:
        raise NotFound(f"no dead letter at {position}; `quadrupel dead-letters list` shows them")
    if as_json:
        print_json(_fields(entry))
        return
    letter = entry.letter
    console.print(f"{letter.reason}: {letter.detail}", markup=False)
    console.print(_history(entry))
    console.print(letter.body.decode("utf-8", "backslashreplace"), markup=False)
    if entry.obstacle:
        console.print(f"it cannot be replayed: {entry.obstacle}")


@app.command()
def replay(
    positions: Positions = None,
    reason: Reason = None,
    stage: Stage = None,
    confirm: Confirm = False,
    as_json: Json = False,
) -> None:
    """Hand inputs to their stage again, byte for byte, once what was wrong was mended.

    Examples:
      quadrupel dead-letters replay quadrupel.events/3/1042
      quadrupel dead-letters replay --reason unknown-value --confirm

    What is still wrong is put aside again, at a new position.
    """
    wanted = _wanted(positions, reason, stage)
    with _open_bus() as bus:
        noted = _survey(bus.admin(), wanted)
        redo = bool(positions)  # one that was dropped may be replayed, by its name
        obstacles = Counter(
            entry.obstacle for entry in desk.entries(bus.admin(), noted, decided=redo)
        )
        count = obstacles.pop(None, 0)
        if positions:
            _refuse_decided(noted, {"replayed"})
            _refuse_obstacles(obstacles)
        elif not confirm:
            raise Conflict(_dry_run(count, obstacles))
        chosen = (
            entry
            for entry in desk.entries(bus.admin(), noted, decided=redo)
            if entry.obstacle is None
        )
        with contextlib.closing(bus.producer()) as producer:
            done = _finish(desk.replay(producer, chosen, bootstrap.now()), "replaying", count)
    if as_json:
        print_json({"replayed": done, "not_replayable": obstacles})
    else:
        console.print(_in_words(done, "replayed", obstacles))


@app.command()
def drop(
    positions: Positions = None,
    reason: Reason = None,
    stage: Stage = None,
    confirm: Confirm = False,
    as_json: Json = False,
) -> None:
    """Say that inputs are of no use: they are listed no more. Their bytes stay on the topic.

    Examples:
      quadrupel dead-letters drop quadrupel.events/3/1042
      quadrupel dead-letters drop --reason not-json --confirm
    """
    wanted = _wanted(positions, reason, stage)
    with _open_bus() as bus:
        noted = _survey(bus.admin(), wanted)
        _refuse_decided(noted, {"replayed", "dropped"})
        if not confirm and not (positions and noted.undecided == 1):
            raise Conflict(_dry_run(noted.undecided, {}))
        chosen = desk.entries(bus.admin(), noted)
        with contextlib.closing(bus.producer()) as producer:
            dropping = desk.drop(producer, chosen, bootstrap.now())
            done = _finish(dropping, "dropping", noted.undecided)
    if as_json:
        print_json({"dropped": done})
    else:
        console.print(_in_words(done, "dropped", {}))


@app.command()
def resume(
    stage: Annotated[str, typer.Argument(help="The stage that is halted, as `status` shows it.")],
) -> None:
    """Let a stage go on that halted because most of what came in was garbage.

    Example:
      quadrupel dead-letters resume ingest

    Every process of the stage goes on within a second. What is bad is put aside without a further
    alarm until few of the last 1,000 are.
    """
    bootstrap.resume(read_settings(), stage)
    console.print(f"{stage} goes on")


@contextlib.contextmanager
def _open_bus() -> Iterator[Bus]:
    with contextlib.closing(bootstrap.open_bus(read_settings())) as bus:
        yield bus


def _wanted(positions: list[str] | None, reason: str | None, stage: str | None) -> Wanted:
    if bool(positions) == (reason is not None or stage is not None):
        raise typer.BadParameter("name a POSITION or more, or else a --reason or a --stage")
    return Wanted(frozenset(positions or ()), reason, stage)


def _survey(admin: Admin, wanted: Wanted) -> Survey:
    """The first pass. Raises NotFound unless there is what was asked for."""
    noted = desk.survey(admin, wanted)
    _mention_unreadable(noted)
    missing = sorted(wanted.positions - noted.times.keys())
    if missing:
        raise NotFound(
            f"no dead letter at {', '.join(missing)}; `quadrupel dead-letters list` shows them"
        )
    if not wanted.positions and not noted.undecided:
        there_are = ", ".join(sorted(noted.reasons)) or "none"
        raise NotFound(f"no such dead letter waits for a decision; reasons there were: {there_are}")
    return noted


def _refuse_decided(noted: Survey, decisions: set[str]) -> None:
    """Raise Conflict if one of the named letters was decided about already."""
    for position in sorted(noted.wanted.positions & noted.decisions.keys()):
        made = noted.decisions[position]
        if made.decision in decisions:
            at = made.at.isoformat(timespec="seconds")
            raise Conflict(f"the dead letter at {position} was {made.decision} already, at {at}")


def _refuse_obstacles(obstacles: Mapping[str | None, int]) -> None:
    """Raise Conflict if one of the named letters cannot be replayed."""
    for obstacle, count in obstacles.items():
        raise Conflict(f"{count:,} of these cannot be replayed, so none was: {obstacle}")


def _dry_run(count: int, obstacles: Mapping[str | None, int]) -> str:
    return f"{_in_words(count, None, obstacles)}; say --confirm if you mean it"


def _in_words(count: int, done: str | None, obstacles: Mapping[str | None, int]) -> str:
    head = (
        f"{count:,} dead letters were {done}" if done else f"that would be {count:,} dead letters"
    )
    tail = [f"{number:,} cannot be: {obstacle}" for obstacle, number in obstacles.items()]
    return "; ".join([head, *tail])


def _finish(work: Iterator[int], doing: str, total: int) -> int:
    """Do it with a progress bar; returns how many it was."""
    done = 0
    with progress(doing, total) as advance:
        for count in work:
            done += count
            advance(count)
    return done


def _mention_unreadable(noted: Survey) -> None:
    if noted.unreadable:
        errors.print(f"{noted.unreadable:,} messages on the topic are no dead letters of ours")


def _table(shown: Iterable[Entry]) -> Table:
    table = Table("position", "stage", "reason", "detail", "first seen", "times", "decision")
    for entry in shown:
        letter = entry.letter
        first_seen = letter.first_seen.isoformat(timespec="seconds")
        texts = (letter.position, letter.stage, letter.reason, letter.detail)
        made = entry.decision.decision if entry.decision else ""
        table.add_row(*map(escape, texts), first_seen, str(entry.times), made)
    return table


def _history(entry: Entry) -> str:
    first_seen = entry.letter.first_seen.isoformat(timespec="seconds")
    times = "once" if entry.times == 1 else f"{entry.times} times"
    parts = [f"first seen {first_seen}", f"put aside {times}"]
    if entry.decision is not None:
        at = entry.decision.at.isoformat(timespec="seconds")
        parts.append(f"{entry.decision.decision} {at}")
    return ", ".join(parts)


def _fields(entry: Entry) -> dict[str, object]:
    letter, made = entry.letter, entry.decision
    return {
        "position": letter.position,
        "stage": letter.stage,
        "reason": letter.reason,
        "detail": letter.detail,
        "first_seen": letter.first_seen,
        "times": entry.times,
        "decision": made and {"decision": made.decision, "at": made.at},
        "replayable": entry.obstacle is None,
        "size": letter.size,
        "body": letter.body.decode("utf-8", "backslashreplace"),
    }

"""What a night saves that evaluates only who is due: `make bench-due`, `ARGS="--profiles 50000"`.

A table of `--profiles` profiles with everything published. The next day is evaluated twice from the
same state: by a full sweep of everybody, and by a run over the users who are due. Both publish the
same changes, so both must end in the same state.
"""

import argparse
import json
from datetime import timedelta

from citizens import TODAY, fill_profiles
from nights import digest_of_state, keep_state, portal, state_again
from rich.console import Console
from rich.table import Table
from stand import stand

GOAL = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profiles", type=int, default=1_000_000)
    arguments = parser.parse_args()
    day = TODAY + timedelta(days=1)
    with stand() as parts:
        fill_profiles(parts, arguments.profiles)
        with portal(parts) as running:
            running.run(TODAY, "--full")
            keep_state(parts)
            state_again(parts)
            full = running.run(day, "--full")
            after_full = digest_of_state(parts)
            state_again(parts)
            due = running.run(day)
            same = digest_of_state(parts) == after_full
    table = Table("", "users", "share", "published", "seconds")
    for name, night in (("full sweep", full), ("users due", due)):
        share = f"{night.users / full.users:.2%}"
        counts = (f"{night.users:,}", share, f"{night.changed:,}", f"{night.seconds:.2f}")
        table.add_row(name, *counts)
    console = Console(width=100)
    console.print(table)
    console.print("the state after both is", end=" ")
    console.print("the same" if same else "[bold red]NOT the same[/]")
    ratio = full.seconds / due.seconds
    figure = {
        "name": "due",
        "value": round(due.seconds, 2),
        "unit": "s",
        "anchor": "full sweep of the same day",
        "anchor_value": round(full.seconds, 2),
        "ratio": round(ratio, 2),
        "goal": f"ratio >= {GOAL}, same state",
        "met": same and ratio >= GOAL,
    }
    share_due = {
        "name": "share_due",
        "value": round(due.users / full.users, 4),
        "unit": "of the users",
    }
    print(json.dumps({"bench": "due", "figures": [figure, share_due]}))


if __name__ == "__main__":
    main()

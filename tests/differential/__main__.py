"""`python -m tests.differential [count] [seed]`: compare Belisha with Unbound and dnsmasq, print the table.

Ten thousand questions unless told otherwise, which takes most of a minute. The exit status is 1 when some
difference has no explanation.
"""

from __future__ import annotations

import sys
from typing import Final

from tests.differential.rules import RULES
from tests.differential.run import Report, run
from tests.differential.servers import missing

COUNT: Final = 10_000
_SHOWN: Final = 20


def show(report: Report) -> None:
    """The table: what differed, how often, and why ours is as it is."""
    print(f"{report.asked} questions, {report.equal} pairs of replies equal, {report.seconds:.0f} s")
    for rule in RULES:
        for server in ("unbound", "dnsmasq"):
            count = report.explained[f"{server}: {rule.name}"]
            if count:
                print(f"{count:6} {server:8} {rule.name}\n{'':16}{rule.why}")
    if report.unexplained:
        print(f"{len(report.unexplained)} differences without an explanation:")
    for difference in report.unexplained[:_SHOWN]:
        print(f"  {difference}")


def main() -> int:
    for name in missing():
        print(f"{name} is not installed and takes no part", file=sys.stderr)
    report = run(*(int(word) for word in sys.argv[1:] or (COUNT,)))
    show(report)
    return 1 if report.unexplained else 0


if __name__ == "__main__":
    sys.exit(main())

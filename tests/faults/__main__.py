"""`python -m tests.faults [seconds]`: let every fault befall a worker under load, and print what clients saw.

Sixty questions a second; of new names, of old ones (known, their TTL over) and of a blocked one. For each:
answers / other replies / nothing.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.faults.measure import SECONDS, everything


def main() -> int:
    """Measure, and print a row as soon as it is known."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    print("| fault | new names | old names | blocked | longest wait, s | recovery, s |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for row in everything(Path(folder), seconds):
            counts = " | ".join(" / ".join(map(str, kind)) for kind in (row.new, row.old, row.blocked))
            print(f"| {row.name} | {counts} | {row.longest:.2f} | {row.recovery:.2f} |", flush=True)
            for odd in row.odd:
                print(f"  {odd}", file=sys.stderr, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

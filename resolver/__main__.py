"""`python -m resolver` is `belisha`: for a checkout whose console script is not on the path."""

from __future__ import annotations

from resolver.cli import main

if __name__ == "__main__":
    main(prog_name="belisha")

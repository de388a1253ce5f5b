"""Lists beside each other: what they share, whichever came first."""

from __future__ import annotations

from resolver.cli.together import Together, compare_alone
from resolver.rules.overlap import Overlap
from resolver.rules.parse import Parsed, parse_list


def parsed(*lines: str) -> Parsed:
    return parse_list("\n".join(lines).encode(), format="adblock")


def test_each_list_is_compared_with_all_others() -> None:
    together = Together()
    together.add("a", parsed("||same.test^", "||x.wide.test^", "||only.test^"))
    together.add("b", parsed("||same.test^", "||wide.test^"))
    together.add("c", parsed("@@||only.test^"))
    found = dict(together.compare())
    assert list(found) == ["a", "b", "c"]
    assert found["a"].overlaps == [Overlap("b", same=1, covered=1), Overlap("c")]
    assert (found["a"].shadowed, found["a"].shadowed_sample) == (1, ["||only.test^"])
    assert found["b"].overlaps == [Overlap("a", same=1), Overlap("c")]
    assert found["c"].shadowed == 0


def test_one_list_alone() -> None:
    assert compare_alone(parsed("||a.test^", "@@||a.test^", "||b.test^")).shadowed_sample == ["||a.test^"]
    assert compare_alone(parsed("||a.test^", "||b.test^")).shadowed == 0

"""The table: what is written is read, under the same name."""

from __future__ import annotations

from resolver.rules.formats.table import FORMATS
from resolver.rules.model import FLAGS_MASK
from resolver.rules.writers.table import WRITERS


def test_whatever_is_written_is_read() -> None:
    assert WRITERS.keys() <= FORMATS.keys()
    assert all(name == writer.name for name, writer in WRITERS.items())


def test_every_form_is_a_line_for_some_flags() -> None:
    for writer in WRITERS.values():
        assert all(0 < flags <= FLAGS_MASK and forms for flags, forms in writer.forms.items())
        assert all(form.count("{}") == 1 for forms in writer.forms.values() for form in forms)


def test_who_lets_the_most_specific_win_has_one_rule_for_a_name() -> None:
    assert all(writer.single for writer in WRITERS.values() if writer.closest)
    assert {name for name, writer in WRITERS.items() if writer.closest} == {"dnsmasq", "unbound", "rpz"}

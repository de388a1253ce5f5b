"""Where the admin API is, and the token: in which order they are looked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from resolver.cli.access import find_token, find_url
from resolver.errors import SettingsError
from tests.unit.cli.api import Api


@pytest.mark.parametrize(
    ("listen", "url"),
    [
        ("127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("0.0.0.0:9000", "http://127.0.0.1:9000"),
        ("[::]:9000", "http://[::1]:9000"),
        ("192.0.2.1:80", "http://192.0.2.1:80"),
    ],
)
def test_the_settings_say_where_the_api_is(tmp_path: Path, listen: str, url: str) -> None:
    path = tmp_path / "belisha.toml"
    path.write_text(f'[admin]\nlisten = "{listen}"')
    assert find_url(None, path) == url
    assert find_url("http://elsewhere.example", path) == "http://elsewhere.example"


def test_the_default_place() -> None:
    assert find_url(None, None) == "http://127.0.0.1:8053"


def test_a_port_that_nobody_knows(tmp_path: Path) -> None:
    path = tmp_path / "belisha.toml"
    path.write_text('[admin]\nlisten = "127.0.0.1:0"')
    with pytest.raises(SettingsError, match=r"admin\.listen has port 0"):
        find_url(None, path)


def test_the_token_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_token(None) is None
    monkeypatch.setenv("BELISHA_TOKEN", " bel_x \n")
    assert find_token(None) == "bel_x"


def test_the_token_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BELISHA_TOKEN", "bel_other")
    path = tmp_path / "token"
    path.write_text("bel_x\n")
    assert find_token(path) == "bel_x"


@pytest.mark.parametrize(
    ("content", "message"), [(None, "cannot be read"), (b"\n", "is empty"), (b"\xff\xfe", "holds no token")]
)
def test_a_file_without_a_token(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=f"--token-file: .* {message}"):
        find_token(path)


def test_options_win_over_the_environment(api: Api, tmp_path: Path) -> None:
    api.answers["GET", "/v1/lists"] = (200, {"generation": 1, "lists": []})
    (tmp_path / "token").write_text("bel_file")
    assert api.run("lists", "--token-file", str(tmp_path / "token")).exit_code == 0
    assert api.asked[0].headers["Authorization"] == "Bearer bel_file"
    result = api.run("lists", "--url", "http://127.0.0.1:1")
    assert result.exit_code == 1
    assert "http://127.0.0.1:1 cannot be reached" in result.stderr

"""Credentials are read from a file nobody else can read, and never given away."""

import copy
import os
import pickle
import traceback
from pathlib import Path

import pytest

from lvsctl.errors import Denied, Unavailable
from lvsctl.failover.credentials import (
    CredentialsInvalid,
    Login,
    Secret,
    Token,
    located,
    read_login,
    read_token,
)

HIDDEN = "hunter2-a81f"


def written(path: Path, text: str | bytes, mode: int = 0o600) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    path.chmod(mode)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "robot.cred"


class TestTheSecret:
    def test_nothing_shows_it_but_reveal(self) -> None:
        secret = Secret(HIDDEN)
        shown = [
            repr(secret),
            str(secret),
            f"{secret}",
            f"{secret!r:>30}",
            repr(Login("u", secret)),
            repr([secret]),
        ]
        assert not [each for each in shown if HIDDEN in each]
        assert secret.reveal() == HIDDEN
        assert secret == Secret(HIDDEN) != Secret("other")

    def test_it_does_not_travel(self) -> None:
        for travel in (pickle.dumps, copy.copy, copy.deepcopy, hash):
            with pytest.raises(TypeError) as caught:
                travel(Secret(HIDDEN))
            assert HIDDEN not in str(caught.value)

    def test_a_traceback_with_variables_does_not_show_it(self) -> None:
        def fail(credentials: Token) -> None:
            raise ValueError(credentials)

        with pytest.raises(ValueError, match="Secret") as caught:
            fail(Token(Secret(HIDDEN)))
        shown = "".join(
            traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()
        )
        assert "credentials = Token" in shown
        assert HIDDEN not in shown


class TestTheFormat:
    def test_keys_values_comments_and_blanks(self, path: Path) -> None:
        written(path, f'# Robot, web service user\n\n user = #ws+abc \r\npassword={HIDDEN}=#"x \n')
        login = read_login(path)
        assert (login.user, login.password.reveal()) == ("#ws+abc", f'{HIDDEN}=#"x')

    def test_a_token(self, path: Path) -> None:
        assert read_token(written(path, f"token={HIDDEN}")).token.reveal() == HIDDEN

    def test_all_faults_at_once_with_their_lines_and_without_values(self, path: Path) -> None:
        written(
            path,
            f"user=a:b\n{HIDDEN}\npass={HIDDEN}\ntoken={HIDDEN} x\ntoken=\n".encode() + b"password=\xff\n",
        )
        with pytest.raises(CredentialsInvalid) as caught:
            read_login(path)
        assert [(each.place.line, each.path) for each in caught.value.faults] == [
            (1, "user"),
            (2, ""),
            (3, ""),
            (4, "token"),
            (5, "token"),
            (6, "password"),
        ]
        assert HIDDEN not in str(caught.value)
        assert caught.value.exit_code == 65

    def test_what_is_missing_or_given_twice(self, path: Path) -> None:
        with pytest.raises(CredentialsInvalid, match="user: is missing") as caught:
            read_login(written(path, "token=x\n"))
        assert len(caught.value.faults) == 2
        with pytest.raises(CredentialsInvalid, match="2: token: is given twice"):
            read_token(written(path, "token=x\ntoken=y\n"))

    @pytest.mark.parametrize("value", ["a\tb\x00c", "a\x7fb", "tok en", "tökén"])
    def test_a_token_is_printable_ascii(self, path: Path, value: str) -> None:
        with pytest.raises(CredentialsInvalid, match="token: contains"):
            read_token(written(path, f"token={value}\n"))


class TestTheFile:
    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o601, 0o660])
    def test_nobody_else_may_reach_it(self, path: Path, mode: int) -> None:
        with pytest.raises(Denied, match="lets others in") as caught:
            read_token(written(path, f"token={HIDDEN}", mode))
        assert "chmod" in caught.value.hint

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
    def test_it_belongs_to_root_or_the_reader(self, path: Path) -> None:
        os.chown(written(path, f"token={HIDDEN}"), 12345, 0)
        with pytest.raises(Denied, match="belongs to uid 12345"):
            read_token(path)

    def test_links_pipes_folders_and_nothing_are_no_credentials(self, path: Path, tmp_path: Path) -> None:
        written(tmp_path / "real", f"token={HIDDEN}")
        path.symlink_to("real")
        with pytest.raises(Unavailable):
            read_token(path)
        path.unlink()
        os.mkfifo(path, 0o600)
        with pytest.raises(Unavailable, match="expected a file"):
            read_token(path)
        with pytest.raises(Unavailable, match="expected a file"):
            read_token(tmp_path)
        with pytest.raises(Unavailable, match="No such file"):
            read_token(tmp_path / "missing")

    def test_it_has_a_sensible_size(self, path: Path) -> None:
        with pytest.raises(Unavailable, match="larger"):
            read_token(written(path, "#" * 70_000))


class TestSystemd:
    def test_its_copy_is_taken_where_there_is_one(
        self, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = tmp_path / "credentials"
        folder.mkdir()
        written(path, "token=from-etc")
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
        assert located(path) == path
        assert read_token(path).token.reveal() == "from-etc"
        written(folder / "robot.cred", "token=from-systemd", 0o440)
        assert read_token(path).token.reveal() == "from-systemd"
        (folder / "robot.cred").chmod(0o444)
        with pytest.raises(Denied):
            read_token(path)

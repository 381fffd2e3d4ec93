from __future__ import annotations

import asyncio
import errno
import os
import stat
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from penstock.errors import AuthError
from penstock.tokens import FileTokens, StoredToken
from penstock.values import Token
from support.keeping import LABEL, TOKEN, file_of, keep, kept, store

NEWER = replace(TOKEN, access_token="access-2", refresh_token="refresh-2")


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@contextmanager
def _umask(mask: int) -> Generator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def test_a_token_comes_back_as_it_was_kept(tmp_path: Path) -> None:
    keep(store(tmp_path / "tokens"))

    assert kept(store(tmp_path / "tokens")) == TOKEN
    assert kept(store(tmp_path / "tokens"), "another label") is None


def test_a_store_that_nobody_asks_touches_nothing(tmp_path: Path) -> None:
    tokens = store(tmp_path / "deep" / "tokens")

    assert tokens.stored() == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077, 0o377], ids=oct)
def test_files_and_folder_are_for_their_owner_alone_whatever_the_umask(tmp_path: Path, mask: int) -> None:
    folder = tmp_path / "tokens"
    with _umask(mask):
        keep(store(folder))

    assert _mode(folder) == 0o700
    assert {file.suffix: _mode(file) for file in folder.iterdir()} == {".json": 0o600, ".lock": 0o600}


def test_what_others_could_read_is_theirs_no_longer_once_it_is_used(tmp_path: Path) -> None:
    folder = tmp_path / "tokens"
    keep(store(folder))
    folder.chmod(0o755)
    for file in folder.iterdir():
        file.chmod(0o644)

    assert kept(store(folder)) == TOKEN
    assert _mode(folder) == 0o700
    assert {_mode(file) for file in folder.iterdir()} == {0o600}


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o1777], ids=oct)
def test_a_folder_that_others_may_write_to_is_refused(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "tokens"
    folder.mkdir()
    folder.chmod(mode)

    with pytest.raises(AuthError) as caught:
        keep(store(folder))
    assert str(caught.value) == (
        f"the token store {folder} may be written by others (mode {mode:04o}), so what is in it may be theirs; "
        f"look at it, then `chmod 700 {folder}`, or set tokens.path"
    )
    assert list(folder.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("what", ["folder", "token", "lock"])
def test_what_belongs_to_another_user_is_refused(tmp_path: Path, what: str) -> None:
    folder = tmp_path / "tokens"
    keep(store(folder))
    place = {"folder": folder, "token": file_of(folder), "lock": file_of(folder).with_suffix(".lock")}[what]
    os.chown(place, 12345, -1)

    with pytest.raises(AuthError, match=rf"^{place} belongs to another user \(uid 12345\); set tokens\.path"):
        kept(store(folder))


@pytest.mark.parametrize("suffix", [".json", ".lock"])
def test_a_symbolic_link_in_the_store_is_not_followed(tmp_path: Path, suffix: str) -> None:
    folder, elsewhere = tmp_path / "tokens", tmp_path / "elsewhere"
    keep(store(folder))
    place = file_of(folder).with_suffix(suffix)
    place.rename(elsewhere)
    place.symlink_to(elsewhere)

    with pytest.raises(AuthError, match=f"{place}.* symbolic links"):
        kept(store(folder))


def test_a_pipe_in_place_of_a_token_keeps_nobody_waiting(tmp_path: Path) -> None:
    folder = tmp_path / "tokens"
    keep(store(folder))
    place = file_of(folder)
    place.unlink()
    os.mkfifo(place)

    with pytest.raises(AuthError, match=f"^{place} is no file$"):
        kept(store(folder))


@pytest.mark.parametrize("what", ["a file", "a dangling link"])
def test_a_store_that_is_no_folder_is_named(tmp_path: Path, what: str) -> None:
    folder = tmp_path / "tokens"
    if what == "a file":
        folder.write_text("x")
    else:
        folder.symlink_to(tmp_path / "nowhere")

    with pytest.raises(AuthError, match=f"^the token store {folder} cannot be used: "):
        keep(store(folder))


@pytest.mark.parametrize("trick", ["half a file", "a link"])
def test_what_is_left_of_a_killed_attempt_is_harmless(tmp_path: Path, trick: str) -> None:
    folder, elsewhere = tmp_path / "tokens", tmp_path / "elsewhere"
    elsewhere.write_text("untouched")
    keep(store(folder))
    left = folder / f"{file_of(folder).name}.new"
    if trick == "a link":
        left.symlink_to(elsewhere)
    else:
        left.write_text('{"format": 1, "lab')

    assert kept(store(folder)) == TOKEN
    keep(store(folder), NEWER)

    assert kept(store(folder)) == NEWER
    assert not left.is_symlink()
    assert not left.exists()
    assert elsewhere.read_text() == "untouched"


def test_a_write_in_small_pieces_is_a_whole_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.write

    def little(file: int, data: memoryview) -> int:
        return write(file, data[:7])

    monkeypatch.setattr(os, "write", little)
    keep(store(tmp_path / "tokens"))

    assert kept(store(tmp_path / "tokens")) == TOKEN


@pytest.mark.parametrize("step", ["write", "fsync", "rename"])
def test_a_disk_that_takes_no_more_leaves_the_token_there_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    folder = tmp_path / "tokens"
    keep(store(folder))

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(os, step, full)
        with pytest.raises(AuthError) as caught:
            keep(store(folder), NEWER)

    assert str(caught.value) == f"the token cannot be stored in {file_of(folder)}: No space left on device"
    assert kept(store(folder)) == TOKEN
    assert sorted(file.suffix for file in folder.iterdir()) == [".json", ".lock"]


def test_a_newer_format_is_refused_and_never_reset(tmp_path: Path) -> None:
    folder = tmp_path / "tokens"
    keep(store(folder))
    file = file_of(folder)
    newer = orjson.dumps(orjson.loads(file.read_bytes()) | {"format": 2})
    file.write_bytes(newer)
    why = "it is of format 2, written by a newer penstock; this one reads up to format 1"

    with pytest.raises(AuthError) as caught:
        kept(store(folder))
    assert str(caught.value) == f"the stored token {file} cannot be used: {why}"
    with pytest.raises(AuthError) as caught:
        keep(store(folder), NEWER)
    assert str(caught.value) == f"{file} is not written over: {why}"
    assert file.read_bytes() == newer


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[]",
        b'{"format": 1}',
        b'{"format": 1, "label": "x", "token": {"access": 1}}',
        b'{"format": 1, "label": "x", "sealed": 5}',
        b'{"label": "x", "token": {"access_token": "a"}}',
    ],
)
def test_a_damaged_file_is_named_and_a_new_login_mends_it(tmp_path: Path, content: bytes) -> None:
    folder = tmp_path / "tokens"
    keep(store(folder))
    file = file_of(folder)
    file.write_bytes(content)

    with pytest.raises(AuthError) as caught:
        kept(store(folder))
    assert str(caught.value) == (
        f"the stored token {file} cannot be used: it holds no token; log in again, or remove the file"
    )
    keep(store(folder), NEWER)
    assert kept(store(folder)) == NEWER


def test_one_task_at_a_time_has_a_token(tmp_path: Path) -> None:
    tokens, inside, most = store(tmp_path / "tokens"), 0, 0

    async def count() -> None:
        nonlocal inside, most
        async with tokens.locked(LABEL) as slot:
            inside += 1
            most = max(most, inside)
            before = slot.read() or Token("0")
            await asyncio.sleep(0)
            slot.write(Token(str(int(before.access_token) + 1)))
            inside -= 1

    async def run() -> None:
        await asyncio.gather(*(count() for _ in range(8)))

    asyncio.run(run())
    assert most == 1
    assert kept(tokens) == Token("8")


def test_other_labels_do_not_wait(tmp_path: Path) -> None:
    tokens = store(tmp_path / "tokens")

    async def run() -> None:
        async with tokens.locked("one"), tokens.locked("other") as slot:
            slot.write(TOKEN)

    asyncio.run(run())
    assert kept(tokens, "other") == TOKEN


def test_who_waits_too_long_is_told_which_lock_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "tokens"
    keep(store(folder))

    async def run() -> None:
        async with store(folder).locked(LABEL), FileTokens(folder, patience=0.05).locked(LABEL):
            pass

    with pytest.raises(AuthError) as caught:
        asyncio.run(run())
    assert str(caught.value) == (
        f"the lock {file_of(folder).with_suffix('.lock')} was not free within 0.05 s; "
        "the system frees it when the process that holds it ends"
    )


def test_a_cancelled_wait_and_a_cancelled_holder_leave_the_lock_free(tmp_path: Path) -> None:
    tokens = store(tmp_path / "tokens")

    async def hold(entered: asyncio.Event) -> None:
        async with tokens.locked(LABEL):
            entered.set()
            await asyncio.sleep(3600)

    async def run() -> Token | None:
        entered = asyncio.Event()
        holder = asyncio.create_task(hold(entered))
        await entered.wait()
        waiter = asyncio.create_task(hold(asyncio.Event()))
        await asyncio.sleep(0)
        for task in (waiter, holder):
            task.cancel()
        await asyncio.gather(waiter, holder, return_exceptions=True)
        async with tokens.locked(LABEL) as slot:
            return slot.read()

    before = len(list(Path("/dev/fd").iterdir()))
    assert asyncio.run(run()) is None
    assert len(list(Path("/dev/fd").iterdir())) == before


def test_what_is_kept_can_be_listed_and_forgotten(tmp_path: Path) -> None:
    folder = tmp_path / "tokens"
    tokens = store(folder)
    keep(tokens, label="b")
    keep(tokens, NEWER, label="a")
    damaged = folder / "damaged.json"
    damaged.write_text("x")

    a, b = (sorted(tokens.stored(), key=lambda one: one.label)[index] for index in (1, 2))
    assert tokens.stored() == [
        StoredToken("damaged", "", None, "it holds no token"),
        StoredToken(a.name, "a", NEWER),
        StoredToken(b.name, "b", TOKEN),
    ]
    asyncio.run(tokens.forget("damaged"))
    asyncio.run(tokens.forget(a.name))
    asyncio.run(tokens.forget("never"))
    assert tokens.stored() == [b]
    assert kept(tokens, "a") is None


def test_a_token_shows_itself_in_no_listing(tmp_path: Path) -> None:
    keep(store(tmp_path / "tokens"))

    assert "access-1" not in repr(store(tmp_path / "tokens").stored())
    assert "refresh-1" not in repr(store(tmp_path / "tokens").stored())

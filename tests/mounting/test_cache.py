from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from penstock.mounting.cache import Cache
from penstock.mounting.found import Found
from penstock.mounting.scan import scan
from support.packages import Package

LONG_AGO = time.time() - 31 * 24 * 3600


def _found(folder: Path, name: str) -> Found:
    Package(name).tree(folder / name)
    [found] = scan(folder / name)
    assert isinstance(found, Found)
    return found


def _used_long_ago(*paths: Path) -> None:
    for path in paths:
        os.utime(path, (LONG_AGO, LONG_AGO))


def test_what_nobody_used_for_a_month_goes_when_something_is_added(tmp_path: Path) -> None:
    old, new = _found(tmp_path, "old"), _found(tmp_path, "new")
    former = Cache(tmp_path / "cache")
    place = former.staged(old)
    former.remember("key")
    former.release()
    broken_off = place.parent / "tmp-of-a-killed-process"
    broken_off.mkdir()
    _used_long_ago(place, broken_off, tmp_path / "cache/probes/key")

    cache = Cache(tmp_path / "cache")
    added = cache.staged(new)

    assert list(place.parent.iterdir()) == [added]
    assert not cache.passed("key")
    assert (cache.staged(old) / "old.py").exists()
    cache.release()


@pytest.mark.parametrize("held", [True, False])
def test_what_a_live_run_imports_from_stays_however_old_it_is(*, held: bool, tmp_path: Path) -> None:
    live = Cache(tmp_path / "cache")
    place = live.staged(_found(tmp_path, "old"))
    _used_long_ago(place)
    if not held:
        live.release()

    other = Cache(tmp_path / "cache")
    other.staged(_found(tmp_path, "new"))

    assert place.exists() is held
    other.release()
    live.release()


def test_what_is_used_again_counts_as_new(tmp_path: Path) -> None:
    old = _found(tmp_path, "old")
    cache = Cache(tmp_path / "cache")
    place = cache.staged(old)
    cache.remember("key")
    _used_long_ago(place, tmp_path / "cache/probes/key")

    assert cache.passed("key")
    assert cache.staged(old) == place
    cache.release()
    cache.staged(_found(tmp_path, "new"))

    assert place.exists()
    assert cache.passed("key")
    cache.release()

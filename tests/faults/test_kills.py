"""A run that is killed before anything that it does to a file, or at any moment: the next one goes on, and all is well.

Each test takes a few of these places; ``PENSTOCK_SOAK=1`` takes all of them, and 1,000 moments (``PENSTOCK_SEEDS``).
"""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from penstock.errors import PenstockError
from support.clock import FakeClock
from support.hostile_api import PAGINATIONS, Company, HostileApi, hostile
from support.hostile_project import HostileProject
from support.mortal import Ended, Parent, parent
from support.soak import SEED, SEEDS, SOAK

MOMENTS = SEEDS if SOAK else 6
STRIDE = 1 if SOAK else 31


@pytest.fixture(scope="module")
def api() -> Iterator[HostileApi]:
    with hostile(FakeClock()) as running:
        yield running


@pytest.fixture(scope="module")
def mortal() -> Iterator[Parent]:
    with parent() as running:
        yield running


pytestmark = pytest.mark.usefixtures("no_waiting")


def nothing(company: Company, project: HostileProject) -> None:
    """Begin with neither catalog nor journal."""
    del company, project


def changes(company: Company, project: HostileProject) -> None:
    """Rows come, go, change and move; what goes is to be deleted by this run."""
    project.sync()
    project.config["deleteAfterAbsentRuns"] = 1
    del company.users["u01"], company.users["u06"], company.teams["t3"]["m3a"]
    company.users |= {"u02": "Another", "u70": "New", "u71": "New"}
    company.teams["t1"]["m0a"] = company.teams["t0"].pop("m0a")
    company.teams["t7"] = {"m7": "New"}


def approvals(company: Company, project: HostileProject) -> None:
    """All users have gone, and a person has approved that."""
    project.sync()
    company.users.clear()
    project.sync()
    assert project.decide_all("approved")


def a_broken_run(company: Company, project: HostileProject) -> None:
    """A run goes on that was broken off in the middle."""
    changes(company, project)
    project.config["connection"]["maxPages"] = 12
    project.settings()
    with closing(sqlite3.connect(project.catalog, isolation_level=None)) as db:
        db.execute(
            "CREATE TRIGGER no BEFORE INSERT ON entities WHEN NEW.blueprint = 'member' "
            "BEGIN SELECT raise(ABORT, 'no'); END"
        )
    with pytest.raises(PenstockError):
        project.sync()
    with closing(sqlite3.connect(project.catalog, isolation_level=None)) as db:
        db.execute("DROP TRIGGER no")


SCENES: list[Callable[[Company, HostileProject], None]] = [nothing, changes, approvals, a_broken_run]


class Scene:
    """A project that is put back to how it was before each run."""

    def __init__(
        self, folder: Path, api: HostileApi, pagination: str, scene: Callable[[Company, HostileProject], None]
    ) -> None:
        api.heal()
        api.company = Company()
        self.api = api
        self.project = HostileProject(folder / "project", api, pagination, prefetchPages=1)
        self._origin = folder / "origin"
        self.project.folder.mkdir()
        scene(api.company, self.project)
        self.project.settings()
        shutil.copytree(self.project.folder, self._origin)
        self._asked = list(api.asked)

    def run(self, sync: Callable[[Path], Ended]) -> Ended:
        """Put everything back, and run."""
        shutil.rmtree(self.project.folder)
        shutil.copytree(self._origin, self.project.folder)
        self.api.begin()
        self.before = self.project.titles()
        return sync(self.project.folder)

    def check_what_is_left(self) -> None:
        """Nothing that exists is gone, and the journal claims no more than the catalog has."""
        existing = self.api.company.entities()
        left = self.project.titles()
        assert self.before.keys() & existing.keys() <= left.keys()
        assert self.project.seen() <= left.keys()
        for path in self.project.finished() if self.project.last_status() is None else ():
            blueprint = {"/users": "user", "/teams": "team"}.get(path, "member")
            rows = {(blueprint, row["id"]): row["name"] for row in self.api.company.rows(path) or []}
            assert rows.items() <= left.items(), f"{path} is said to be in the catalog"

    def check_what_follows(self) -> None:
        """The next run goes on where that one was, and makes the catalog equal the source, or the one after it does."""
        ended = self.project.last_status()
        report = self.project.sync()
        assert report.exit_code == 0, [kind.errors for kind in report.kinds]
        if ended is None:
            assert report.resumed
            self.check_what_was_asked_again()
        self.project.sync()
        assert self.project.titles() == self.api.company.entities()
        assert not list(self.project.journal.parent.glob("*.answers"))
        assert len(list(self.project.journal.parent.glob("*.lock"))) == 0

    def check_what_was_asked_again(self) -> None:
        """At most one page of each list was read again."""
        counts = Counter(self.api.asked)
        again = Counter(target.partition("?")[0] for target, count in counts.items() for _ in range(count - 1))
        assert max(again.values(), default=0) <= 1, self.api.asked


CASES = [(pagination, scene) for pagination in (PAGINATIONS if SOAK else ["page"]) for scene in SCENES]


@pytest.mark.parametrize(("pagination", "scene"), CASES)
def test_killed_before_any_step_a_run_loses_nothing_and_the_next_one_goes_on(
    tmp_path: Path,
    api: HostileApi,
    mortal: Parent,
    pagination: str,
    scene: Callable[[Company, HostileProject], None],
) -> None:
    staged = Scene(tmp_path, api, pagination, scene)
    whole = staged.run(mortal.sync)
    assert (whole.status, whole.error) == ("complete", "")
    for step in range(SEED % STRIDE, len(whole.steps), STRIDE):
        ended = staged.run(partial(mortal.sync, step=step))
        assert ended.killed
        staged.check_what_is_left()
        staged.check_what_follows()


def test_killed_at_any_moment_a_run_loses_nothing_and_the_next_one_goes_on(
    tmp_path: Path, api: HostileApi, mortal: Parent
) -> None:
    chance = random.Random(SEED)
    staged = Scene(tmp_path, api, "page", changes)
    seconds = staged.run(mortal.sync).seconds
    killed = 0
    for _ in range(MOMENTS):
        ended = staged.run(partial(mortal.sync, seconds=chance.uniform(0, 1.5 * seconds)))
        killed += ended.killed
        staged.check_what_is_left()
        staged.check_what_follows()
    assert killed > MOMENTS // 4

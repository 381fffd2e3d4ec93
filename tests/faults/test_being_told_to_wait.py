"""Rate limits in every dialect, through a whole sync: nothing is asked inside a forbidden window, nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import penstock.http.wire
from support.clock import FakeClock
from support.hostile_api import REFUSALS, Company, HostileApi, hostile
from support.hostile_project import HostileProject


class Settable(FakeClock):
    """Its time of day may be set, as that of any machine, while somebody waits; the server has the same one."""

    ahead = jump = 0.0

    def time(self) -> float:
        return self.now + self.ahead

    async def sleep(self, seconds: float) -> None:
        self.ahead += self.jump
        self.jump = 0.0
        await super().sleep(seconds)


CLOCK = Settable()


@pytest.fixture(scope="module")
def api() -> Iterator[HostileApi]:
    with hostile(CLOCK) as running:
        yield running


@pytest.fixture
def project(tmp_path: Path, api: HostileApi, monkeypatch: pytest.MonkeyPatch) -> HostileProject:
    monkeypatch.setattr(penstock.http.wire, "SystemClock", lambda: CLOCK)
    api.heal()
    api.company, api.inside, api.forbidden_until, CLOCK.ahead = Company(), [], 0.0, 0.0
    # one request at a time: whoever asks while another is refused cannot know
    return HostileProject(tmp_path, api, "page", maxRetries=3, maxConcurrentRequests=1)


WAITED_FOR = sorted(REFUSALS.keys() - {"429 for a day"})


@pytest.mark.parametrize("refusal", WAITED_FOR)
@pytest.mark.parametrize("jump", [0.0, -3600.0, 3600.0], ids=["", "the clock is set back", "the clock is set forward"])
def test_no_request_of_a_sync_is_inside_a_forbidden_window(
    project: HostileProject, api: HostileApi, refusal: str, jump: float
) -> None:
    assert project.sync().exit_code == 0
    del api.company.users["u03"]

    def refuse() -> None:
        api.refusal, api.refused = refusal, 2

    api.begin()
    api.events |= {2: refuse, 7: refuse}
    CLOCK.jump = jump
    report = project.sync()
    assert report.exit_code == 0, [kind.errors for kind in report.kinds]
    assert api.inside == []
    project.sync()
    assert project.titles() == api.company.entities()


def test_a_storm_of_refusals_that_never_ends_deletes_nothing(project: HostileProject, api: HostileApi) -> None:
    project.sync()
    before = project.titles()
    del api.company.users["u03"]
    api.begin()
    for refusal in WAITED_FOR:
        api.refusal, api.refused, api.forbidden_until = refusal, 1_000_000, 0.0
        report = project.sync()
        assert (report.status, sum(kind.deleted for kind in report.kinds)) == ("incomplete", 0)
    assert api.inside == []
    assert project.titles() == before


def test_a_quota_of_a_day_ends_the_run_and_the_next_one_goes_on(project: HostileProject, api: HostileApi) -> None:
    project.sync()
    before = project.titles()
    del api.company.users["u03"]
    api.begin()
    api.refusal, api.refused = "429 for a day", 1
    report = project.sync()
    assert report.resume_at is not None
    assert api.inside == []
    assert project.titles() == before
    CLOCK.now += 86_400
    assert project.sync().resumed
    project.sync()
    assert project.titles() == api.company.entities()

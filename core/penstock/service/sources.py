"""The sources of a service, as the files on disk describe them: new ones begin, those that are gone end."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from penstock.cli.plugged import listed_plugins
from penstock.config.load import load_calendar
from penstock.config.service import AT_START, Calendar
from penstock.errors import ConfigurationError
from penstock.service.agenda import Cause
from penstock.service.configuration import Files, Snapshot
from penstock.service.logs import Log
from penstock.service.runner import Checked
from penstock.service.source import Shared, Source
from penstock.values import Ownership

_SUFFIXES: Final = frozenset({".yml", ".yaml"})


class Place(Protocol):
    """Where the sources of a service are described."""

    def files(self) -> Sequence[Files]:
        """Return the files of each source there is now; raises OSError if it cannot be told."""
        ...


class OneSource:
    """What a command line names, or what the environment says alone."""

    def __init__(self, files: Files) -> None:
        self._files = files

    def files(self) -> Sequence[Files]:
        """Return the one."""
        return [self._files]


class Folder:
    """A folder in which every ``*.yml`` is a source; hidden files are none."""

    def __init__(self, folder: Path, dotenv: Path | None) -> None:
        self._folder = folder
        self._dotenv = dotenv

    def files(self) -> Sequence[Files]:
        """Return the sources, by the names of their files."""
        found = (file for file in self._folder.iterdir() if file.suffix in _SUFFIXES and not file.name.startswith("."))
        return [Files(file, None, self._dotenv) for file in sorted(found) if file.is_file()]


class Sources:
    """The sources of a service, brought up to date by ``refresh``."""

    def __init__(self, place: Place, shared: Shared, log: Log) -> None:
        self._place = place
        self._shared = shared
        self._log = log
        self._known: dict[Files, _Known] = {}
        self._lives: dict[Files, asyncio.Task[None]] = {}
        self.unreadable: str | None = "the configuration has not been read yet"
        """Why it cannot be told which sources there are."""

    @property
    def by_name(self) -> Mapping[str, Source]:
        """The sources that are kept in step, by name."""
        return {one.source.calendar.source: one.source for one in self._known.values() if one.source is not None}

    def unsound(self) -> Iterator[str]:
        """Give what keeps a source from being synced at all: a configuration that never was sound."""
        if self.unreadable is not None:
            yield self.unreadable
        for files, one in self._known.items():
            if one.source is None:
                yield f"{files.config or 'the environment'}: the configuration is not sound; the log says why"

    def unheard(self) -> Iterator[str]:
        """Give the sources at whose catalog nobody is heard who asks for a sync, and why."""
        for name, source in self.by_name.items():
            if source.hearing is not None and source.hearing.missing:
                yield f"{name}: {source.hearing.missing}"

    def dead(self) -> Iterator[str]:
        """Give the sources that nobody keeps in step any more, by a defect of ours."""
        for files, life in self._lives.items():
            if life.done():
                yield f"{files.config or 'the environment'}: the source is no longer kept in step"

    async def refresh(self) -> None:
        """Look at the files: what changed and is sound takes effect, with the next sync of its source."""
        try:
            files = await asyncio.to_thread(self._place.files)
        except OSError as error:
            self._unreadable(f"{error.filename}: cannot be read: {error.strerror}")
            return
        self.unreadable = None if files else "there is no source: no *.yml in the folder"
        for gone in [one for one in self._known if one not in files]:
            await self._end(gone)
        for one in files:
            await self._look_at(one)

    async def end(self) -> None:
        """End all; syncs that are under way are told to stop, all at once, and waited for."""
        lives = list(self._lives.values())
        for life in lives:
            life.cancel()
        await asyncio.gather(*lives, return_exceptions=True)

    def _unreadable(self, why: str) -> None:
        if self.unreadable != why:
            self._log.alarm(why)
        self.unreadable = why

    async def _look_at(self, files: Files) -> None:
        known = self._known.setdefault(files, _Known())
        log = self._log if files.config is None else self._log.bound(file=str(files.config))
        try:
            snapshot = await asyncio.to_thread(files.read)
        except (OSError, UnicodeDecodeError) as error:
            known.refuse(f"cannot be read: {_reason(error)}", log)
            self._note(known, sound=False)
            return
        if snapshot != known.seen:
            known.seen, known.rival = snapshot, None
            checked = await self._shared.runner.check(snapshot, log.alarm)
            calendar = await self._calendar(snapshot, log) if checked.sound else None
            known.sound = None if calendar is None else _Sound(calendar, checked)
            if known.sound is None:
                self._leave_aside(known, log)
        elif known.rival is None:
            return
        if known.sound is not None:
            self._adopt_alone(files, known, known.sound, snapshot, log)

    def _adopt_alone(self, files: Files, known: _Known, sound: _Sound, snapshot: Snapshot, log: Log) -> None:
        """Let a sound configuration take effect, unless another file has what it describes: then with a later look."""
        rival = self._rival(files, sound)
        if rival is None:
            known.rival = None
            self._adopt(files, known, sound, snapshot)
            self._note(known, sound=True)
        elif rival != known.rival:
            known.rival = rival
            log.alarm(f"{rival}; this one is left aside")
            self._leave_aside(known, log)

    def _leave_aside(self, known: _Known, log: Log) -> None:
        if known.source is not None:
            log.caution("the configuration on disk is not used; the source goes on with the one before")
        self._note(known, sound=False)

    async def _calendar(self, snapshot: Snapshot, log: Log) -> Calendar | None:
        """Return when to sync; what is wrong with it is logged."""
        try:
            return await asyncio.to_thread(load_calendar, snapshot.inputs(os.environ), listed_plugins())
        except ConfigurationError as error:
            for problem in error.problems:
                log.alarm(str(problem))
            return None

    def _rival(self, files: Files, sound: _Sound) -> str | None:
        """Return which other file is kept in step already under a name that this one has; None where none is."""
        for other, one in self._known.items():
            if one.source is None or other == files:
                continue
            source, ownership = sound.calendar.source, sound.checked.ownership
            if one.source.calendar.source == source:
                return f'another file, {other.config}, describes the source "{source}", too'
            if ownership is not None and ownership == one.ownership:
                return (
                    f'another file, {other.config}, writes entities that the catalog knows as those of "'
                    f'{ownership.name}", too, and each of the two would delete what the other has written: set another '
                    f"{ownership.setting} in each file, and none in the environment"
                )
        return None

    def _adopt(self, files: Files, known: _Known, sound: _Sound, snapshot: Snapshot) -> None:
        calendar, listens = sound.calendar, sound.checked.listens
        known.ownership = sound.checked.ownership
        begins = known.source is None or known.source.calendar.source != calendar.source
        if begins:
            if files in self._lives:
                self._lives.pop(files).cancel()
            known.source = Source(calendar, snapshot, self._shared, self._log.bound(source=calendar.source))
            self._lives[files] = asyncio.create_task(known.source.live())
        assert known.source is not None  # noqa: S101 - it was made above
        if not begins:
            self._log.bound(source=calendar.source).tell("the configuration has changed; the next sync uses it")
            known.source.rescheduled(calendar, snapshot)
        known.source.listens(at_all=listens)
        if begins and calendar.begins_with_sync and not listens:  # else when the catalog is reached
            known.source.ask(Cause.START)
        elif not begins and calendar.listener.type in AT_START:
            known.source.ask(Cause.CHANGE)

    def _note(self, known: _Known, *, sound: bool) -> None:
        if known.source is not None:
            self._shared.metrics.configured(known.source.calendar.source, sound=sound)

    async def _end(self, files: Files) -> None:
        known = self._known.pop(files)
        life = self._lives.pop(files, None)
        if life is not None and known.source is not None:
            self._log.bound(source=known.source.calendar.source).tell("its file is gone: it is not synced any more")
            life.cancel()
            await asyncio.gather(life, return_exceptions=True)


class _Sound(NamedTuple):
    """A configuration that can be used."""

    calendar: Calendar
    checked: Checked


class _Known:
    """What is known of one source's files."""

    def __init__(self) -> None:
        self.seen: Snapshot | None = None
        """The last that was looked at, sound or not."""
        self.sound: _Sound | None = None
        """What that comes to."""
        self.rival: str | None = None
        """Why that is left aside although it is sound: until another file is gone, or changes."""
        self.source: Source | None = None
        """None until a configuration was sound."""
        self.ownership: Ownership | None = None
        """Of what the source writes."""
        self._refused: str | None = None

    def refuse(self, why: str, log: Log) -> None:
        """Say why the files cannot be used, once."""
        if self._refused != why:
            log.alarm(why)
        self._refused = why
        self.seen = None
        self.rival = None


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else "the file is not UTF-8 text"

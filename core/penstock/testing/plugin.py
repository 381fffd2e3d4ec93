"""The pytest plugin: fixtures for those who test a plugin. Every pytest run of an environment with penstock imports it.

So it imports nothing but pytest, which is there already: what a fixture needs comes with the fixture.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from penstock.testing.recorder import Recording
    from penstock.testing.server import ApiServer, Handler


@pytest.fixture
def penstock_api() -> Iterator[Callable[[Handler], ApiServer]]:
    """A function that runs a scripted API until the test has ended: ``penstock_api(handler)``."""
    from penstock.testing.server import serve  # noqa: PLC0415 - see above

    with ExitStack() as stack:
        yield lambda handler: stack.enter_context(serve(handler))


@pytest.fixture
def penstock_recording(request: pytest.FixtureRequest) -> Callable[[str], Recording]:
    """A function that opens a recording beside the test's file: ``penstock_recording("users.json")``."""
    from penstock.testing.recorder import Recording  # noqa: PLC0415 - see above

    return lambda name: Recording.read(Path(request.path).parent / name)

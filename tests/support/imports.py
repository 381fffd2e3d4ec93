"""What a script imports."""

from __future__ import annotations

import json
import os
import subprocess
import sys

_ENDING = "import json, sys; print('\\n' + json.dumps([name for name, module in sys.modules.items() if module]))"


def modules_of(script: str) -> set[str]:
    """Return the modules that are imported when a script has run in a process of its own.

    The process is not measured by coverage, which imports a good deal itself.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    command = [sys.executable, "-c", f"{script}\n{_ENDING}"]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return set(json.loads(ran.stdout.splitlines()[-1]))

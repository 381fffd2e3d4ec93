"""What holds for all tests."""

from __future__ import annotations

import os

from hypothesis import settings

# how long an example takes depends on the machine and on coverage, and is no property of the code
settings.register_profile("penstock", deadline=None)
settings.register_profile("short", deadline=None, max_examples=25)

collect_ignore: list[str] = []
chosen = os.environ.get("PENSTOCK_TESTS")
if chosen in {"short", "brief"}:
    # sweeps over faults, processes, packages and documents: one interpreter runs them for all
    settings.load_profile("short")
    collect_ignore += [
        "cli/test_auth_command.py", "cli/test_looking_commands.py", "demo", "deploy", "docs",
        "expressions/subset/test_subset_against_libjq.py", "faults", "mounting", "packaging", "plan",
        "plugins/auth/test_auth_conformance.py", "plugins/auth/test_grants_survive.py",
        "plugins/auth/test_origin_binding.py", "plugins/auth/test_token_sharing.py", "scaffold", "secrets", "service",
        "sync/test_incremental.py", "sync/test_incremental_model.py", "sync/test_incremental_runs.py",
        "sync/test_reconcile_model.py", "sync/test_refute_answers.py", "sync/test_refute_processes.py",
        "sync/test_resume.py", "sync/test_unchanged_pages.py", "test_failing_plugins.py", "test_lease.py", "testing",
        "tracing/test_without_traces.py",
    ]  # fmt: skip
    if chosen == "brief":
        # of an interpreter between two others: whole runs, commands, and the sinks
        collect_ignore += [
            "config", "explain", "expressions/libjq", "http", "migration", "ocean", "plugins/auth",
            "test_hanging_plugins.py",
        ]  # fmt: skip
else:
    settings.load_profile("penstock")

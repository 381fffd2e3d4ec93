"""The gates: each has a code that never changes, and says what mends it."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Code(StrEnum):
    """Why a mounted plugin is not used."""

    UNREADABLE = "unreadable"
    UNSAFE_PATH = "unsafe_path"
    UNSAFE_LINK = "unsafe_link"
    WRITABLE = "writable"
    NO_METADATA = "no_metadata"
    BAD_METADATA = "bad_metadata"
    NOT_ALLOWED = "not_allowed"
    NOT_LOCKED = "not_locked"
    CHANGED = "changed"
    HALF_INSTALLED = "half_installed"
    DUPLICATE = "duplicate"
    PATH_FILE = "path_file"
    API_LEVEL = "api_level"
    PYTHON_VERSION = "python_version"
    PLATFORM = "platform"
    MISSING_DEPENDENCY = "missing_dependency"
    INCOMPATIBLE_DEPENDENCY = "incompatible_dependency"
    NO_ENTRY_POINT = "no_entry_point"
    DEAD_ENTRY_POINT = "dead_entry_point"
    NAME_CLASH = "name_clash"
    SHADOWING = "shadowing"
    IMPORT_FAILED = "import_failed"
    IMPORT_EXITED = "import_exited"
    IMPORT_CRASHED = "import_crashed"
    IMPORT_HUNG = "import_hung"
    IMPORT_MEMORY = "import_memory"
    IMPORT_OUTPUT = "import_output"
    CHANGES_HOST = "changes_host"
    UNFIT = "unfit"

    @property
    def about(self) -> About:
        """What the gate looks at, and what mends it."""
        return _ABOUT[self]


class About(NamedTuple):
    """A gate, for a person."""

    meaning: str
    mend: str


_ABOUT: dict[Code, About] = {
    Code.UNREADABLE: About(
        "it cannot be read, or is no wheel", "copy it again, readable for the user that penstock runs as"
    ),
    Code.UNSAFE_PATH: About("it holds or lists a file outside its own folder", "do not use it; ask its author why"),
    Code.UNSAFE_LINK: About("a link in it leads out of the plugins folder", "mount what the link leads to"),
    Code.WRITABLE: About(
        "anybody on the machine may change it, and no lock holds what it should be",
        "`chmod o-w` it, or lock it: `penstock plugins lock`",
    ),
    Code.NO_METADATA: About(
        "a package without a `.dist-info`", "mount a wheel, or install with `pip install --no-deps --target`"
    ),
    Code.BAD_METADATA: About("its metadata cannot be understood", "build it again, with a current build backend"),
    Code.NOT_ALLOWED: About(
        "`PENSTOCK_PLUGINS_ALLOW` is set and does not name it", "add its name to `PENSTOCK_PLUGINS_ALLOW`"
    ),
    Code.NOT_LOCKED: About(
        "there is a `plugins.lock`, and it is not in it", "if you trust it, run `penstock plugins lock`"
    ),
    Code.CHANGED: About(
        "it is not what `plugins.lock` says, byte for byte",
        "put the locked one back; if you trust this one, run `penstock plugins lock`",
    ),
    Code.HALF_INSTALLED: About(
        "its files are not those of its `RECORD`: changed, missing, or half of another version",
        "remove it and install it again, into an empty folder",
    ),
    Code.DUPLICATE: About("it is mounted twice, or both mounted and installed", "remove all but one"),
    Code.PATH_FILE: About(
        "it brings a `.pth` file, which would run code at every start", "build a wheel of it; no editable install"
    ),
    Code.API_LEVEL: About(
        "it was written for another penstock: API level, or its requirement of penstock",
        "upgrade what the message names",
    ),
    Code.PYTHON_VERSION: About("it needs another Python", "take a release of it for this Python"),
    Code.PLATFORM: About("it was built for another platform or interpreter", "take the wheel for this platform"),
    Code.MISSING_DEPENDENCY: About(
        "what it needs is neither in the host nor mounted", "mount the dependency's wheel beside it"
    ),
    Code.INCOMPATIBLE_DEPENDENCY: About(
        "the host has another version of what it needs", "take a release of it that works with the host's version"
    ),
    Code.NO_ENTRY_POINT: About(
        "it offers no plugin, and no plugin needs it",
        "declare an entry point in `penstock.auth`, `penstock.pagination` or `penstock.sink`",
    ),
    Code.DEAD_ENTRY_POINT: About("its entry point names a module that it does not have", "correct its entry point"),
    Code.NAME_CLASH: About(
        "its plugin's name is taken by a built-in, an installed or another mounted plugin", "rename one, or remove one"
    ),
    Code.SHADOWING: About(
        "it has a module of a name that the host, Python or another mounted plugin has",
        "rename the module; leave out dependencies with `pip install --no-deps`",
    ),
    Code.IMPORT_FAILED: About("importing it raises an error", "mend the error; the message names it"),
    Code.IMPORT_EXITED: About("importing it ends the process", "remove `sys.exit` or `os._exit` from its modules"),
    Code.IMPORT_CRASHED: About("importing it kills the process", "take a build of it for this platform"),
    Code.IMPORT_HUNG: About(
        "importing it takes longer than `PENSTOCK_PLUGINS_PROBE_SECONDS`",
        "let it do at import nothing that waits, or raise the limit",
    ),
    Code.IMPORT_MEMORY: About(
        "importing it takes more memory than `PENSTOCK_PLUGINS_PROBE_MIB`",
        "let it load data when that is needed, or raise the limit",
    ),
    Code.IMPORT_OUTPUT: About(
        "it writes to standard output or error when it is imported", "let it log, or say nothing"
    ),
    Code.CHANGES_HOST: About(
        "importing it changes penstock, a library or Python itself", "remove the monkey patch; ask us for a hook"
    ),
    Code.UNFIT: About(
        "its hook gives no strategy of that name with the right methods", "compare it with the page on writing a plugin"
    ),
}


class Refusal(NamedTuple):
    """What a gate found."""

    code: Code
    detail: str
    """What and where, as a clause: no full stop."""

    def __str__(self) -> str:
        """Return one line: what is wrong, and what mends it."""
        return f"{self.detail}; {self.code.about.mend}"

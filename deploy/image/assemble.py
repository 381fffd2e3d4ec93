"""Gather what the image holds: ``assemble.py --packages P --target T --epoch E``, in the build stage of the Dockerfile.

The interpreter without what only developers use; the packages; the libraries that both are linked with; certificates
and time zones. Every file gets one date, and the cache of a module is made here and checked against nothing, so that
nothing differs when the same sources are built again.
"""

from __future__ import annotations

import argparse
import compileall
import os
import py_compile
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from bill import bill_of_materials
from debian import Package, packages_of

VERSION: Final = f"python{sys.version_info.major}.{sys.version_info.minor}"
LIBRARY: Final = Path(sysconfig.get_path("stdlib"))
DEVELOPERS: Final = frozenset(
    ("config-*", "ensurepip", "idlelib", "pydoc_data", "site-packages", "test", "tkinter", "turtledemo", "venv")
)
"""Folders of the standard library that stay behind: tools, tests and windows."""
TERMINALS: Final = re.compile(r"(_curses|_curses_panel|_dbm|_gdbm|_tkinter|_test\w*|_xx\w*|xx\w*|readline)\.")
"""Extension modules that stay behind with the libraries they are linked with."""
DATA: Final = (
    "etc/ld.so.conf",
    "etc/ld.so.conf.d",
    "etc/mime.types",
    "etc/nsswitch.conf",
    "etc/protocols",
    "etc/services",
    "etc/ssl/certs/ca-certificates.crt",
    "usr/share/zoneinfo",
)
OTHER_CLOCKS: Final = frozenset(("posix", "right"))
"""Folders of time zones: the same once more, and with leap seconds."""
LINKS: Final = {"lib": "usr/lib", "lib64": "usr/lib64"}
"""Debian's merged folders."""
USER: Final = 10001


def assemble(packages: Path, target: Path, epoch: int) -> None:
    """Make the image's file system.

    Args:
        packages: Where pip installed, as its ``--prefix``.
        target: The folder to make.
        epoch: Seconds since 1970 that every file is dated with.
    """
    for link, name in LINKS.items():
        (target / name).mkdir(parents=True, exist_ok=True)
        (target / link).symlink_to(name)
    _interpreter(target)
    # a cache that an installer left would be kept, with the moment it was made, and be out of date for the date we give
    no_caches = shutil.ignore_patterns("*.pyc")
    shutil.copytree(packages / "lib", target / "usr/local/lib", dirs_exist_ok=True, symlinks=True, ignore=no_caches)
    shutil.copy2(
        packages / "bin/penstock", target / "usr/local/bin"
    )  # alone: the commands of its libraries stay behind
    libraries = _libraries(target)
    for file in [*libraries, *_data()]:
        _copy(file, target)
    for library in (target / "usr/local/lib").glob("libpython*.so.*"):
        _strip(library)
    debian = packages_of([*libraries, *(Path("/") / name for name in DATA)])
    _keep_record_of(debian, target)
    _users_and_folders(target)
    subprocess.run(["ldconfig", "-r", str(target)], check=True)
    (target / "var/cache/ldconfig/aux-cache").unlink(missing_ok=True)
    _compile(target)
    sbom = target / "usr/share/sbom/penstock.cdx.json"
    sbom.parent.mkdir(parents=True)
    sbom.write_text(bill_of_materials(target / f"usr/local/lib/{VERSION}/site-packages", debian, epoch))
    for path in [target, *target.rglob("*")]:
        if path.is_file() and not path.is_symlink():
            path.chmod(0o755 if path.parent.name == "bin" or path.name.startswith("ld-") else 0o644)
        os.utime(path, (epoch, epoch), follow_symlinks=False)


def _interpreter(target: Path) -> None:
    binary = target / "usr/local/bin" / VERSION
    binary.parent.mkdir(parents=True)
    shutil.copy2(Path(sys.executable).resolve(), binary)
    for name in ("python3", "python"):
        (binary.parent / name).symlink_to(VERSION)
    shutil.copytree(
        LIBRARY, target / "usr/local/lib" / VERSION, symlinks=True, ignore=shutil.ignore_patterns(*DEVELOPERS, "*.pyc")
    )
    (target / "usr/local/lib" / VERSION / "site-packages").mkdir()
    for module in (target / "usr/local/lib" / VERSION / "lib-dynload").iterdir():
        if TERMINALS.match(module.name):
            module.unlink()
        else:
            _strip(module)


def _strip(binary: Path) -> None:
    """Remove what only debuggers read; some builds of Python keep it, which trebles their size."""
    subprocess.run(["strip", "--strip-unneeded", str(binary)], check=True)


def _libraries(target: Path) -> list[Path]:
    """Return the shared libraries that what is in the target is linked with, and cannot be found in it."""
    found: set[Path] = set()
    for binary in [target / "usr/local/bin" / VERSION, *target.rglob("*.so"), *target.rglob("*.so.*")]:
        linked = subprocess.run(["ldd", str(binary)], check=True, capture_output=True, text=True).stdout
        if missing := re.findall(r"(\S+) => not found", linked):
            raise SystemExit(f"{binary} needs {', '.join(missing)}, which the base does not have")
        found.update(Path(name) for name in re.findall(r"(?:=> |^\s+)(/\S+) \(0x", linked, re.MULTILINE))
    return sorted(path for path in found if not path.is_relative_to(target))


def _data() -> Iterator[Path]:
    for name in DATA:
        path = Path("/") / name
        if path.is_dir():
            files = (file for file in sorted(path.rglob("*")) if not file.is_dir())
            yield from (file for file in files if not OTHER_CLOCKS & set(file.parts))
        elif path.exists():
            yield path


def _copy(file: Path, target: Path) -> None:
    """Copy a file of the base to the same place, along the links of both."""
    place = target / file.parent.resolve().relative_to("/") / file.name
    place.parent.mkdir(parents=True, exist_ok=True)
    if file.is_symlink() and file.suffix != ".crt" and ".so" not in file.name:
        place.unlink(missing_ok=True)
        place.symlink_to(file.readlink())
    else:
        shutil.copy2(file, place)


def _keep_record_of(packages: Iterable[Package], target: Path) -> None:
    """Write what scanners look for and what licences ask for: where each library comes from, and on which terms."""
    status = target / "var/lib/dpkg/status.d"
    status.mkdir(parents=True)
    for package in packages:
        (status / package.name).write_text(package.status)
        terms = Path("/usr/share/doc") / package.name / "copyright"
        if terms.exists():
            (target / terms.relative_to("/")).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(terms.resolve(), target / terms.relative_to("/"))
    _copy(Path("/etc/os-release").resolve(), target)
    (target / "etc/os-release").symlink_to("../usr/lib/os-release")


def _users_and_folders(target: Path) -> None:
    (target / "etc/passwd").write_text(
        f"root:x:0:0:root:/:/nonexistent\npenstock:x:{USER}:{USER}::/data:/nonexistent\n"
    )
    (target / "etc/group").write_text(f"root:x:0:\npenstock:x:{USER}:\n")
    for name, mode in {"data": 0o1777, "plugins": 0o755, "tmp": 0o1777}.items():
        (target / name).mkdir()
        (target / name).chmod(mode)
    os.chown(target / "data", USER, USER)


def _compile(target: Path) -> None:
    """Cache every module, never to be checked again: the root may be read-only."""
    library = target / "usr/local/lib" / VERSION
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    done = compileall.compile_dir(library, stripdir=target, prependdir="/", quiet=1, invalidation_mode=mode, workers=1)
    if not done:
        raise SystemExit("a module does not compile")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--packages", type=Path, required=True)
    parser.add_argument("--target", type=Path, required=True)
    parser.add_argument("--epoch", type=int, required=True)
    given = parser.parse_args()
    assemble(given.packages, given.target, given.epoch)

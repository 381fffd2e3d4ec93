"""Build images and run containers with buildah, podman and runc, which need no engine."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

FOLDER_VARIABLE: Final = "PENSTOCK_IMAGE_TOOLS"
"""Names the folder that ``.ci/image-tools`` has prepared."""
HARDENED: Final = ("--read-only", "--read-only-tmpfs=false", "--cap-drop=all", "--security-opt=no-new-privileges")
"""No more than a cautious cluster allows; podman would otherwise make ``/tmp`` writable in spite of ``--read-only``."""
STRANGER: Final = "12345:12345"
"""A user that the image does not know."""


class CommandError(Exception):
    """A command of the tools failed."""


@dataclass(frozen=True, slots=True)
class Container:
    """How to run one."""

    command: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    volumes: Sequence[str] = ()
    """``HOST:CONTAINER`` or ``HOST:CONTAINER:ro``."""
    options: Sequence[str] = ()
    """Of ``docker run``."""


class Engine:
    """The tools, with the images they keep in one folder."""

    def __init__(self, folder: Path) -> None:
        self._store = ("--root", str(folder / "store"), "--runroot", str(folder / "run"), "--storage-driver", "overlay")
        self._environment = {
            **os.environ,
            "CONTAINERS_CONF": str(folder / "containers.conf"),
            "BUILDAH_ISOLATION": "chroot",
        }

    def build(self, source: Path, tag: str, *options: str) -> None:
        """Build an image from a folder with a Dockerfile."""
        certificates = "/etc/ssl/certs/ca-certificates.crt"
        trust = ("--volume", f"{certificates}:{certificates}:ro")
        settings = ("--isolation", "chroot", "--pull-never", "--format", "docker", "--quiet")
        self._call("buildah", *self._store, "bud", *settings, *trust, "--tag", tag, *options, str(source))

    def inspect(self, tag: str) -> dict[str, Any]:
        images: list[dict[str, Any]] = json.loads(self._podman("image", "inspect", tag))
        return images[0]

    @contextmanager
    def files(self, tag: str) -> Generator[Path]:
        """Show the file system of an image as a folder."""
        working = self._call("buildah", *self._store, "from", "--pull-never", tag).strip()
        try:
            yield Path(self._call("buildah", *self._store, "mount", working).strip())
        finally:
            self._call("buildah", *self._store, "rm", working)

    def run(self, tag: str, container: Container) -> subprocess.CompletedProcess[str]:
        """Run a container to its end."""
        command = self._run(tag, container)
        return subprocess.run(command, env=self._environment, capture_output=True, text=True, check=False, timeout=120)

    def start(self, tag: str, name: str, container: Container) -> subprocess.Popen[str]:
        """Run a container with a name, and leave it running; its stderr can be read."""
        command = self._run(tag, container, "--name", name)
        return subprocess.Popen(command, env=self._environment, stderr=subprocess.PIPE, text=True)

    def within(self, name: str, *command: str) -> str:
        """Run a command in a running container; return its stdout."""
        return self._podman("exec", name, *command)

    def stop(self, name: str) -> None:
        """Do as ``docker stop`` does: ask, and kill after 10 seconds."""
        self._podman("stop", "--time", "10", name)

    def _run(self, tag: str, container: Container, *options: str) -> list[str]:
        variables = [part for item in container.environment.items() for part in ("--env", "=".join(item))]
        volumes = [part for volume in container.volumes for part in ("--volume", volume)]
        # the health check of the image would need systemd to run by itself
        settings = ("--rm", "--pull=never", "--no-healthcheck", *options, *container.options)
        return [*self._podman_command(), "run", *settings, *variables, *volumes, tag, *container.command]

    def _podman_command(self) -> list[str]:
        return ["podman", *self._store, "--runtime", "/usr/sbin/runc"]

    def _podman(self, *arguments: str) -> str:
        return self._call(*self._podman_command(), *arguments)

    def _call(self, *command: str) -> str:
        ran = subprocess.run(command, env=self._environment, capture_output=True, text=True, check=False)
        if ran.returncode:
            raise CommandError(f"{' '.join(command)}\n{ran.stdout[-2000:]}{ran.stderr[-4000:]}")
        return ran.stdout

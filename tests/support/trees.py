"""What a folder holds, byte for byte."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path


def tree(folder: Path) -> dict[str, str]:
    """Every file and folder below a folder, with a digest of what it holds."""
    return {
        str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest() if path.is_file() else "a folder"
        for path in sorted(folder.rglob("*"))
    }

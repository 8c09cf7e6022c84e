"""What in a Chromium profile may go, and what a login needs. Found by experiment; tests/profiles repeats it.

A login survives with `Default/IndexedDB` and `Default/Local Storage`; everything else is comfort or cache.
"""

from __future__ import annotations

import fnmatch
import shutil
from collections.abc import Iterator
from pathlib import Path

# What Chromium builds again by itself, at the root of a profile and in its `Default` folder.
# `Service Worker` goes as a whole: a registration without its scripts would fail, none at all registers anew.
CACHES = (
    "*Cache",  # Cache, Code Cache, GPUCache, ShaderCache, GrShaderCache, Dawn*Cache, Graphite*Cache, …
    "*_crx_cache",
    "Service Worker",
    "Shared Dictionary",
    "blob_storage",
    "BrowserMetrics*",
    "Crash*",
    "OptimizationGuide*",
    "optimization_guide*",
    "Safe Browsing*",
    "segmentation_platform",
    "Segmentation Platform",
    "Subresource Filter",
    "WidevineCdm",
    "hyphen-data",
    "*.pma",
    "*.tmp",
)

# What an archive holds: LevelDB databases first, then files that Chromium replaces as a whole, then SQLite.
DATABASES = ("Default/IndexedDB/*.leveldb", "Default/Local Storage/leveldb")
BLOBS = ("Default/IndexedDB/*.blob",)
FILES = ("Default/Preferences", "Local State")
COOKIES = ("Default/Cookies", "Default/Network/Cookies")


def trim(profile: Path) -> int:
    """Remove the caches of a profile that no browser uses; the bytes freed on disk."""
    before = size(profile)
    for entry in list(_caches(profile)):
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)
    return before - size(profile)


def _caches(profile: Path) -> Iterator[Path]:
    for folder in (profile, profile / "Default"):
        if folder.is_dir() and not folder.is_symlink():
            for entry in folder.iterdir():
                if any(fnmatch.fnmatchcase(entry.name, pattern) for pattern in CACHES):
                    yield entry


def size(folder: Path) -> int:
    """Bytes that a folder takes on its disk; links are not followed, files that vanish count nothing."""
    total = 0
    for path in [folder, *folder.rglob("*")]:
        try:
            total += path.lstat().st_blocks * 512
        except FileNotFoundError:
            continue
    return total

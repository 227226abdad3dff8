# SPDX-License-Identifier: BSD-3-Clause
"""Installs what is missing and builds weir."""

import os
import pwd
import subprocess
import sys

from lablib import paths
from lablib.errors import LabError


def install_dependencies(*groups):
    """Prints nothing when nothing is missing."""
    if subprocess.run([paths.INSTALL_DEPS, *groups], check=False).returncode != 0:
        raise LabError("the packages that weir needs are not all there", "see the message above")


def _owner(build):
    """Builds as the owner of the tree: files in it that only root can replace help nobody."""
    owner = (build if build.exists() else paths.REPOSITORY).stat()
    if os.geteuid() != 0 or owner.st_uid == 0:
        return {}
    try:
        home = pwd.getpwuid(owner.st_uid).pw_dir
    except KeyError:
        home = "/"
    return {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": [],
            "env": {**os.environ, "HOME": home}}


def _call(argv, what, **options):
    if subprocess.run([str(word) for word in argv], cwd=paths.REPOSITORY, check=False,
                      **options).returncode != 0:
        raise LabError(f"{what} failed", "see the messages above")


def build(folder=paths.BUILD, options=(), targets=()):
    """Builds the tree, or some of its targets, in 'folder' with Meson's 'options', and says little
    when it is built."""
    rights = _owner(folder)
    if not (folder / "build.ninja").exists():
        _call(["meson", "setup", *options, folder], "meson setup", **rights)
    quiet = [] if sys.stdout.isatty() else ["--quiet"]
    _call(["ninja", *quiet, "-C", folder, *targets], "the build", **rights)

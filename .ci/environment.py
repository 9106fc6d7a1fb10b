"""Make or mend the virtual environment of this checkout: ``environment.py LOCK FOLDER``.

Installs the pinned requirements of LOCK by their hashes, then the project itself, editable. What is already there is
left alone: a stamp in FOLDER says for which Python, which lock and which files it was made. Written so that a Python
too old for the project can still read it and say so.
"""

from __future__ import print_function

import glob
import hashlib
import json
import os
import subprocess
import sys

OLDEST = (3, 11)
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOMS = ("sim", "agents", "experiments")
CORE_LOCK = "requirements.txt"


def complaint(version, modules_missing):
    """The one sentence that says why this Python cannot be used, or None."""
    if tuple(version[:2]) < OLDEST:
        return (
            "offhours needs Python %d.%d or newer and this is Python %d.%d; "
            "name another one, like: make run PYTHON=python3.13" % (OLDEST + tuple(version[:2]))
        )
    if modules_missing:
        return (
            "This Python comes without the module %s that makes virtual environments; install it "
            "(on Debian and Ubuntu: apt install python3-venv)." % " and ".join(modules_missing)
        )
    return None


def missing(names):
    """Those of the modules that this Python does not have."""
    absent = []
    for name in names:
        try:
            __import__(name)
        except ImportError:
            absent.append(name)
    return absent


def digest(*parts):
    return hashlib.sha256("\0".join(parts).encode("utf-8")).hexdigest()


def content(name):
    with open(os.path.join(ROOT, name), "rb") as file:
        return file.read().decode("utf-8")


def file_names():
    """Every file of the rooms. The editable install links file by file, so a new name wants a new install."""
    names = []
    for room in ROOMS:
        for folder, inner, files in os.walk(os.path.join(ROOT, room)):
            inner[:] = [name for name in inner if name != "__pycache__"]
            names += [os.path.relpath(os.path.join(folder, name), ROOT) for name in files]
    return sorted(names)


def read_stamp(path):
    if not os.path.exists(path):
        return {}
    with open(path) as file:
        return json.load(file)


def write_stamp(path, stamp):
    with open(path, "w") as file:
        json.dump(stamp, file)


def command(*words):
    """Run it; what goes wrong has been printed by the command itself, so only its code is passed on."""
    code = subprocess.call(words, cwd=ROOT)
    if code:
        sys.exit("Setting up the environment stopped at: " + " ".join(words))


def prepare(lock, folder):
    stamp_path = os.path.join(folder, "offhours-stamp.json")
    python = os.path.join(folder, "Scripts" if os.name == "nt" else "bin", "python")
    stamp = read_stamp(stamp_path)

    made_for = "%d.%d.%d in %s" % (sys.version_info[:3] + (folder,))
    if stamp.get("made_for") != made_for:
        print("Making %s for Python %d.%d.%d." % ((os.path.relpath(folder),) + sys.version_info[:3]))
        if os.path.realpath(sys.prefix) != os.path.realpath(folder):
            command(sys.executable, "-m", "venv", "--clear", folder)
        stamp = {"made_for": made_for, "locks": [], "project": None}

    pip = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile")
    wanted = digest(content(lock))
    if wanted not in stamp["locks"]:
        print("Installing the pinned requirements of %s; the first time takes a minute or two." % lock)
        stamp["locks"] = []
        write_stamp(stamp_path, stamp)
        command(*(pip + ("--require-hashes", "--only-binary", ":all:", "-r", lock)))
        # The larger lock holds all of the core one, at the same versions.
        stamp["locks"] = [wanted, digest(content(CORE_LOCK))]
        write_stamp(stamp_path, stamp)

    project = digest(content("pyproject.toml"), *file_names())
    if stamp["project"] != project or not glob.glob(os.path.join(ROOT, "build", "__editable__.offhours-*")):
        print("Installing offhours from this folder.")
        editable = ("--config-settings", "editable_mode=strict", "--editable", ".")
        command(*(pip + ("--no-deps", "--no-build-isolation") + editable))
        stamp["project"] = project
        write_stamp(stamp_path, stamp)


if __name__ == "__main__":
    sentence = complaint(sys.version_info, missing(("venv", "ensurepip")))
    if sentence:
        sys.exit(sentence)
    prepare(sys.argv[1], os.path.abspath(sys.argv[2]))

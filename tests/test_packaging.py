"""What is installed is what is meant: the wheel, the locks, the environment, the cost of ``import offhours``."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("sim", "agents", "experiments")
LOCKS = ("requirements.txt", "requirements-dev.txt")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
HEAVY = {"exchange_calendars", "matplotlib", "mesa", "numba", "numpy", "pandas", "pyarrow", "pydantic", "scipy"}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def clean_environment(**more: str) -> dict[str, str]:
    dropped = {"PYTHONPATH", "PYTHONSAFEPATH"}
    return {name: value for name, value in os.environ.items() if name not in dropped} | more


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from a copy (setuptools writes beside what it builds) and without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    tree = folder / "tree"
    tree.mkdir()
    for room in ROOMS:
        shutil.copytree(ROOT / room, tree / room, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "__init__.py", "py.typed", "LICENSE", "README.md"):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, tree / name)
    words = "wheel --quiet --no-deps --no-index --no-build-isolation --disable-pip-version-check --wheel-dir".split()
    subprocess.run([sys.executable, "-m", "pip", *words, str(folder), str(tree)], check=True, timeout=300)
    (built,) = folder.glob("offhours-*.whl")
    return built


def test_every_folder_of_code_is_named_as_a_package() -> None:
    named = set(PROJECT["tool"]["setuptools"]["packages"])
    folders = {path.parent.relative_to(ROOT) for room in ROOMS for path in (ROOT / room).glob("**/*.py")}
    assert {"offhours", *(".".join(("offhours", *folder.parts)) for folder in folders)} == named


def test_the_wheel_holds_the_rooms_with_their_tables_of_text_and_nothing_else(wheel: Path) -> None:
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    wanted = {"offhours/__init__.py", "offhours/py.typed"}
    for room in ROOMS:
        for path in (ROOT / room).glob("**/*"):
            if path.suffix in {".csv", ".json", ".md", ".npz", ".py", ".toml"}:
                wanted.add("offhours/" + path.relative_to(ROOT).as_posix())
    assert wanted - inside == set()
    assert {name.split("/")[0] for name in inside} == {"offhours"}
    assert {name.split("/")[1] for name in inside} == {"__init__.py", "py.typed", *ROOMS}


def test_the_installed_wheel_is_taken_though_the_folder_holds_files_of_the_same_names(
    wheel: Path, tmp_path: Path
) -> None:
    target, elsewhere = tmp_path / "target", tmp_path / "elsewhere"
    words = "install --quiet --no-deps --no-index --disable-pip-version-check --target".split()
    subprocess.run([sys.executable, "-m", "pip", *words, str(target), str(wheel)], check=True, timeout=300)
    assert {path.name for path in target.iterdir() if path.suffix != ".dist-info"} <= {"offhours", "bin"}
    elsewhere.mkdir()
    for name in ("agents", "sim", "experiments"):
        (elsewhere / f"{name}.py").write_text(f"raise RuntimeError('the {name}.py of the folder was imported')\n")
    modules = sorted(
        name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for name in zipfile.ZipFile(wheel).namelist()
        if name.endswith(".py")
    )
    program = (
        "import importlib, json, sys\n"
        f"modules = [importlib.import_module(name) for name in {modules!r}]\n"
        "print(json.dumps([[module.__file__ for module in modules], sorted({'agents', 'sim'} & set(sys.modules))]))\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=elsewhere,
        env=clean_environment(PYTHONPATH=str(target), OFFHOURS_CACHE=str(tmp_path / "cache")),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    files, taken = json.loads(result.stdout.splitlines()[-1])
    assert len(files) == len(modules) > 5
    assert [name for name in files if not Path(name).is_relative_to(target)] == []
    assert taken == []


def test_importing_offhours_loads_nothing_heavy() -> None:
    program = "import sys, offhours; offhours.__version__; print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", program], env=clean_environment(), capture_output=True, text=True, check=True, timeout=60
    )
    loaded = set(result.stdout.split())
    assert "offhours" in loaded
    assert loaded & HEAVY == set()


def test_a_name_that_does_not_exist_is_answered_with_those_that_do() -> None:
    import offhours

    with pytest.raises(AttributeError, match="scenario"):
        offhours.scenarioo  # noqa: B018


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_has_a_hash_for_every_pin_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    entries = [entry for entry in re.split(r"\n(?=\S)", text.replace("\\\n", " ")) if entry.strip()]
    assert len(entries) > 20
    for entry in entries:
        assert re.match(r"[A-Za-z0-9._-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", entry), entry[:100]
    assert "://" not in text
    assert "--index" not in text and "--extra-index" not in text and "--find-links" not in text


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_holds_what_the_project_asks_for(lock: str) -> None:
    pinned = pins(lock)
    groups = PROJECT["dependency-groups"]
    wanted = [*PROJECT["project"]["dependencies"], *groups["build"]]
    if lock == "requirements-dev.txt":
        wanted += [line for line in groups["dev"] if isinstance(line, str)]
    names = {canonical(re.split(r"[<>=!~\[; ]", line)[0]) for line in wanted}
    assert names - {name for name, _, _ in pinned} == set()


def pins(lock: str) -> set[tuple[str, str, str]]:
    """The lines of a lock as (name, version, marker)."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)(?: ; ([^\\\n]*?))? \\$", text, re.MULTILINE)
    return {(canonical(name), version, marker) for name, version, marker in found}


def test_the_two_locks_agree_so_that_one_environment_serves_both() -> None:
    core, dev = ({name: set() for name, _, _ in pins(lock)} for lock in LOCKS)
    for versions, lock in ((core, LOCKS[0]), (dev, LOCKS[1])):
        for name, version, _ in pins(lock):
            versions[name].add(version)
    assert {name: versions for name, versions in core.items() if not versions <= dev.get(name, set())} == {}


def environment_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("environment_script", ROOT / ".ci" / "environment.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("version", "absent", "words"),
    [
        ((3, 10, 13), [], ["3.11 or newer", "Python 3.10"]),
        ((2, 7, 18), ["venv"], ["3.11 or newer", "Python 2.7"]),
        ((3, 13, 0), ["ensurepip"], ["ensurepip", "virtual environments"]),
    ],
)
def test_a_python_that_cannot_be_used_gets_one_sentence(
    version: tuple[int, int, int], absent: list[str], words: list[str]
) -> None:
    sentence = environment_script().complaint(version, absent)
    assert all(word in sentence for word in words)
    assert "\n" not in sentence


def test_the_pythons_that_are_promised_are_accepted() -> None:
    script = environment_script()
    assert [script.complaint((3, minor, 0), []) for minor in (11, 12, 13)] == [None, None, None]
    assert PROJECT["project"]["requires-python"] == ">=" + ".".join(map(str, script.OLDEST))
    assert script.missing(("json", "no_such_module")) == ["no_such_module"]

"""Where a result comes from, and the way back: a run's folder re-creates itself from ``provenance.json`` alone.

The folder is written under another name and takes its own only when it is whole; nothing half-written is ever left.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import platform
import re
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import offhours
from offhours.experiments.scenario import Scenario, read_scenario
from offhours.experiments.tables import RECORDED, names, table_digest, tables_md, write_parquet
from offhours.sim.compile import source_digest
from offhours.sim.declare import spec_of
from offhours.sim.given import plain_text
from offhours.sim.mistake import Mistake

if TYPE_CHECKING:
    from offhours.experiments.advance import Progress
    from offhours.experiments.run import Run

FILE = "provenance.json"
PACKAGES = ("numba", "llvmlite", "numpy", "pandas", "fastparquet")
_NAME_MOST = 100


# What is written down ------------------------------------------------------------------------------------------------


def provenance(run: Run, command: str = "") -> dict[str, Any]:
    """All that a run can be made of again, and what it came to."""
    scenario = run.scenario
    return {
        "format": 1,
        "scenario": scenario.name,
        "toml": scenario.to_toml(),
        "digest": scenario.digest,
        "digest_full": scenario.full_digest,
        "seed": run.seed,
        "changes": [[name, plain_text(value)] for name, value in scenario.changes],
        "differs_from_venue": [[d.name, d.ticker, d.venue_text, d.text] for d in scenario.differences()],
        "venue": {
            "title": scenario.rules.title,
            "file": scenario.rules.venue.file,
            "effective": str(scenario.rules.venue.effective),
        },
        "policies": [
            {"knob": knob, "ticker": ticker or None, "name": program.name, "sha256": program.sha256}
            for (ticker, knob), program in scenario.programs.items()
        ],
        "hypothetical": scenario.hypothetical or None,
        "interrupted": run.interrupted,
        "measured_to_utc": run.summary["measured_to_utc"],
        "tape_sha256": run.summary["tape_sha256"],
        "tables_sha256": {name: table_digest(rows) for name, rows in run.exact_rows().items()},
        "instruments": json.loads(run.instruments.to_json()),
        "source": source_digest(),
        "versions": _versions(),
        "platform": platform.platform(),
        "command": command,
    }


def _versions() -> dict[str, str]:
    found = {"offhours": offhours.__version__, "python": sys.version.split()[0]}
    for package in PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def read_provenance(folder: Path) -> dict[str, Any]:
    """The record of a folder, or a :class:`Mistake`."""
    try:
        record = json.loads((folder / FILE).read_text("utf-8"))
    except (OSError, ValueError):
        raise Mistake(str(folder), "", "", f"is not the folder of a run: it holds no {FILE} that can be read") from None
    if not isinstance(record, dict) or not {"toml", "seed", "scenario", "tape_sha256"} <= record.keys():
        raise Mistake(str(folder / FILE), "", "", "is not the record of a run")
    return record


def scenario_of(record: Mapping[str, Any]) -> Scenario:
    """The scenario that a record holds."""
    return read_scenario(str(record["toml"]), f"{record['scenario']}.toml")


# Folders -------------------------------------------------------------------------------------------------------------


def folder_name(scenario: Scenario, seed: int) -> str:
    """A readable name: scenario, changes, seed, short digest."""
    parts = [scenario.name]
    for knob, value in scenario.changes:
        first, _, last = knob.rpartition(".")
        owner = first.split(".")[-1] if first.startswith(("group.", "gap.")) else ""
        parts.append("-".join(filter(None, (owner, last, plain_text(value)))))
    body = re.sub(r"[^A-Za-z0-9_.+-]+", "", "_".join(parts).replace(" ", ""))
    return f"{body[:_NAME_MOST]}_seed-{seed}_{scenario.digest[:6]}"


def _sentence(path: Path, error: OSError) -> Mistake:
    """What is wrong with a folder, in a sentence."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return Mistake(str(path), "", "", "there is no room left to write the run; nothing was kept")
    return Mistake(str(path), "", "", f"cannot be written: {(error.strerror or str(error)).lower()}")


@contextlib.contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """A folder to write into that becomes `target` when all went well, and vanishes when not."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{target.name[:60]}-", dir=target.parent))
    except OSError as error:
        raise _sentence(target.parent, error) from None
    try:
        yield partial
        partial.chmod(0o777 & ~_umask())
        if target.exists():
            _make_way(target, partial)
        else:
            partial.rename(target)
    except OSError as error:
        raise _sentence(target, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _make_way(target: Path, partial: Path) -> None:
    """Put a whole new folder where an old one of the same run is."""
    old = Path(tempfile.mkdtemp(prefix=".old-", dir=target.parent))
    try:
        target.rename(old / "run")
        partial.rename(target)
    finally:
        shutil.rmtree(old, ignore_errors=True)


def target_of(scenario: Scenario, seed: int, out: str | Path | None, name: str | None) -> Path:
    """Where a run's folder goes; a :class:`Mistake` where something else is there already or nothing can be written."""
    if name is not None and (not name or name in (".", "..") or re.search(r"[/\\\0]", name)):
        raise Mistake("--name", "", name, f"'{name}' is not a name for a folder")
    target = Path(out if out is not None else "runs") / (name or folder_name(scenario, seed))
    if len(target.name.encode()) > 200:
        raise Mistake("--name", "", name or "", "a folder's name has at most 200 letters")
    for parent in (target.parent, *target.parent.parents):
        if parent.exists() and not parent.is_dir():
            raise Mistake(str(parent), "", "", "is a file, not a folder that runs could be written to")
    if target.exists():
        try:
            record = read_provenance(target)
        except Mistake:
            raise Mistake(str(target), "", "", "exists and is not the folder of a run; choose another --name") from None
        if (record.get("digest_full"), record["seed"]) != (scenario.full_digest, seed):
            raise Mistake(str(target), "", "", "holds another run already; choose another --name")
    _probe(target)
    return target


def _probe(target: Path) -> None:
    """Find out before a long run whether its folder could be written at all."""
    made = [parent for parent in target.parents if not parent.exists()]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".probe-", dir=target.parent) as probe:
            (Path(probe) / "probe").write_bytes(b"0" * 4096)
    except OSError as error:
        raise _sentence(target.parent, error) from None
    finally:
        for parent in made:
            with contextlib.suppress(OSError):
                parent.rmdir()


def save(
    run: Run,
    out: str | Path | None = None,
    name: str | None = None,
    command: str = "",
    report: bool = True,
    stop: threading.Event | None = None,
) -> Path:
    """Write a run's folder, whole or not at all, and return it. The report is left out where `stop` is set meanwhile."""
    target = target_of(run.scenario, run.seed, out, name)
    with whole_folder(target) as partial:
        write_content(run, partial, command)
        for control, own in run.controls.items():
            write_content(own, partial / "controls" / control, command)
        if report and not _write_report(run, partial, stop):
            run.stopped = run.stopped or "without its report"
    run.folder = target
    for control, own in run.controls.items():
        own.folder = target / "controls" / control
    return target


def _write_report(run: Run, folder: Path, stop: threading.Event | None) -> bool:
    """Write the report, or nothing of it and False where Ctrl-C ends that."""
    # Loaded whole before Ctrl-C may end the drawing anywhere: a module in C that is interrupted is broken.
    import matplotlib.backends.backend_agg  # noqa: F401

    from offhours.experiments.report import write_report

    try:
        with _at_once(stop):
            write_report(run, folder)
    except KeyboardInterrupt:
        shutil.rmtree(folder / "figures", ignore_errors=True)
        (folder / "report.html").unlink(missing_ok=True)
        return False
    return True


@contextlib.contextmanager
def _at_once(stop: threading.Event | None) -> Iterator[None]:
    """Let Ctrl-C raise KeyboardInterrupt again, or raise it now where it was pressed before."""
    if stop is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        if stop.is_set():
            raise KeyboardInterrupt
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def write_content(run: Run, folder: Path, command: str) -> None:
    """Summary, tables and provenance of one run."""
    tables = run.tables()
    folder.mkdir(parents=True, exist_ok=True)
    for table in names():
        if table in tables:
            write_parquet(folder / f"{table}.parquet", tables[table], run.instruments)
    write_text(folder / "TABLES.md", tables_md([table for table in names() if table in tables]))
    write_text(folder / "summary.json", json.dumps(run.summary, indent=2) + "\n")
    write_text(folder / FILE, json.dumps(provenance(run, command), indent=2) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text file with the same bytes on every system."""
    path.write_text(text, encoding="utf-8", newline="\n")


# The way back --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Reproduction:
    """What came of running a folder's record again."""

    identical: bool
    differing: tuple[str, ...]
    """Tables, or "scenario digest", that are not the same."""
    sentence: str


def reproduce(folder: Path, progress: Progress | None = None, *, allow_policies: bool = False) -> Reproduction:
    """Make a run again from its record alone, and compare it with the record and with the folder's own tables.

    A policy of somebody's own is in the record; `allow_policies` lets it run.
    """
    from offhours.experiments.run import Run, run_one

    record = read_provenance(folder)
    scenario = scenario_of(record)
    if allow_policies:
        scenario = scenario.allowing_policies()
    differing = [] if scenario.full_digest == record["digest_full"] else ["scenario digest"]
    if record["interrupted"]:
        ended = record["measured_to_utc"]
        return Reproduction(False, (), f"this run was interrupted at {ended}; only whole runs can be made again")
    made = run_one(scenario, int(record["seed"]), progress, cached=False, log_trades=_has_trades(record))
    digests = {name: table_digest(rows) for name, rows in made.exact_rows().items()}
    kept = {name: table_digest(rows) for name, rows in Run.open(folder).exact_rows().items()}
    for name, digest in digests.items():
        if record["tables_sha256"].get(name) != digest:
            differing.append(name)
        elif name in kept and kept[name] != digest:
            differing.append(f"{name} (the file in the folder)")
    if made.summary["tape_sha256"] != record["tape_sha256"] and not differing:
        differing.append("tape")
    if not differing:
        return Reproduction(True, (), f"identical: tape {record['tape_sha256'][:12]}, {len(digests)} tables")
    sentence = f"not identical: {', '.join(differing)}"
    if record["source"] != source_digest():
        sentence += f" (made by source {record['source']}, this is {source_digest()})"
    return Reproduction(False, tuple(differing), sentence)


def _has_trades(record: Mapping[str, Any]) -> bool:
    empty = np.empty(0, dtype=spec_of(RECORDED["trades"]).dtype)
    return bool(record["tables_sha256"].get("trades") != table_digest(empty))

"""The package as it is installed: the wheel holds all that the checkout has, and works where there is no checkout."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that a plain `pip install` builds."""
    folder = tmp_path_factory.mktemp("wheel")
    off = {key: value for key, value in os.environ.items() if not key.startswith("HATCH_BUILD_")}
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, env=off, check=True, capture_output=True)
    return next(folder.glob("simalloc-*.whl"))


@pytest.fixture(scope="module")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the wheel installs, and nothing else."""
    folder = tmp_path_factory.mktemp("site")
    with ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def python(site: Path, *arguments: str) -> str:
    """What Python prints that finds the installed package first, and is nowhere near the checkout."""
    environment = os.environ | {"PYTHONPATH": str(site), "MPLCONFIGDIR": str(site / "mpl")}
    ran = subprocess.run(
        [sys.executable, "-P", *arguments], cwd=site, env=environment, check=True, capture_output=True, text=True
    )
    return ran.stdout


def tracked(folder: str) -> set[str]:
    """Files of the checkout that are the project's own: not what Python, a build or an editor left there."""
    found = (path.relative_to(ROOT) for path in (ROOT / folder).rglob("*") if path.is_file())
    return {str(path) for path in found if "__pycache__" not in path.parts and path.suffix not in (".so", ".pyd")}


def test_the_wheel_holds_every_file_of_the_package_and_every_scenario(wheel: Path) -> None:
    held = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert held == tracked("simalloc") | {f"simalloc/{file}" for file in tracked("scenarios")}


def test_the_plain_wheel_is_for_every_machine(wheel: Path) -> None:
    assert wheel.name.endswith("-py3-none-any.whl")


def test_what_runs_is_the_installed_package(site: Path) -> None:
    assert python(site, "-c", "import simalloc; print(simalloc.__file__)").strip() == str(site / "simalloc/__init__.py")


def test_every_module_can_be_imported(site: Path) -> None:
    walk = (
        "import pkgutil, importlib, simalloc; "
        "print(*sorted(importlib.import_module(each.name).__name__"
        " for each in pkgutil.walk_packages(simalloc.__path__, 'simalloc.')))"
    )
    names = {file.removesuffix(".py").removesuffix("/__init__") for file in tracked("simalloc") if file.endswith(".py")}
    assert python(site, "-c", walk).split() == sorted(name.replace("/", ".") for name in names - {"simalloc"})


@pytest.mark.parametrize(
    ("kind", "shipped"),
    [
        ("scenarios", sorted(path.stem for path in (ROOT / "scenarios").rglob("*.yaml"))),
        ("machines", sorted(path.stem for path in (ROOT / "simalloc/hardware/presets").glob("*.yaml"))),
    ],
)
def test_everything_shipped_is_listed(site: Path, kind: str, shipped: list[str]) -> None:
    listed = python(site, "-m", "simalloc.cli", "list", kind)
    assert sorted(line.split()[0] for line in listed.splitlines() if line and not line.startswith(" ")) == shipped


def test_every_shipped_scenario_can_be_built_and_its_table_read(site: Path) -> None:
    check = (
        "from simalloc.scenario import load, shipped; from simalloc.runs.assembly import Assembly; "
        "print(*(name for name in shipped() if Assembly(load(name), None)))"
    )
    assert python(site, "-c", check).split() == sorted(path.stem for path in (ROOT / "scenarios").glob("*.yaml"))


def test_a_scenario_runs_with_its_published_figures_and_a_report(site: Path) -> None:
    settings = ["--set", "workload.batches=[1, 64]", "--set", "workload.samples=3"]
    python(site, "-m", "simalloc.cli", "run", "pagealloc-2017", "--out", "out", *settings)
    python(site, "-m", "simalloc.cli", "report", "out")
    saved = (site / "out/result.json").read_text(encoding="utf-8")
    assert ('"published"' in saved, '"build": "pure Python"' in saved) == (True, True)

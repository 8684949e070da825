"""Build the package, check what it contains, and run tests of it outside of the source tree.

Usage: ``python tests/wheel.py FOLDER [DIST]``. Everything is written to ``FOLDER``. ``DIST`` is a
folder with a wheel and an sdist that are built already.
"""

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TESTS = ("test_log", "test_mixins", "test_overview", "test_timeline")
INSTALLED = """
import eventlog
from importlib.metadata import entry_points
assert 'site-packages' in eventlog.__file__, eventlog.__file__
assert entry_points(group='pytest11', name='eventlog.pytest_plugin')
"""


def main(folder: Path, dist: Path | None = None) -> None:
    if dist is None:
        dist = folder / "dist"
        shutil.rmtree(dist, ignore_errors=True)
        run("build", "--outdir", dist, ROOT)
    (wheel,), (sdist,) = dist.glob("*.whl"), dist.glob("*.tar.gz")
    run("twine", "check", "--strict", wheel, sdist)
    run("check_wheel_contents", wheel)
    check_files(zipfile.ZipFile(wheel).namelist())
    with tarfile.open(sdist) as archive:
        check_files(name.partition("/")[2] for name in archive.getnames())
    run("pip", "install", "--quiet", "--force-reinstall", wheel)

    site = folder / "site"  # which has the tests, but not the package
    shutil.rmtree(site, ignore_errors=True)
    shutil.copytree(ROOT / "tests", site / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", site)
    subprocess.run([sys.executable, "-c", INSTALLED], cwd=site, check=True)
    run("pytest", "-q", *(f"tests/{name}.py" for name in TESTS), cwd=site)


def check_files(names) -> None:
    """Fail if a file of the package is missing, or a translation is not compiled."""
    packed = {name for name in names if name.startswith("eventlog/")}
    files = (path for path in (ROOT / "eventlog").rglob("*") if path.is_file())
    own = {path.relative_to(ROOT).as_posix() for path in files if "__pycache__" not in path.parts}
    compiled = {f"{name[:-3]}.mo" for name in own if name.endswith(".po")}
    missing = (own | compiled) - packed
    assert not missing, f"not in the package: {', '.join(sorted(missing))}"


def run(module: str, *arguments, cwd: Path = ROOT) -> None:
    subprocess.run([sys.executable, "-m", module, *map(str, arguments)], cwd=cwd, check=True)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))

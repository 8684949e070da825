"""The files of a release name the same versions and addresses."""

import re
import tomllib

import pytest

from .test_docs import ROOT, links

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
TOX = (ROOT / "tox.ini").read_text()
WORKFLOWS = {path.stem: path.read_text() for path in (ROOT / ".github" / "workflows").iterdir()}


def versions(name):
    """Return the versions in the classifiers that begin with ``name``."""
    prefix = f"{name} :: "
    found = [each.removeprefix(prefix) for each in PROJECT["classifiers"] if prefix in each]
    return [version for version in found if re.fullmatch(r"\d+\.\d+", version)]


@pytest.mark.parametrize(
    ("name", "key"),
    [("Programming Language :: Python", "python"), ("Framework :: Django", "django")],
)
def test_the_pipeline_runs_each_version_of_the_classifiers(name, key):
    (matrix,) = re.findall(rf'^ +{key}: (\[".*"\])$', WORKFLOWS["ci"], re.MULTILINE)
    assert re.findall(r'"([\d.]+)"', matrix) == versions(name)


def test_tox_has_an_environment_for_each_version_of_the_classifiers():
    environments, _, settings = TOX.partition("[testenv]")
    for version in versions("Programming Language :: Python"):
        assert version.replace(".", "") in environments
    for version in versions("Framework :: Django"):
        assert f"django{version.replace('.', '')}: django>={version}," in settings


def test_each_action_of_a_workflow_is_pinned_to_a_commit():
    used = [line for text in WORKFLOWS.values() for line in re.findall(r"uses: (.+)", text)]
    assert used
    assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v[\d.]+", line) for line in used)


def test_only_the_job_that_publishes_may_ask_for_an_identity():
    allowed = [name for name, text in WORKFLOWS.items() if "id-token: write" in text]
    assert allowed == ["publish"]
    assert WORKFLOWS["publish"].count("id-token: write") == 1


def test_the_documents_of_the_project_link_to_files_that_exist():
    pages = [ROOT / name for name in ("CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md")]
    for page, path, _ in links(pages):
        assert path.is_file(), (page, path)

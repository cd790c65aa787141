"""What sets the house up: one pin of uv, help for each target, a runner that counts every test and hides no failure."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(
    *command: str, cwd: Path = ROOT, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=100)


def test_uv_is_pinned_by_the_hashes_of_the_lock() -> None:
    line = run(sys.executable, "ops/setup/pinned_uv.py").stdout
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    uv = next(package for package in lock["package"] if package["name"] == "uv")
    assert line.startswith(f"uv=={uv['version']} --hash=sha256:")
    assert set(re.findall(r"--hash=(\S+)", line)) == {wheel["hash"] for wheel in uv["wheels"]}


def test_every_package_of_the_lock_has_hashes() -> None:
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    files = [
        (package["name"], file)
        for package in lock["package"]
        for file in (*package.get("wheels", ()), *filter(None, [package.get("sdist")]))
    ]
    assert len(files) > 100
    assert [name for name, file in files if not file["hash"].startswith("sha256:")] == []


def test_help_has_one_line_for_each_target() -> None:
    lines = run("make", "help").stdout.splitlines()
    names = [line.split()[1] for line in lines]
    assert (
        names
        == "help setup demo test check fmt lint build bench crash kills cuts soak powercut sim fuzz worlds seasons clean".split()
    )
    assert all(len(line.split()) > 3 for line in lines)


def test_the_setup_scripts_are_sound_shell() -> None:
    for script in (*(ROOT / "ops" / "setup").glob("*.sh"), ROOT / ".ci" / "run"):
        shell = "bash" if script.name == "run" else "sh"
        assert run(shell, "-n", str(script)).returncode == 0, script
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def bare_path(folder: Path, *programs: str) -> dict[str, str]:
    """An environment in which only these programs exist."""
    for program in programs:
        found = shutil.which(program)
        assert found, program
        (folder / program).symlink_to(found)
    return {"PATH": str(folder), "HOME": str(folder)}


def scripts_alone(folder: Path) -> Path:
    shutil.copytree(ROOT / "ops", folder / "ops")
    return folder


def test_without_python_the_setup_says_what_to_install(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    result = run(
        "sh",
        "ops/setup/python.sh",
        cwd=scripts_alone(tmp_path),
        env=bare_path(tmp_path / "bin", "sh", "dirname"),
    )
    assert result.returncode == 1
    assert "Python 3.11 or newer is needed" in result.stderr


def test_without_ensurepip_and_root_the_setup_names_the_package(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    env = bare_path(tmp_path / "bin", "sh", "dirname")
    for name, script in {
        "id": "echo 1000",
        "python3": f'case "$*" in *ensurepip*) exit 1;; esac\nexec {sys.executable} "$@"',
    }.items():
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    result = run("sh", "ops/setup/python.sh", cwd=scripts_alone(tmp_path), env=env)
    assert result.returncode == 1
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
    assert f"apt-get install {version}" in result.stderr
    assert not (tmp_path / ".venv").exists()


def test_without_node_and_network_the_setup_goes_on_without_the_dashboard(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "package-lock.json").write_text("{}")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    # A uv that cannot reach anything, and a Python that only tells where packages would be.
    (tmp_path / ".venv" / "bin" / "uv").write_text("#!/bin/sh\necho no network >&2\nexit 2\n")
    (tmp_path / ".venv" / "bin" / "python").write_text(f"#!/bin/sh\necho {tmp_path}/site\n")
    for name in ("uv", "python"):
        (tmp_path / ".venv" / "bin" / name).chmod(0o755)
    stamp = tmp_path / ".venv" / ".stamps" / "web"
    result = run(
        "sh", "ops/setup/web.sh", str(stamp),
        cwd=scripts_alone(tmp_path), env=bare_path(tmp_path / "bin", "sh", "dirname"),
    )  # fmt: skip
    assert result.returncode == 0
    assert "Going on without the dashboard" in result.stderr
    assert not stamp.exists()


@pytest.fixture
def tests_of_its_own(tmp_path: Path) -> Path:
    (tmp_path / "test_three.py").write_text(
        "import pytest\n"
        "def test_good(): pass\n"
        "def test_bad(): assert False\n"
        "def test_skipped(): pytest.skip('for a reason')\n"
    )
    return tmp_path


def test_the_runner_counts_names_the_skipped_and_fails(tests_of_its_own: Path) -> None:
    result = run(sys.executable, "ops/test.py", "-p", "no:cacheprovider", str(tests_of_its_own))
    lines = result.stdout.splitlines()
    assert result.returncode == 1
    assert lines[-1] == "1 passed, 1 failed, 1 skipped"
    assert lines[-2].startswith("skipped: ")
    assert lines[-2].endswith("test_three.py::test_skipped: for a reason")


def test_the_runner_is_content_where_nothing_fails(tests_of_its_own: Path) -> None:
    result = run(sys.executable, "ops/test.py", "-p", "no:cacheprovider", "-k", "good", str(tests_of_its_own))
    assert (result.returncode, result.stdout.splitlines()[-1]) == (0, "1 passed, 0 failed, 0 skipped")


def test_the_runner_calls_a_suite_that_cannot_be_collected_a_failure(tmp_path: Path) -> None:
    (tmp_path / "test_broken.py").write_text("import no_such_module\n")
    result = run(sys.executable, "ops/test.py", "-p", "no:cacheprovider", str(tmp_path))
    assert result.returncode != 0
    assert result.stdout.splitlines()[-1] == "0 passed, 1 failed, 0 skipped"


def test_the_lock_fits_the_project() -> None:
    uv = Path(sys.executable).with_name("uv")
    assert uv.exists(), "run make setup"
    result = run(str(uv), "lock", "--check", "--offline")
    assert result.returncode == 0, f"run uv lock\n{result.stderr}"


def pretend(folder: Path, **programs: str) -> dict[str, str]:
    """An environment with these shell one-liners as the only programs beside the shell itself."""
    (folder / "bin").mkdir()
    env = bare_path(folder / "bin", "sh", "dirname")
    for name, script in programs.items():
        program = folder / "bin" / name.replace("_", "-")
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    return env


def test_with_root_and_apt_the_setup_installs_what_ensurepip_needs(tmp_path: Path) -> None:
    env = pretend(
        tmp_path,
        id="echo 0",
        python3=f'case "$*" in *ensurepip*) exit 1;; esac\nexec {sys.executable} "$@"',
        apt_get=f'echo "$*" >> {tmp_path}/asked\n[ "$1" = update ]',
    )
    result = run("sh", "ops/setup/python.sh", cwd=scripts_alone(tmp_path), env=env)
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
    asked = (tmp_path / "asked").read_text().splitlines()
    assert [words.split()[0] for words in asked] == ["update", "install"]
    assert asked[1].split()[-1] == version
    assert result.returncode == 1
    assert f"apt-get could not install {version}" in result.stderr


def test_without_chromium_and_root_the_setup_says_so_and_goes_on(tmp_path: Path) -> None:
    env = pretend(tmp_path, id="echo 1000")
    result = run("sh", "ops/setup/chromium.sh", cwd=scripts_alone(tmp_path), env=env)
    assert result.returncode == 0
    assert "skipped by name" in result.stderr


def test_a_chromium_that_only_advertises_itself_is_none(tmp_path: Path) -> None:
    env = pretend(tmp_path, id="echo 1000", chromium_browser="echo get the snap >&2; exit 1")
    result = run("sh", "ops/setup/chromium.sh", cwd=scripts_alone(tmp_path), env=env)
    assert "no Chromium" in result.stderr


def test_a_chromium_that_is_there_is_taken(tmp_path: Path) -> None:
    env = pretend(tmp_path, chromium="echo Chromium 1")
    result = run("sh", "ops/setup/chromium.sh", cwd=scripts_alone(tmp_path), env=env)
    assert (result.returncode, result.stderr) == (0, "")

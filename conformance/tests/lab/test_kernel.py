"""Where the user-mode kernel is sought, in which order, and how it is fetched."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from threepce.conformance.lab import LabUnavailable
from threepce.conformance.lab.kernel import (
    NEEDED,
    VARIABLE,
    cache_directory,
    examine_directory,
    find_kernel,
)
from threepce.conformance.lab.package import PACKAGE, fetch_package

X86 = "x86_64"


def plant(directory: Path, *, layout: str = "usr/lib/uml/modules", release: str = "6.1.0") -> Path:
    """A directory that looks like an unpacked kernel package; its program prints its release."""
    binary = directory / ("usr/bin/linux.uml" if layout.startswith("usr") else "linux")
    binary.parent.mkdir(parents=True, exist_ok=True)
    binary.write_text(f"#!/bin/sh\necho {release}\n")
    binary.chmod(0o755)
    modules = directory / layout / release
    (modules / NEEDED).parent.mkdir(parents=True)
    (modules / NEEDED).touch()
    (modules / "modules.dep").touch()
    return directory


@pytest.mark.parametrize("layout", ["usr/lib/uml/modules", "modules", "lib/modules"])
def test_a_directory_may_be_an_unpacked_package_or_plain(tmp_path: Path, layout: str) -> None:
    """Other distributions lay the files out differently."""
    kernel = examine_directory(plant(tmp_path, layout=layout))

    assert kernel is not None
    assert "6.1.0" == kernel.release
    assert tmp_path in kernel.binary.parents


def test_half_a_kernel_is_none(tmp_path: Path) -> None:
    """A program without the target's modules, or modules without a program, cannot serve."""
    plant(tmp_path)
    next(tmp_path.rglob("tcm_loop.ko")).unlink()
    assert examine_directory(tmp_path) is None
    other = plant(tmp_path / "other")
    (other / "usr/bin/linux.uml").chmod(0o644)
    assert examine_directory(other) is None


def test_of_several_releases_the_kernels_own_is_taken(tmp_path: Path) -> None:
    """Modules of another release would not load; the program knows which it is."""
    plant(tmp_path, release="6.9.0")
    plant(tmp_path, release="6.1.7")
    plant(tmp_path, release="6.8.0")
    (tmp_path / "usr/bin/linux.uml").write_text("#!/bin/sh\necho 6.1.7\n")

    kernel = examine_directory(tmp_path)

    assert kernel is not None
    assert "6.1.7" == kernel.release


def test_the_order_is_option_variable_installed_cache_fetch(tmp_path: Path) -> None:
    """Take one place away at a time and see the next one found."""
    named = plant(tmp_path / "named", release="1.0")
    variable = plant(tmp_path / "variable", release="2.0")
    installed = plant(tmp_path / "installed", release="3.0")
    home = tmp_path / "home"
    plant(home / "threepce/user-mode-linux", release="4.0")
    environment = {"XDG_CACHE_HOME": str(home)}
    asked: list[Path] = []

    def fetch(place: Path) -> Path:
        asked.append(place)
        return plant(place, release="5.0")

    def found(directory: Path | None = None, *, named_too: bool = False, root: Path = tmp_path) -> str:
        extra = {VARIABLE: str(variable)} if named_too else {}
        return find_kernel(
            directory,
            environment={**environment, **extra},
            installed=root,
            fetch=fetch,
            machine=X86,
        ).release

    assert "1.0" == found(named, named_too=True, root=installed)
    assert "2.0" == found(named_too=True, root=installed)
    assert "3.0" == found(root=installed)
    assert "4.0" == found()
    environment["XDG_CACHE_HOME"] = str(tmp_path / "empty")
    assert [] == asked
    assert "5.0" == found()
    assert [tmp_path / "empty/threepce/user-mode-linux"] == asked


@pytest.mark.parametrize("by_option", [True, False])
def test_a_place_that_was_named_but_is_empty_is_an_error(tmp_path: Path, by_option: bool) -> None:
    """To look further would run another kernel than the user asked for."""
    environment = {} if by_option else {VARIABLE: str(tmp_path)}
    with pytest.raises(LabUnavailable) as caught:
        find_kernel(
            tmp_path if by_option else None,
            environment={**environment, "XDG_CACHE_HOME": str(tmp_path)},
            installed=plant(tmp_path / "installed"),
            machine=X86,
        )

    text = str(caught.value)
    assert str(tmp_path) in text
    assert ("--kernel-directory" if by_option else VARIABLE) in text
    assert "linux.uml" in text
    assert NEEDED in text


def test_without_a_kernel_the_message_says_where_it_looked_and_what_to_do(tmp_path: Path) -> None:
    """What is missing, where it was sought, what to do."""
    with pytest.raises(LabUnavailable) as caught:
        find_kernel(
            environment={"XDG_CACHE_HOME": str(tmp_path / "cache")},
            installed=tmp_path / "root",
            machine=X86,
        )

    for words in ("root/usr/bin/linux.uml", "cache/threepce", "user-mode-linux", VARIABLE):
        assert words in str(caught.value)


def test_another_machine_is_told_that_there_is_no_build() -> None:
    """Nothing that could be fetched would run."""
    with pytest.raises(LabUnavailable, match="no user-mode kernel for aarch64"):
        find_kernel(machine="aarch64")


def test_the_cache_follows_the_xdg_specification() -> None:
    """A relative path is invalid there and counts as unset."""
    assert Path("/c/threepce") == cache_directory({"XDG_CACHE_HOME": "/c"})
    assert Path.home() / ".cache/threepce" == cache_directory({"XDG_CACHE_HOME": "c"})
    assert Path.home() / ".cache/threepce" == cache_directory({})


class Tools:
    """apt-get and dpkg-deb as a script: what they are told, what they leave behind."""

    def __init__(self, *, known_after_update: bool = True, known: bool = True) -> None:
        self.calls: list[str] = []
        self.known = known
        self.known_after_update = known_after_update
        self.breaks = ""

    def __call__(self, arguments: list[str], work: Path) -> subprocess.CompletedProcess[str]:
        self.calls.append(" ".join(Path(argument).name for argument in arguments))
        verb = arguments[1]
        if verb == "update":
            self.known = self.known_after_update
        if verb == "download" and not self.known:
            return _ended(100, f"W: a warning\nE: Unable to locate package {PACKAGE}\n")
        if verb == self.breaks:
            return _ended(2, "E: it is broken\n")
        if verb == "download":
            (work / f"{PACKAGE}_6.1_amd64.deb").write_bytes(b"!<arch>")
        if verb == "-x":
            plant(Path(arguments[3]))
        return _ended(0, "")


def _ended(status: int, error: str) -> subprocess.CompletedProcess[str]:
    return subprocess.CompletedProcess([], status, "", error)


@pytest.fixture
def _tools_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threepce.conformance.lab.package.shutil.which", lambda name: f"/b/{name}")


@pytest.mark.usefixtures("_tools_exist")
class TestFetch:
    """The package comes whole or not at all."""

    def test_a_fetched_package_is_a_kernel(self, tmp_path: Path) -> None:
        """Download, unpack, rename; nothing else is left in the cache."""
        tools, said = Tools(), list[str]()

        place = fetch_package(tmp_path / "cache/kernel", run=tools, progress=said.append, is_root=False)

        assert examine_directory(place) is not None
        assert ["apt-get download user-mode-linux"] == tools.calls[:1]
        assert {"kernel", "lock"} == {path.name for path in place.parent.iterdir()}
        assert any("fetching" in text for text in said)

    def test_a_second_fetch_does_nothing(self, tmp_path: Path) -> None:
        """What is there is used."""
        fetch_package(tmp_path / "kernel", run=Tools(), is_root=False)
        tools = Tools()
        fetch_package(tmp_path / "kernel", run=tools, is_root=False)

        assert [] == tools.calls

    def test_as_root_missing_lists_are_fetched(self, tmp_path: Path) -> None:
        """A fresh container image has none."""
        tools = Tools(known=False)
        fetch_package(tmp_path / "kernel", run=tools, is_root=True)

        assert ["download", "update", "download"] == [call.split()[1] for call in tools.calls[:3]]

    @pytest.mark.parametrize(
        ("tools", "root", "words"),
        [
            (Tools(known=False), False, "E: Unable to locate.* run apt-get update as root"),
            (Tools(known=False, known_after_update=False), True, "E: Unable to locate"),
        ],
    )
    def test_a_package_that_nobody_has_is_told(
        self, tmp_path: Path, tools: Tools, root: bool, words: str
    ) -> None:
        """The package manager's own words, and what may help."""
        with pytest.raises(LabUnavailable, match=words):
            fetch_package(tmp_path / "kernel", run=tools, is_root=root)

    @pytest.mark.parametrize(
        ("verb", "words"), [("-x", "dpkg-deb cannot unpack"), ("update", "apt-get update failed")]
    )
    def test_a_failure_leaves_no_half_kernel(self, tmp_path: Path, verb: str, words: str) -> None:
        """The place stays empty and the work directory goes."""
        tools = Tools(known=verb != "update")
        tools.breaks = verb
        with pytest.raises(LabUnavailable, match=words):
            fetch_package(tmp_path / "kernel", run=tools, is_root=True)

        assert {"lock"} == {path.name for path in tmp_path.iterdir()}

    def test_what_is_no_kernel_is_replaced(self, tmp_path: Path) -> None:
        """A damaged cache heals."""
        (tmp_path / "kernel").mkdir()
        fetch_package(tmp_path / "kernel", run=Tools(), is_root=False)

        assert examine_directory(tmp_path / "kernel") is not None

    def test_two_at_once_fetch_once(self, tmp_path: Path) -> None:
        """The second waits for the first and finds the kernel there."""
        tools = Tools()
        threads = [
            threading.Thread(
                target=fetch_package,
                args=(tmp_path / "kernel",),
                kwargs={"run": tools, "is_root": False},
            )
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert 1 == sum("download" in call for call in tools.calls)

    def test_a_cache_that_cannot_be_written_is_named(self, tmp_path: Path) -> None:
        """A file stands where the cache should be."""
        (tmp_path / "file").touch()
        with pytest.raises(LabUnavailable, match="cannot write the cache"):
            fetch_package(tmp_path / "file" / "kernel", run=Tools(), is_root=False)

    def test_a_program_that_hangs_is_given_up(self, tmp_path: Path) -> None:
        """A dead mirror must not hang a run for ever."""

        def hang(arguments: list[str], work: Path) -> subprocess.CompletedProcess[str]:
            raise subprocess.TimeoutExpired(arguments, 300)

        with pytest.raises(LabUnavailable, match="apt-get did not end within 300 s"):
            fetch_package(tmp_path / "kernel", run=hang, is_root=False)


def test_without_a_package_manager_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the caller adds how to name a directory instead."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LabUnavailable, match=r"no apt-get.*THREEPCE_USER_MODE_LINUX"):
        find_kernel(
            environment={"XDG_CACHE_HOME": str(tmp_path)},
            installed=tmp_path,
            fetch=fetch_package,
            machine=X86,
        )


FETCH = """
import sys
from pathlib import Path
from threepce.conformance.lab.package import fetch_package
from threepce.conformance.lab.kernel import examine_directory
print(examine_directory(fetch_package(Path(sys.argv[1]))).release)
"""


def test_two_processes_fetch_the_real_package_at_once(tmp_path: Path) -> None:
    """The package manager itself, into an empty cache."""
    environment = {"PYTHONPATH": ":".join(sys.path), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", FETCH, str(tmp_path / "kernel")],
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for _ in range(2)
    ]
    releases = [process.communicate(timeout=300)[0].strip() for process in processes]

    assert [0, 0] == [process.returncode for process in processes]
    assert releases[0] == releases[1] != ""
    assert {"kernel", "lock"} == {path.name for path in tmp_path.iterdir()}

"""Opening files of a store: regular ones only, and never waiting."""

from __future__ import annotations

import os
import socket

import pytest

from runlore.errors import DamagedFile
from runlore.files import is_directory, is_regular, kind_of, open_binary, open_regular, read_bytes

OTHERS = {
    "link": "a symbolic link",
    "dangling": "a symbolic link",
    "loop": "a symbolic link",
    "fifo": "a FIFO",
    "directory": "a directory",
    "socket": "a socket",
}


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the path of a socket has to be short
    (tmp_path / "file").write_bytes(b"contents")
    os.symlink("file", "link")
    os.symlink("nowhere", "dangling")
    os.symlink("loop", "loop")
    os.mkfifo("fifo")
    os.mkdir("directory")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("socket")
        yield tmp_path


def test_a_regular_file_is_opened(place):
    with open_binary("file") as file:
        assert file.read() == b"contents"
    assert read_bytes("file", 8) == b"contents"


@pytest.mark.timeout(20)
@pytest.mark.parametrize("flags", [os.O_RDONLY, os.O_WRONLY, os.O_RDWR, os.O_RDWR | os.O_CREAT])
@pytest.mark.parametrize("name", OTHERS)
def test_whatever_else_is_there_is_said_and_neither_followed_nor_waited_for(place, name, flags):
    before = set(os.listdir("/proc/self/fd"))
    with pytest.raises(DamagedFile, match=f"'{name}' is {OTHERS[name]} where a regular file should be"):
        open_regular(name, flags)
    assert set(os.listdir("/proc/self/fd")) == before, "a descriptor was left open"
    assert not os.path.lexists("nowhere")


@pytest.mark.timeout(20)
def test_a_device_is_refused():
    with pytest.raises(DamagedFile, match="'/dev/null' is a device"):
        open_regular("/dev/null")


def test_nothing_there_is_the_usual_error(place):
    with pytest.raises(FileNotFoundError):
        open_regular("nothing")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_the_usual_error(place):
    os.chmod("file", 0)
    with pytest.raises(PermissionError):
        open_regular("file")


def test_descriptors_are_not_inherited(place):
    descriptor = open_regular("file")
    assert not os.get_inheritable(descriptor)
    os.close(descriptor)


def test_a_file_that_is_larger_than_it_can_be_is_not_read(place):
    with pytest.raises(DamagedFile, match="'file' has more than 7 bytes"):
        read_bytes("file", 7)


def test_links_are_neither_files_nor_directories(place):
    os.symlink("directory", "link to directory")
    assert [name for name in sorted(os.listdir()) if is_regular(name)] == ["file"]
    assert [name for name in sorted(os.listdir()) if is_directory(name)] == ["directory"]
    assert not is_regular("file/below")
    assert not is_regular("nul\0")


def test_kinds_have_names(place):
    assert kind_of(os.lstat("file").st_mode) == "a regular file"
    assert kind_of(0) == "something unknown"

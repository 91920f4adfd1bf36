from __future__ import annotations

import io
import os
import tarfile

import pytest
from stores import everything, record, session

import runlore
from runlore.errors import InvalidArgument
from runlore.housekeeping import examine, export_archive, import_archive
from runlore.store import open_store
from runlore.store.sealed.sealing import seal_store


class Pipe(io.RawIOBase):
    """Bytes that can be written, or read, once and in order."""

    def __init__(self, content: bytes = b"") -> None:
        self.buffer = io.BytesIO(content)

    def write(self, data):
        return self.buffer.write(data)

    def readable(self):
        return True

    def writable(self):
        return True

    def readinto(self, target):
        return self.buffer.readinto(target)


def pack(root: str) -> bytes:
    target = Pipe()
    views = [runlore.get_run(uid, store=root) for uid in runlore.runs(store=root)["uid"]]
    export_archive(open_store(root), views, target)
    return target.buffer.getvalue()


def test_an_archive_holds_all_of_its_runs(root, tmp_path):
    record(root, artifact=b"model")
    seal_store(open_store(root))
    record(root, "größe/ü", artifact=b"model", acc=float("nan"))
    other = str(tmp_path / "other")
    open_store(other, create=True)
    assert len(import_archive(session(other), Pipe(pack(root))).added) == 2
    assert str(everything(other)) == str(everything(root))
    assert examine(session(other)) == []
    assert import_archive(session(other), Pipe(pack(root))).unchanged == 2
    assert os.listdir(os.path.join(other, "incoming")) == []


def test_a_run_that_goes_on_is_packed_as_far_as_it_is(root, tmp_path):
    other = str(tmp_path / "other")
    open_store(other, create=True)
    with runlore.start("iris", store=root, capture=False) as run:
        run.log_metric("loss", 1, step=1)
        import_archive(session(other), Pipe(pack(root)))
        assert len(runlore.get_run(run.uid, store=other).metric("loss")) == 1
        run.log_metric("loss", 1, step=2)
    assert import_archive(session(other), Pipe(pack(root))).extended == [run.uid]
    assert len(runlore.get_run(run.uid, store=other).metric("loss")) == 2


def archive_of(*names: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> Pipe:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        for name in ("format", *names):
            member = tarfile.TarInfo(name)
            member.type = kind if name != "format" else tarfile.REGTYPE
            member.linkname = link
            content = b"1\n" if name == "format" else b""
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return Pipe(target.getvalue())


UID = "0" * 32


@pytest.mark.parametrize(
    "name",
    [
        "../evil", "/etc/evil", "runs/../../evil", f"runs/{UID}/journal/a.rlj", f"runs/a/{UID}/journal/../../x.rlj",
        f"runs/a/{UID}/catalog.sqlite", "catalog.sqlite", f"blobs/aa/{'b' * 64}", f"runs/.hidden/{UID}/journal/a.rlj",
        f"runs/a//{UID}/journal/a.rlj", "cards/model/a",
    ],
)  # fmt: skip
def test_nothing_leaves_its_place(root, name, tmp_path):
    record(root)
    before = sorted(os.listdir(tmp_path))
    with pytest.raises(InvalidArgument, match="nothing was imported"):
        import_archive(session(root), archive_of(name))
    assert sorted(os.listdir(tmp_path)) == before
    assert os.listdir(os.path.join(root, "incoming")) == []


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_only_plain_files_are_taken(root, kind):
    record(root)
    with pytest.raises(InvalidArgument):
        import_archive(session(root), archive_of(f"runs/a/{UID}/journal/a.rlj", kind=kind, link="/etc/passwd"))


def test_contents_that_are_not_what_they_are_named_are_left_out(root, tmp_path):
    record(root, artifact=b"model")
    target = io.BytesIO()
    with (
        tarfile.open(fileobj=io.BytesIO(pack(root))) as packed,
        tarfile.open(fileobj=target, mode="w:gz") as archive,
    ):
        for member in packed:
            content = packed.extractfile(member) if member.isreg() else None
            if content is not None and member.name.startswith("blobs/"):
                content = io.BytesIO(b"evil!")
            archive.addfile(member, content)
    other = str(tmp_path / "other")
    open_store(other, create=True)
    assert len(import_archive(session(other), Pipe(target.getvalue())).damaged) == 1


@pytest.mark.parametrize("cut", [0, 1, 20, 300, -200])
def test_what_is_cut_off_is_refused(root, tmp_path, cut):
    record(root, artifact=os.urandom(1000))
    other = str(tmp_path / "other")
    open_store(other, create=True)
    with pytest.raises(InvalidArgument, match="no archive"):
        import_archive(session(other), Pipe(pack(root)[:cut]))
    assert len(runlore.runs(store=other)) == 0

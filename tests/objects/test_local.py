"""Local files: outputs are complete or absent, and as private as the input."""

import errno
import os
import resource
import stat
from pathlib import Path

import pytest

from app.objects import local, storage
from app.objects.formats import UnreadableObject
from app.objects.local import LocalFile
from app.objects.s3 import ObjectChanged


class Stopped(BaseException):
    pass


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def write(path: Path, like: Path | None = None) -> None:
    if like is None:
        with storage.Outputs() as outputs:
            outputs.open(LocalFile(path)).write(b"new")
        return
    with storage.open_input(LocalFile(like)) as source, storage.Outputs(source) as outputs:
        outputs.open(LocalFile(path)).write(b"new")


def test_interrupted_run_leaves_the_earlier_file(tmp_path):
    (tmp_path / "out").write_bytes(b"old")
    with pytest.raises(Stopped), storage.Outputs() as outputs:
        outputs.open(LocalFile(tmp_path / "out")).write(b"half")
        raise Stopped
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out").read_bytes() == b"old"


def test_no_output_appears_if_one_cannot_be_written(tmp_path):
    with pytest.raises(OSError, match="File name too long"), storage.Outputs() as outputs:
        outputs.open(LocalFile(tmp_path / "out")).write(b"new")
        outputs.open(LocalFile(tmp_path / ("x" * 250)))
    assert list(tmp_path.iterdir()) == []


def test_full_disk_leaves_the_earlier_files(tmp_path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    (tmp_path / "small").write_bytes(b"old")
    (tmp_path / "large").write_bytes(b"old")
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
        with pytest.raises(OSError) as raised, storage.Outputs() as outputs:
            outputs.open(LocalFile(tmp_path / "small")).write(b"new")
            # Within the buffer, so that only the last write fails.
            outputs.open(LocalFile(tmp_path / "large")).write(bytes(200_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert raised.value.errno == errno.EFBIG
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "small": b"old",
        "large": b"old",
    }


def test_missing_folder_is_created(tmp_path):
    write(tmp_path / "a" / "b" / "out")
    assert (tmp_path / "a" / "b" / "out").read_bytes() == b"new"


def test_leftovers_of_a_killed_run_are_replaced(tmp_path):
    local.temporary(tmp_path / "out").write_bytes(b"left")
    write(tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_file_of_another_program_is_left_alone(tmp_path):
    (tmp_path / "out.unfinished").write_bytes(b"theirs")
    write(tmp_path / "out")
    assert (tmp_path / "out.unfinished").read_bytes() == b"theirs"


def test_target_of_a_link_is_replaced(tmp_path):
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "out").symlink_to("real")
    write(tmp_path / "out")
    assert (tmp_path / "out").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


@pytest.mark.parametrize("of_input", [0o600, 0o640, 0o644, 0o400])
def test_output_is_not_more_readable_than_the_input(tmp_path, of_input):
    (tmp_path / "in").write_bytes(b"text")
    (tmp_path / "in").chmod(of_input)
    write(tmp_path / "out", like=tmp_path / "in")
    assert mode(tmp_path / "out") & 0o077 & ~of_input == 0
    assert mode(tmp_path / "out") & 0o600 == 0o600


def test_output_is_not_more_readable_than_the_replaced_file(tmp_path):
    (tmp_path / "in").write_bytes(b"text")
    (tmp_path / "out").write_bytes(b"old")
    (tmp_path / "out").chmod(0o600)
    write(tmp_path / "out", like=tmp_path / "in")
    assert mode(tmp_path / "out") == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_rights_of_the_input_group_do_not_go_to_another_group(tmp_path):
    (tmp_path / "in").write_bytes(b"text")
    (tmp_path / "in").chmod(0o640)
    os.chown(tmp_path / "in", -1, 12345)
    write(tmp_path / "out", like=tmp_path / "in")
    assert mode(tmp_path / "out") == 0o600


def test_file_replaced_while_read_is_read_to_its_end(tmp_path):
    path = tmp_path / "in"
    path.write_bytes(b"old" * 100_000)
    with storage.open_input(LocalFile(path)) as source:
        source.file.read(10)
        write(path)
        assert len(source.file.read()) == 299_990
        source.check_unchanged()


def test_write_into_a_file_being_read_is_detected(tmp_path):
    path = tmp_path / "in"
    path.write_bytes(b"old")
    os.utime(path, (0, 0))
    with storage.open_input(LocalFile(path)) as source:
        path.write_bytes(b"new")
        with pytest.raises(ObjectChanged, match="was written to while it was read"):
            source.check_unchanged()


def test_folders_pipes_and_devices_are_refused_by_name(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path, reason in (
        (tmp_path, "is a folder, not a file"),
        (tmp_path / "pipe", "is not a regular file"),
        (tmp_path / "gone", "there is no such file"),
    ):
        with pytest.raises(UnreadableObject) as raised:
            local.check_regular(path)
        assert str(raised.value) == f"{path}: {reason}"

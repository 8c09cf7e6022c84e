"""Sealed archives open with their key, as a whole, into plain files below their folder, or not at all."""

import gzip
import io
import os
import tarfile
from pathlib import Path

import pytest

from wahook.profiles import ArchiveDamaged, ProfileKey, WrongKey, archive, sealed
from wahook.profiles.keys import Derivation

from .conftest import SESSION, made_profile

OTHER_KEY = ProfileKey.parse("ff" * 32)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    """A profile with a file that spans several chunks."""
    path = made_profile(tmp_path / "profile")
    (path / "Default/large").write_bytes(os.urandom(300_000))
    return path


@pytest.fixture
def packed(profile: Path, tmp_path: Path, key: ProfileKey) -> Path:
    """Its archive."""
    archive.pack(profile, tmp_path / "packed", key, SESSION)
    return tmp_path / "packed"


def test_what_was_packed_comes_back_byte_for_byte(
    profile: Path, packed: Path, tmp_path: Path, key: ProfileKey
):
    archive.unpack(packed, tmp_path / "new", key, SESSION)
    assert contents(tmp_path / "new") == contents(profile)
    assert packed.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "new/Default/large").stat().st_mode & 0o777 == 0o600


def test_nothing_readable_is_in_an_archive_and_no_two_are_alike(
    profile: Path, tmp_path: Path, key: ProfileKey
):
    for name in ("a", "b"):
        archive.pack(profile, tmp_path / name, key, SESSION)
    first, second = (tmp_path / "a").read_bytes(), (tmp_path / "b").read_bytes()
    assert b"leveldb" not in first
    assert b"\x1f\x8b" not in first[:200]
    assert first[60:] != second[60:]


@pytest.mark.parametrize("length", [0, 1, 64 * 1024 - 1, 64 * 1024, 64 * 1024 + 1, 3 * 64 * 1024])
def test_a_stream_of_any_length_comes_back(length: int, key: ProfileKey):
    plain, file = os.urandom(length), io.BytesIO()
    with sealed.SealingWriter(file, key, SESSION) as writer:
        writer.write(plain)
    whole = file.getvalue()
    reader = sealed.OpeningReader(io.BytesIO(whole), len(whole), key, SESSION)
    assert io.BufferedReader(reader).read() == plain


def test_the_wrong_key_says_so(packed: Path, tmp_path: Path):
    with pytest.raises(WrongKey, match="does not open"):
        archive.unpack(packed, tmp_path / "new", OTHER_KEY, SESSION)
    with pytest.raises(WrongKey, match="another kind"):
        archive.unpack(packed, tmp_path / "new", ProfileKey.parse("passphrase:" + "x" * 20), SESSION)


def test_a_passphrase_opens_what_it_sealed_and_no_other_does(profile: Path, tmp_path: Path):
    phrase = ProfileKey.parse("passphrase:correct horse battery")
    archive.pack(profile, tmp_path / "packed", phrase, SESSION)
    archive.unpack(tmp_path / "packed", tmp_path / "new", phrase, SESSION)
    assert contents(tmp_path / "new") == contents(profile)
    with pytest.raises(WrongKey):
        archive.unpack(
            tmp_path / "packed",
            tmp_path / "n2",
            ProfileKey.parse("passphrase:correct horse cattery"),
            SESSION,
        )


def test_an_archive_cannot_pass_for_another_sessions(packed: Path, tmp_path: Path, key: ProfileKey):
    with pytest.raises(ArchiveDamaged, match="another session"):
        archive.unpack(packed, tmp_path / "new", key, "user_2_wa_9")
    data = packed.read_bytes().replace(SESSION.encode(), b"user_2_wa_2", 1)[:-32]
    forged = tmp_path / "forged"
    forged.write_bytes(data + sealed.hashlib.sha256(data).digest())
    with pytest.raises(WrongKey):
        archive.unpack(forged, tmp_path / "new", key, "user_2_wa_2")


def test_an_archive_cut_off_anywhere_is_damaged(packed: Path, tmp_path: Path, key: ProfileKey):
    data = packed.read_bytes()
    for length in (0, 1, 7, 8, 40, 60, 1000, 70_000, len(data) // 2, len(data) - 33, len(data) - 1):
        packed.write_bytes(data[:length])
        with pytest.raises(ArchiveDamaged):
            archive.unpack(packed, tmp_path / "new", key, SESSION)


def test_a_changed_byte_anywhere_is_damage(packed: Path, tmp_path: Path, key: ProfileKey):
    data = packed.read_bytes()
    for place in (0, 8, 9, 10, 43, 70, 100_000, len(data) - 40, len(data) - 1):
        packed.write_bytes(data[:place] + bytes((data[place] ^ 1,)) + data[place + 1 :])
        with pytest.raises(ArchiveDamaged):
            archive.unpack(packed, tmp_path / "new", key, SESSION)


def test_chunks_taken_away_or_swapped_do_not_open_even_with_a_matching_checksum(
    packed: Path, tmp_path: Path, key: ProfileKey
):
    data = packed.read_bytes()[:-32]
    head, step = 8 + 2 + 32 + 2 + len(SESSION), 64 * 1024 + 16
    chunks = [data[at : at + step] for at in range(head, len(data), step)]
    assert len(chunks) >= 4
    orders = (chunks[:-1], [chunks[1], chunks[0], *chunks[2:]], chunks[1:], [*chunks, chunks[-1]])
    for number, order in enumerate(orders):
        body = data[:head] + b"".join(order)
        packed.write_bytes(body + sealed.hashlib.sha256(body).digest())
        with pytest.raises(WrongKey):
            archive.unpack(packed, tmp_path / f"new{number}", key, SESSION)


def test_a_newer_format_says_what_is_known_here(packed: Path, tmp_path: Path, key: ProfileKey):
    data = bytearray(packed.read_bytes()[:-32])
    data[8] = 2
    packed.write_bytes(bytes(data) + sealed.hashlib.sha256(bytes(data)).digest())
    with pytest.raises(ArchiveDamaged, match="version 2 of the format"):
        archive.unpack(packed, tmp_path / "new", key, SESSION)


def crafted(path: Path, key: ProfileKey, *members: tarfile.TarInfo) -> Path:
    """An archive sealed with the right key by somebody who means harm."""
    with path.open("xb") as file, sealed.SealingWriter(file, key, SESSION) as writer:
        plain = io.BytesIO()
        with tarfile.open(fileobj=plain, mode="w") as tar:
            for member in members:
                tar.addfile(member, io.BytesIO(bytes(member.size)))
        writer.write(gzip.compress(plain.getvalue()))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 0) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, size
    return info


@pytest.mark.parametrize(
    "trick",
    [
        [member("../outside", size=3)],
        [member("/outside", size=3)],
        [member("Default/../../outside", size=3)],
        [member("a\\..\\outside", size=3)],
        [member("Default", tarfile.SYMTYPE, ".."), member("Default/outside", size=3)],
        [member("link", tarfile.LNKTYPE, "../secret")],
        [member("device", tarfile.CHRTYPE)],
        [member("pipe", tarfile.FIFOTYPE)],
        [member("Default", tarfile.DIRTYPE)],
    ],
    ids=lambda trick: trick[0].name,
)
def test_no_archive_writes_outside_or_anything_but_files(
    tmp_path: Path, key: ProfileKey, trick: list[tarfile.TarInfo]
):
    (tmp_path / "secret").write_text("secret")
    new = tmp_path / "new"
    new.mkdir()
    with pytest.raises(ArchiveDamaged):
        archive.unpack(crafted(tmp_path / "packed", key, *trick), new, key, SESSION)
    assert {path.name for path in tmp_path.iterdir()} == {"secret", "packed", "new"}
    assert list(new.rglob("*")) == []


def test_a_file_that_comes_twice_is_refused(tmp_path: Path, key: ProfileKey):
    packed = crafted(tmp_path / "packed", key, member("a", size=1), member("a", size=2))
    with pytest.raises(ArchiveDamaged):
        archive.unpack(packed, tmp_path / "new", key, SESSION)


def test_a_bomb_is_refused_before_it_is_written(
    tmp_path: Path, key: ProfileKey, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(archive, "MOST_BYTES", 1_000_000)
    monkeypatch.setattr(archive, "MOST_FILES", 3)
    large = crafted(tmp_path / "large", key, member("a", size=500_000), member("b", size=500_001))
    many = crafted(tmp_path / "many", key, *(member(str(number)) for number in range(4)))
    for packed in (large, many):
        with pytest.raises(ArchiveDamaged, match="more than it can"):
            archive.unpack(packed, tmp_path / f"new-{packed.name}", key, SESSION)
    assert not (tmp_path / "new-large/b").exists()


def test_sealed_rubbish_is_damage_not_a_crash(tmp_path: Path, key: ProfileKey):
    for number, rubbish in enumerate((b"", b"rubbish" * 100, gzip.compress(b"rubbish" * 1000))):
        path = tmp_path / str(number)
        with path.open("xb") as file, sealed.SealingWriter(file, key, SESSION) as writer:
            writer.write(rubbish)
        with pytest.raises(ArchiveDamaged):
            archive.unpack(path, tmp_path / "new", key, SESSION)


@pytest.mark.parametrize(
    "text", ["ab" * 32, "AB" * 32, " " + "ab" * 32 + "\n", "q83vq83vq83vq83vq83vq83vq83vq83vq83vq83vq80="]
)
def test_a_key_is_32_bytes_as_hex_or_base64(text: str):
    parsed = ProfileKey.parse(text)
    assert (parsed.derivation, len(parsed.secret)) == (Derivation.KEY, 32)


@pytest.mark.parametrize("text", ["", "ab" * 31, "ab" * 33, "not a key", "passphrase:short", "q80="])
def test_anything_else_is_refused_without_repeating_it(text: str):
    with pytest.raises(ValueError, match="PROFILE_KEY") as refused:
        ProfileKey.parse(text)
    assert not text or text not in str(refused.value)


def test_a_key_shows_in_no_text():
    assert "abab" not in repr(ProfileKey.parse("ab" * 32))
    assert "171" not in repr(ProfileKey.parse("ab" * 32))

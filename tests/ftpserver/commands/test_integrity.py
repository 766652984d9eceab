"""HASH, the X digests and RANG: right sums of the right bytes, and every form of argument."""

import hashlib
import zlib
from pathlib import Path

import pytest

from tests.playbook import Playbook

CONTENT = bytes(range(256)) * 9000  # more than one chunk
X_VERBS = {
    "XCRC": lambda data: f"{zlib.crc32(data):08X}",
    "XMD5": lambda data: hashlib.md5(data).hexdigest().upper(),
    "MD5": lambda data: hashlib.md5(data).hexdigest().upper(),
    "XSHA": lambda data: hashlib.sha1(data).hexdigest().upper(),
    "XSHA1": lambda data: hashlib.sha1(data).hexdigest().upper(),
    "XSHA256": lambda data: hashlib.sha256(data).hexdigest().upper(),
    "XSHA512": lambda data: hashlib.sha512(data).hexdigest().upper(),
}
ALGORITHMS = {
    "SHA-256": lambda data: hashlib.sha256(data).hexdigest(),
    "SHA-512": lambda data: hashlib.sha512(data).hexdigest(),
    "SHA-1": lambda data: hashlib.sha1(data).hexdigest(),
    "MD5": lambda data: hashlib.md5(data).hexdigest(),
    "CRC32": lambda data: f"{zlib.crc32(data):08X}",
}


@pytest.fixture
def file(book: Playbook) -> Path:
    made = book.home / "a file"
    made.write_bytes(CONTENT)
    return made


def feature(book: Playbook, word: str) -> str:
    (line,) = [line.strip() for line in book.say("FEAT").reply.lines if line.strip().startswith(word)]
    return line


# -- HASH ----------------------------------------------------------------------------------------------------


def test_hash_says_algorithm_range_digest_and_path(book: Playbook, file: Path) -> None:
    said = book.say("HASH a file") >> 213
    assert said.text == f"SHA-256 0-{len(CONTENT) - 1} {hashlib.sha256(CONTENT).hexdigest()} /a file"


@pytest.mark.parametrize("name", ALGORITHMS)
def test_the_algorithm_is_chosen_and_feat_marks_it(book: Playbook, file: Path, name: str) -> None:
    assert (book.say(f"OPTS HASH {name.lower()}") >> 200).text == name
    assert (book.say("OPTS HASH") >> 200).text == name
    digest = ALGORITHMS[name](CONTENT)
    assert (book.say("HASH a file") >> 213).text.startswith(f"{name} 0-{len(CONTENT) - 1} {digest} ")
    assert feature(book, "HASH ").count("*") == 1
    assert f"{name}*" in feature(book, "HASH ")


def test_an_unknown_algorithm_changes_nothing(book: Playbook, file: Path) -> None:
    book.say("OPTS HASH SHA-3") >> 504
    assert (book.say("OPTS HASH") >> 200).text == "SHA-256"


@pytest.mark.parametrize("verb", ["HASH", *X_VERBS])
def test_what_has_no_bytes_has_no_digest(book: Playbook, verb: str) -> None:
    (book.home / "dir").mkdir()
    (book.home / "out").symlink_to("/etc/hostname")
    for name in ("nothing", "dir", "out"):
        book.say(f"{verb} {name}") >> 550
    book.say(verb) >> 501


@pytest.mark.parametrize("verb", ["HASH", *X_VERBS])
def test_a_digest_needs_the_right_to_read(playbook: Playbook, verb: str) -> None:
    home = playbook.login(permissions="drop-box")
    (home / "file").write_bytes(b"x")
    playbook.say(f"{verb} file") >> 550


def test_an_empty_file_has_the_digest_of_nothing(book: Playbook) -> None:
    (book.home / "empty").touch()
    assert (book.say("HASH empty") >> 213).text == f"SHA-256 0-0 {hashlib.sha256().hexdigest()} /empty"
    assert (book.say("XCRC empty") >> 250).text == "00000000"


# -- RANG ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("first", "last"), [(0, 0), (10, 1_500_000), (len(CONTENT) - 1, len(CONTENT) - 1)])
def test_rang_chooses_the_bytes_both_ends_included(book: Playbook, file: Path, first: int, last: int) -> None:
    book.say(f"RANG {first} {last}") >> 350
    part = CONTENT[first : last + 1]
    assert (book.say("HASH a file") >> 213).text == (
        f"SHA-256 {first}-{last} {hashlib.sha256(part).hexdigest()} /a file"
    )
    book.say(f"RANG {first} {last}") >> 350
    assert (book.say("RETR a file") >> 150).content()[: last + 1 - first] == part


def test_a_range_ends_with_the_file(book: Playbook, file: Path) -> None:
    book.say("RANG 100 99999999") >> 350
    digest = hashlib.sha256(CONTENT[100:]).hexdigest()
    assert f"100-{len(CONTENT) - 1} {digest}" in (book.say("HASH a file") >> 213).text
    book.say(f"RANG {len(CONTENT) + 1} {len(CONTENT) + 2}") >> 350
    book.say("HASH a file") >> 501


def test_a_range_is_for_the_next_hash_or_transfer_only(book: Playbook, file: Path) -> None:
    whole = hashlib.sha256(CONTENT).hexdigest()
    for between in ("HASH a file", "NLST", "HASH nothing"):
        book.say("RANG 1 2") >> 350
        book.say(between)
        assert whole in book.say("HASH a file").text


@pytest.mark.parametrize("between", ["EPSV", "TYPE I", "RANG 1 0"])
def test_what_may_stand_between(book: Playbook, file: Path, between: str) -> None:
    book.say("RANG 5 9") >> 350
    book.say(between)
    kept = between != "RANG 1 0"
    assert ("5-9" in book.say("HASH a file").text) is kept


@pytest.mark.parametrize("argument", ["", "1", "5 4", "2 1", "-1 5", "1 x", "1 2 3", "9223372036854775808 1"])
def test_what_is_no_range_is_501(book: Playbook, argument: str) -> None:
    book.say(f"RANG {argument}") >> 501


def test_feat_says_rang_stream(book: Playbook) -> None:
    assert feature(book, "RANG") == "RANG STREAM"


# -- the X digests -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", X_VERBS)
@pytest.mark.parametrize(
    ("argument", "part"),
    [
        ("a file", slice(None)),
        ('"a file"', slice(None)),
        ('"a file" 100', slice(100, None)),
        ('"a file" 100 2000', slice(100, 2000)),
        ("a file 2000", slice(0, 2000)),
        ("a file 100 2000", slice(100, 2000)),
        ('"a file" 0 99999999', slice(None)),
    ],
)
def test_x_digests_of_a_file_or_a_part(
    book: Playbook, file: Path, verb: str, argument: str, part: slice
) -> None:
    assert (book.say(f"{verb} {argument}") >> 250).text == X_VERBS[verb](CONTENT[part])


def test_a_name_that_ends_in_numbers_is_a_name(book: Playbook, file: Path) -> None:
    (book.home / "a file 10").write_bytes(b"another")
    assert (book.say("XMD5 a file 10") >> 250).text == hashlib.md5(b"another").hexdigest().upper()
    assert (book.say("XMD5 a file 11") >> 250).text == hashlib.md5(CONTENT[:11]).hexdigest().upper()


def test_quotes_in_names_are_doubled(book: Playbook) -> None:
    (book.home / 'the "best" file').write_bytes(b"x")
    digest = hashlib.md5(b"x").hexdigest().upper()
    assert (book.say('XMD5 "the ""best"" file" 0 1') >> 250).text == digest
    assert (book.say('XMD5 the "best" file') >> 250).text == digest


def test_a_part_beyond_the_end_is_501(book: Playbook, file: Path) -> None:
    book.say(f'XCRC "a file" {len(CONTENT) + 1}') >> 501


def test_feat_names_the_x_digests(book: Playbook) -> None:
    told = {line.strip() for line in book.say("FEAT").reply.lines}
    assert {"XCRC", "XMD5", "XSHA1", "XSHA256", "XSHA512"} <= told

"""ftpwire.pathname: paths stay below the root whatever the text, and quoting loses nothing."""

import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpwire.errors import LocalError, RemoteError
from ftpwire.pathname import MAX_PATH, ROOT, VirtualPath, quote, unquote

NAMES = (
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1, max_size=8)
    | st.binary(min_size=1, max_size=8).map(
        lambda raw: raw.translate(None, b"/\0").decode("utf-8", "surrogateescape")
    )
).filter(lambda name: name not in ("", ".", ".."))
PATHS = st.lists(NAMES, max_size=5).map(lambda names: VirtualPath("/" + "/".join(names)))
TYPED = st.lists(
    st.sampled_from(["a", "b", ".", "..", "...", "/", "//", "\\", "~", "-", " "]), max_size=12
).map("".join)


@pytest.mark.parametrize(
    ("cwd", "text", "path"),
    [
        ("/", "", "/"),
        ("/a", "", "/a"),
        ("/a", ".", "/a"),
        ("/a", "b", "/a/b"),
        ("/a", "b/", "/a/b"),
        ("/a", "/", "/"),
        ("/a", "/b", "/b"),
        ("/a", "//b///c//", "/b/c"),
        ("/a/b", "..", "/a"),
        ("/a/b", "../../../../x", "/x"),
        ("/", "..", "/"),
        ("/", "/../../etc/passwd", "/etc/passwd"),
        ("/a", "b/../../c", "/c"),
        ("/a", "...", "/a/..."),
        ("/a", "..b", "/a/..b"),
        ("/a", "..\\..", "/a/..\\.."),
        ("/a", "%2e%2e/x", "/a/%2e%2e/x"),
        ("/a", "~root", "/a/~root"),
        ("/a", "-rf", "/a/-rf"),
        ("/a", " b ", "/a/ b "),
        ("/a", "b\r\nc", "/a/b\r\nc"),
        ("/a", "\udcc0\udcae\udcc0\udcae", "/a/\udcc0\udcae\udcc0\udcae"),
    ],
)
def test_resolve(cwd: str, text: str, path: str) -> None:
    assert VirtualPath.resolve(VirtualPath(cwd), text) == VirtualPath(path)


def test_nul_is_refused() -> None:
    with pytest.raises(RemoteError):
        VirtualPath.resolve(ROOT, "a\0b")


@pytest.mark.parametrize("letter", ["a", "é", "日", "😀", "\udcff"])
def test_the_limit_counts_bytes(letter: str) -> None:
    wide = len(letter.encode("utf-8", "surrogateescape"))
    fits = letter * ((MAX_PATH - 1) // wide)
    assert VirtualPath.resolve(ROOT, fits).name == fits
    with pytest.raises(RemoteError):
        VirtualPath.resolve(ROOT, letter * (MAX_PATH // wide + 1))


def test_a_long_path_that_has_no_bytes_is_refused() -> None:
    with pytest.raises(RemoteError):
        VirtualPath.resolve(ROOT, "\ud800" * 2000)


def test_the_limit_holds_for_the_result_and_for_the_text() -> None:
    deep = VirtualPath.resolve(ROOT, "a/" * 2000)
    with pytest.raises(RemoteError):
        VirtualPath.resolve(deep, "b" * 200)
    with pytest.raises(RemoteError):
        VirtualPath.resolve(ROOT, "./" * 2049)


@given(PATHS, TYPED)
def test_resolve_agrees_with_posix(cwd: VirtualPath, text: str) -> None:
    expected = "/" + posixpath.normpath(posixpath.join(cwd.text, text)).lstrip("/")
    assert VirtualPath.resolve(cwd, text).text == expected


@given(PATHS, PATHS)
def test_a_path_resolves_to_itself_from_anywhere(cwd: VirtualPath, path: VirtualPath) -> None:
    assert VirtualPath.resolve(cwd, path.text) == path
    assert VirtualPath.resolve(ROOT, path.relative) == path


@given(PATHS, NAMES)
def test_child_and_parent(path: VirtualPath, name: str) -> None:
    child = path.child(name)
    assert (child.parent, child.name, child.parts) == (path, name, (*path.parts, name))
    assert child.is_below(path)
    assert not path.is_below(child)
    assert not path.is_below(path)


def test_the_root() -> None:
    assert (ROOT.text, ROOT.name, ROOT.parts, ROOT.relative, str(ROOT)) == ("/", "", (), ".", "/")
    assert ROOT.parent == ROOT
    assert not ROOT.is_below(ROOT)


def test_views_of_a_path() -> None:
    path = VirtualPath("/a/b")
    assert (path.name, path.parent, path.parts, path.relative) == ("b", VirtualPath("/a"), ("a", "b"), "a/b")
    assert f"{path}" == "/a/b"
    assert {path: 1}[VirtualPath("/a/b")] == 1


def test_below_is_not_a_matter_of_prefixes() -> None:
    assert not VirtualPath("/alice").is_below(VirtualPath("/al"))
    assert VirtualPath("/al/ice").is_below(VirtualPath("/al"))
    assert VirtualPath("/a/b/c").is_below(VirtualPath("/a"))
    assert VirtualPath("/a").is_below(ROOT)


@pytest.mark.parametrize(
    "text",
    ["", "a", "a/b", "//", "/a/", "/a//b", "/.", "/..", "/a/./b", "/a/..", "/../a", "/a\0b", "\0", "./a"],
)
def test_a_virtual_path_is_absolute_and_normal(text: str) -> None:
    with pytest.raises(LocalError):
        VirtualPath(text)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "/", "/a", "a\0b"])
def test_a_child_is_one_plain_name(name: str) -> None:
    for path in (ROOT, VirtualPath("/a")):
        with pytest.raises(LocalError):
            path.child(name)


@given(st.text())
def test_quote_round_trip(text: str) -> None:
    assert unquote(quote(text)) == text
    assert unquote(f"{quote(text)} is the current directory") == text


def test_unquote_takes_the_first_quoted_string() -> None:
    assert quote('/a "b"') == '"/a ""b"""'
    assert unquote('created: "/a ""b""" and "c"') == '/a "b"'
    assert unquote('""') == ""


@pytest.mark.parametrize("text", ["", "no quotes", '"open', 'a "open ""', '"' * 99_999])
def test_a_reply_without_a_quoted_path_is_refused(text: str) -> None:
    with pytest.raises(RemoteError):
        unquote(text)

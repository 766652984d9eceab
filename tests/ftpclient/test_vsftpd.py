"""The client against vsftpd: LIST only, MDTM, and data connections that must reuse the TLS session.

Run as the user we are it makes no jail, so every path here is relative to its home: "/t" would be the machine's.
"""

import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ftpclient.client import Client
from ftpclient.errors import NotFound
from ftpclient.session import Settings
from ftpclient.transfer import get_file, put_file
from ftpclient.tree import get_tree, put_tree, remove_tree
from ftpclient.trust import Tls, make_context
from ftpwire.entry import Kind
from tests.ftpclient.peers import Foreign, vsftpd
from tests.ftpclient.test_tree import TREE, harvest, plant

pytestmark = pytest.mark.needs("vsftpd")


@pytest.fixture(params=["clear", "tls 1.2", "tls 1.3"])
def served(
    request: pytest.FixtureRequest, tmp_path: Path, certificate: Path
) -> Iterator[tuple[Foreign, Client]]:
    extra, settings = "", Settings(Tls.OFF, timeout=20)
    if request.param != "clear":
        extra = (
            f"ssl_enable=YES\nallow_anon_ssl=YES\nforce_anon_logins_ssl=YES\nforce_anon_data_ssl=YES\n"
            f"require_ssl_reuse=YES\nstrict_ssl_read_eof=YES\nssl_ciphers=HIGH\nrsa_cert_file={certificate}\n"
        )
        context = make_context(str(certificate))
        if request.param == "tls 1.2":
            context.maximum_version = context.maximum_version.TLSv1_2
        settings = Settings(Tls.REQUIRE, context, timeout=20)
    (tmp_path / "server").mkdir()
    with (
        vsftpd(tmp_path / "server", extra) as foreign,
        Client.connect("127.0.0.1", foreign.port, settings) as client,
    ):
        client.login(foreign.user, foreign.password)
        yield foreign, client


def test_files_trees_and_listings(served: tuple[Foreign, Client], tmp_path: Path) -> None:
    foreign, client = served
    local = plant(tmp_path / "up", TREE)
    assert not put_tree(client, local, "t").failures
    assert harvest(foreign.home / "t") == TREE
    assert not get_tree(client, "t", tmp_path / "down").failures
    assert harvest(tmp_path / "down") == TREE
    assert client.stat("t/h").kind is Kind.DIRECTORY
    assert not remove_tree(client, "t").failures
    assert client.list() == []


def test_large_files_are_moved_and_continued(served: tuple[Foreign, Client], tmp_path: Path) -> None:
    foreign, client = served
    content = os.urandom(5_000_001)
    (tmp_path / "f").write_bytes(content)
    put_file(client, tmp_path / "f", "f")
    assert (foreign.home / "f").read_bytes() == content
    (tmp_path / "g").write_bytes(content[:3_000_000])
    assert get_file(client, "f", tmp_path / "g", resume=True).resumed == 3_000_000
    assert (tmp_path / "g").read_bytes() == content
    (foreign.home / "f").write_bytes(content[:4_000_000])
    assert put_file(client, tmp_path / "f", "f", resume=True).resumed == 4_000_000
    assert (foreign.home / "f").read_bytes() == content


def test_what_is_missing_is_not_found(served: tuple[Foreign, Client], tmp_path: Path) -> None:
    _, client = served
    with pytest.raises(NotFound):
        client.retrieve("nothing", io.BytesIO())
    with pytest.raises(NotFound):
        get_file(client, "nothing", tmp_path / "x")
    with pytest.raises(NotFound):
        client.list("nothing")
    with pytest.raises(NotFound):
        client.stat("nothing")

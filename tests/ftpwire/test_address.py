"""ftpwire.address: both notations, both directions, and only plain digits."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpwire.address import (
    decode_epsv,
    decode_extended,
    decode_host_port,
    decode_pasv,
    encode_epsv,
    encode_extended,
    encode_host_port,
)
from ftpwire.errors import LocalError, RemoteError, UnsupportedProtocol

IPV4 = st.ip_addresses(v=4).map(str)
IPV6 = st.ip_addresses(v=6).map(str)
PORTS = st.integers(1, 65535)
BAD_PORTS = [-1, 0, 65536, 10**30]


@given(IPV4, PORTS)
def test_host_port_round_trip(host: str, port: int) -> None:
    text = encode_host_port(host, port)
    assert decode_host_port(text) == (host, port)
    assert decode_pasv(f"Entering Passive Mode ({text}).") == (host, port)
    assert decode_pasv(f"={text}") == (host, port)


@given(IPV4 | IPV6, PORTS)
def test_extended_round_trip(host: str, port: int) -> None:
    assert decode_extended(encode_extended(host, port)) == (host, port)


@given(PORTS)
def test_epsv_round_trip(port: int) -> None:
    assert decode_epsv(encode_epsv(port)) == port
    assert decode_epsv(f"Entering Extended Passive Mode ({encode_epsv(port)})") == port


def test_the_words_of_the_rfcs() -> None:
    assert encode_host_port("132.235.1.2", 6275) == "132,235,1,2,24,131"
    assert encode_extended("132.235.1.2", 6275) == "|1|132.235.1.2|6275|"
    assert encode_extended("1080::8:800:200C:417A", 5282) == "|2|1080::8:800:200C:417A|5282|"
    assert encode_epsv(6446) == "|||6446|"


@pytest.mark.parametrize("port", BAD_PORTS)
def test_we_say_no_port_that_is_none(port: int) -> None:
    with pytest.raises(LocalError):
        encode_host_port("127.0.0.1", port)
    with pytest.raises(LocalError):
        encode_extended("127.0.0.1", port)
    with pytest.raises(LocalError):
        encode_epsv(port)


@pytest.mark.parametrize("host", ["", "localhost", "::1", "1.2.3", "1.2.3.256", "1.2.3.4,5", "127.0.0.1\r\n"])
def test_port_carries_ipv4_only(host: str) -> None:
    with pytest.raises(LocalError):
        encode_host_port(host, 21)


@pytest.mark.parametrize("host", ["", "localhost", "1.2.3", ":::", "fe80::1%eth0", "::1|21|\r\n"])
def test_eprt_carries_plain_addresses_only(host: str) -> None:
    with pytest.raises(LocalError):
        encode_extended(host, 21)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1,2,3,4,5",
        "1,2,3,4,5,6,7",
        "1,2,3,4,5,6,",
        " 1,2,3,4,5,6",
        "1,2,3,4,5,6\n",
        "(1,2,3,4,5,6)",
        "1, 2,3,4,5,6",
        "256,2,3,4,5,6",
        "1,2,3,4,256,6",
        "1,2,3,4,5,0006",
        "1,2,3,4,0,0",
        "-1,2,3,4,5,6",
        "+1,2,3,4,5,6",
        "1_0,2,3,4,5,6",
        "\u0661,2,3,4,5,6",
        "1.2.3.4.5.6",
        "1,2,3,4,5," + "6" * 5000,
    ],
)
def test_port_is_read_strictly(text: str) -> None:
    with pytest.raises(RemoteError):
        decode_host_port(text)


def test_leading_zeros_are_decimal() -> None:
    assert decode_host_port("010,000,000,001,000,021") == ("10.0.0.1", 21)


@pytest.mark.parametrize(
    "text",
    [
        "Entering Passive Mode (10,0,0,1,4,1)",
        "Entering Passive Mode (10, 0, 0, 1, 4, 1).",
        "227 Passive 10,0,0,1,4,1",
        "=10,0,0,1,4,1",
        "In 3 seconds: 10,0,0,1,4,1",
    ],
)
def test_pasv_is_found_in_free_text(text: str) -> None:
    assert decode_pasv(text) == ("10.0.0.1", 1025)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Entering Passive Mode",
        "(1,2,3,4,5)",
        "(1,2,3,4,5,256)",
        "(1,2,3,4,0,0)",
        "(1234,2,3,4,5,6)",
        "(1,2,3,4,5,1234)",
        "(\u0661,2,3,4,5,6)",
        "(1,2,3,4,5," * 10_000,
    ],
)
def test_a_pasv_reply_without_an_address_is_refused(text: str) -> None:
    with pytest.raises(RemoteError):
        decode_pasv(text)


@pytest.mark.parametrize("delimiter", ["|", "!", "~", ",", "/"])
def test_eprt_takes_any_delimiter(delimiter: str) -> None:
    text = delimiter.join(("", "1", "10.0.0.1", "1025", ""))
    assert decode_extended(text) == ("10.0.0.1", 1025)
    text = delimiter.join(("", "2", "::1", "1025", ""))
    assert decode_extended(text) == ("::1", 1025)


@pytest.mark.parametrize("family", ["0", "3", "01", "99999"])
def test_an_unknown_network_is_told_apart(family: str) -> None:
    with pytest.raises(UnsupportedProtocol):
        decode_extended(f"|{family}|anything|1025|")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "|",
        "|1|10.0.0.1|1025",
        "|1|10.0.0.1|1025||",
        "x|1|10.0.0.1|1025|",
        "|1|10.0.0.1|1025|x",
        " 1 10.0.0.1 1025 ",
        "\x7f1\x7f10.0.0.1\x7f1025\x7f",
        "§1§10.0.0.1§1025§",
        "||10.0.0.1|1025|",
        "|x|10.0.0.1|1025|",
        "|-1|10.0.0.1|1025|",
        "|\u0661|10.0.0.1|1025|",
        "|100000|10.0.0.1|1025|",
        "|1||1025|",
        "|1|::1|1025|",
        "|2|10.0.0.1|1025|",
        "|2|fe80::1%eth0|1025|",
        "|1|010.0.0.1|1025|",
        "|1|localhost|1025|",
        "|1|10.0.0.1||",
        "|1|10.0.0.1|0|",
        "|1|10.0.0.1|65536|",
        "|1|10.0.0.1|-1|",
        "|1|10.0.0.1|1_0|",
        "|1|10.0.0.1| 21|",
        "|1|10.0.0.1|\u0662\u0661|",
        "|1|10.0.0.1|" + "1" * 5000 + "|",
    ],
)
def test_eprt_is_read_strictly(text: str) -> None:
    with pytest.raises(RemoteError) as caught:
        decode_extended(text)
    assert not isinstance(caught.value, UnsupportedProtocol)


def test_epsv_takes_any_delimiter() -> None:
    assert decode_epsv("Extended (!!!1025!) here") == 1025


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Entering Extended Passive Mode",
        "(|||)",
        "(||||)",
        "(|||0|)",
        "(|||65536|)",
        "(|||-1|)",
        "(|||\u0661|)",
        "(|||123456|)",
        "(||x1025|)",
        "(|||1025!)",
        "(   1025 )",
    ],
)
def test_an_epsv_reply_without_a_port_is_refused(text: str) -> None:
    with pytest.raises(RemoteError):
        decode_epsv(text)


@given(st.text(st.sampled_from("0123456789,.|:!()a \u0661-"), max_size=40))
def test_any_text_is_read_as_an_address_or_refused(text: str) -> None:
    for decode in (decode_host_port, decode_pasv, decode_extended):
        try:
            host, port = decode(text)
        except RemoteError:
            continue
        assert (IPv6Address if ":" in host else IPv4Address)(host)
        assert 1 <= port <= 65535

"""Whom a limit counts together: a network, a browser and a language at one counter on one day."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.survey.coarse_client import CoarseClient, bucket, client_address, coarse_client, network_of

PEER = "192.0.2.1"
KEY = b"k" * 32
CLIENT = CoarseClient("198.51.100.0/24", "Mozilla/5.0", "vi")


@pytest.mark.parametrize(
    ("forwarded", "proxies", "address"),
    [
        (["198.51.100.7"], 0, PEER),
        (["198.51.100.7"], 1, "198.51.100.7"),
        (["203.0.113.9, 198.51.100.7"], 1, "198.51.100.7"),
        (["203.0.113.9, 198.51.100.7"], 2, "203.0.113.9"),
        (["203.0.113.9", "198.51.100.7"], 2, "203.0.113.9"),
        (["203.0.113.9"], 2, PEER),
        ([], 1, PEER),
        (["unknown"], 1, PEER),
        (["198.51.100.7, "], 1, PEER),
        (["198.51.100.7:4711"], 1, "198.51.100.7"),
        (["[2001:db8::7]:4711"], 1, "2001:db8::7"),
        (["[2001:db8::7]"], 1, "2001:db8::7"),
        (["2001:db8::7"], 1, "2001:db8::7"),
    ],
    ids=[
        "nobody is believed",
        "one proxy",
        "what the client wrote is left of it",
        "two proxies",
        "in two lines",
        "fewer addresses than proxies",
        "none",
        "no address",
        "nothing at its place",
        "with a port",
        "IPv6 with a port",
        "IPv6 in brackets",
        "IPv6",
    ],
)
def test_the_client_is_whom_the_outermost_of_our_proxies_saw(forwarded: list[str], proxies: int, address: str) -> None:
    assert client_address(PEER, forwarded, proxies) == address


@given(st.lists(st.text()), st.integers(0, 10))
def test_no_forwarded_header_is_an_error(forwarded: list[str], proxies: int) -> None:
    assert client_address(PEER, forwarded, proxies)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("198.51.100.7", "198.51.100.0/24"),
        ("::ffff:198.51.100.7", "198.51.100.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        ("", ""),
        ("localhost", ""),
    ],
)
def test_an_address_counts_with_its_network(address: str, network: str) -> None:
    assert network_of(address) == network


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
def test_a_network_never_tells_the_address(address: IPv4Address | IPv6Address) -> None:
    assert str(address) != network_of(str(address)).partition("/")[0] or int(address) % 256 == 0


def test_a_client_is_told_by_network_browser_and_language() -> None:
    headers = [("HOST", "h"), ("USER-AGENT", "Mozilla/5.0"), ("ACCEPT-LANGUAGE", "vi"), ("COOKIE", "c")]
    assert coarse_client(("198.51.100.7", 5000), headers, 0) == CLIENT
    assert coarse_client("a local socket", headers, 0) == CLIENT._replace(network="")


def test_the_same_client_has_the_same_bucket() -> None:
    assert bucket(KEY, "7K3M9QX2TB", CLIENT) == bucket(KEY, "7K3M9QX2TB", CoarseClient(*CLIENT))


@pytest.mark.parametrize(
    "other",
    [
        bucket(KEY, "8K3M9QX2TB", CLIENT),
        bucket(KEY[:-1] + b"x", "7K3M9QX2TB", CLIENT),
        bucket(KEY, "7K3M9QX2TB", CLIENT._replace(network="198.51.101.0/24")),
        bucket(KEY, "7K3M9QX2TB", CLIENT._replace(agent="Mozilla/5.1")),
        bucket(KEY, "7K3M9QX2TB", CLIENT._replace(languages="en")),
        bucket(KEY, "7K3M9QX2TB", CoarseClient(CLIENT.network, "Mozilla/5.0v", "i")),
    ],
    ids=["counter", "key", "network", "browser", "language", "the same letters elsewhere"],
)
def test_another_counter_key_or_client_has_another_bucket(other: str) -> None:
    assert other != bucket(KEY, "7K3M9QX2TB", CLIENT)


@given(st.text(), st.text())
def test_a_bucket_says_nothing_of_its_client(agent: str, languages: str) -> None:
    named = bucket(KEY, "7K3M9QX2TB", CoarseClient("198.51.100.0/24", agent, languages))
    assert len(named) == 24
    assert set(named) <= set("0123456789abcdef")

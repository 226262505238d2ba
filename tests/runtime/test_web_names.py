"""Names that lead to a server, and pages that are its own."""

import pytest

from glcic_jax.runtime.errors import UserError
from glcic_jax.runtime.web_names import neighbourhood, own_names, why_strange

NAMES = own_names(["photos.example.org", "https://b.example:8443/fill/", "http://c.example:80"])


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("127.0.0.1:7860", None),
        ("localhost", None),
        ("[::1]:7860", "http://[::1]:7860"),
        ("photos.example.org", "https://photos.example.org"),
        ("photos.example.org:8443", "https://photos.example.org:8443"),
        ("127.0.0.1:7860", "https://photos.example.org"),  # a proxy that passes its own Host
        ("127.0.0.1:7860", "https://b.example:8443"),
        ("photos.example.org", "https://b.example:8443"),
        ("c.example", "http://c.example"),
    ],
)
def test_own_pages_are_answered(host, origin):
    assert why_strange(host, origin, NAMES) is None


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        ("", None),
        ("evil.example", None),
        ("[::1", None),
        ("127.0.0.1.evil.example", None),
        ("127.0.0.1:7860", "null"),
        ("127.0.0.1:7860", ""),
        ("127.0.0.1:7860", "http://127.0.0.1:9999"),  # another server of this machine
        ("127.0.0.1:7860", "https://photos.example.org:444"),
        ("127.0.0.1:7860", "https://photos.example.org.evil.example"),
        ("127.0.0.1:7860", "https://b.example"),
        ("127.0.0.1:7860", "http://[::1"),
        ("127.0.0.1:7860", "https://photos.example.org@evil.example"),
    ],
)
def test_other_pages_are_refused(host, origin):
    assert "not the server's own" in (why_strange(host, origin, NAMES) or "")


def test_the_refusal_names_what_to_give():
    reason = why_strange("127.0.0.1:7860", "https://new.example", NAMES)
    assert (reason or "").endswith("start the server with --name new.example")
    reason = why_strange("127.0.0.1:7860", "https://<script>", NAMES)
    assert (reason or "").endswith("--name NAME")


def test_a_machine_with_capitals_in_its_name_is_found():
    assert why_strange("labpc:8000", "http://labpc:8000", own_names([], ["LabPC"])) is None
    assert why_strange("labpc:8000", None, own_names([], ["other"])) is not None


@pytest.mark.parametrize("name", ["", "https://", "a b", "a.example:x", "a.example:99999", "u@a"])
def test_what_is_no_name_is_refused(name):
    with pytest.raises(UserError, match="--name .*: give a name, such as"):
        own_names([name])


def test_a_neighbourhood_is_one_sender():
    assert neighbourhood("10.1.2.3") == "10.1.2.3"
    assert neighbourhood("2001:db8::1") == neighbourhood("2001:db8::ffff:1")
    assert neighbourhood("2001:db8::1") != neighbourhood("2001:db8:0:1::1")
    assert neighbourhood("::ffff:10.1.2.3") == "10.1.2.3"
    assert neighbourhood("fe80::1%eth0") == neighbourhood("fe80::2%eth0")
    assert neighbourhood("unix") == "unix"

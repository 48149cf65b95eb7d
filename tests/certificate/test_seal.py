"""The seal: every byte of a certificate counts, whatever somebody changes, cuts off, adds or exchanges."""

from __future__ import annotations

from dataclasses import replace

import pytest

from certificate.statements import ADA, computed_again, flipped, key, parts, sealed, signed
from course_lib.certificate import seal
from course_lib.certificate.document import Certificate
from course_lib.certificate.keys import fingerprint
from course_lib.certificate.page import page
from course_lib.errors import CertificateError, CourseError

PUBLIC = key().public_key()
CHANGED = "its checksum is wrong: it was damaged or changed after it was made"
CUT = "no seal of this course stands at its end: it is cut off, damaged or another file"
OTHER_KEY = "its signature is not of this key: another key signed it, or it was changed after it was signed"


def refusal(data: bytes) -> str:
    """Return why a file is refused, empty when it is not."""
    try:
        seal.verified(data, PUBLIC)
    except CertificateError as error:
        return str(error)
    return ""


def test_what_was_sealed_comes_out_again() -> None:
    assert seal.verified(sealed()) == seal.verified(sealed(), PUBLIC) == ADA
    assert seal.verified(signed(), PUBLIC) == replace(ADA, signer=fingerprint(PUBLIC))


@pytest.mark.parametrize("bit", [0x01, 0x20, 0x80])
@pytest.mark.parametrize("kind", ["self-certified", "signed"])
def test_one_changed_bit_anywhere_is_refused(kind: str, bit: int) -> None:
    data = signed() if kind == "signed" else sealed()
    accepted = [at for at, copy in flipped(data, bit) if refusal(copy) not in (CHANGED, CUT, OTHER_KEY)]
    assert accepted == []


def test_every_part_of_a_file_is_among_those_bytes() -> None:
    covered = parts(signed())
    assert set(covered) == {
        *("header", "page", "document", "font", "table of objects", "trailer"),
        *("mark", "place of the document", "checksum", "signature", "end"),
    }
    assert all(place.stop > place.start for place in covered.values())
    assert len(signed()[covered["signature"]]) == 128
    assert "signature" not in parts(sealed())


@pytest.mark.parametrize("data", [sealed(), signed()], ids=["self-certified", "signed"])
def test_cut_off_anywhere_is_refused(data: bytes) -> None:
    ends = [*range(0, len(data), 97), *range(len(data) - 400, len(data))]
    assert {refusal(data[:end]) for end in ends} == {CUT}


@pytest.mark.parametrize(
    "more", [b"\n", b" ", b"%%EOF\n", b"\0" * 9, sealed()[sealed().rindex(seal.MARK) :], sealed(), signed()]
)
@pytest.mark.parametrize("data", [sealed(), signed()], ids=["self-certified", "signed"])
def test_added_bytes_are_refused(data: bytes, more: bytes) -> None:
    assert refusal(data + more) in (CUT, CHANGED)
    assert refusal(more + data) in (CUT, CHANGED)
    middle = len(data) // 2
    assert refusal(data[:middle] + more + data[middle:]) in (CUT, CHANGED)


def test_capital_letters_in_a_signature_are_another_file() -> None:
    place = parts(signed())["signature"]
    shouted = signed()[: place.start] + signed()[place].upper() + signed()[place.stop :]
    assert refusal(shouted) == CUT


@pytest.mark.parametrize("part", ["header", "page", "font", "table of objects", "trailer", "end"])
def test_new_checksum_does_not_help_a_forger(part: str) -> None:
    place = parts(signed())[part]
    last = place.stop - (len("0\n%%EOF\n") if part == "end" else 1)  # the end has a fixed form, but for a number
    changed = bytes([signed()[last] ^ 1])
    assert refusal(computed_again(signed()[:last] + changed + signed()[last + 1 :])) == OTHER_KEY


def test_name_cannot_be_exchanged_in_the_document() -> None:
    forged = computed_again(signed().replace(b"Lovelace", b"Lovelady"))
    assert forged != signed()
    assert refusal(forged) == OTHER_KEY


def test_page_and_document_cannot_be_exchanged_one_without_the_other() -> None:
    ada, eve = signed("Ada"), signed("Eve")
    mixed = ada[: parts(ada)["document"].start] + eve[parts(eve)["document"]] + ada[parts(ada)["document"].stop :]
    assert refusal(mixed) == CHANGED
    assert refusal(computed_again(mixed)) == OTHER_KEY


def test_signature_of_another_certificate_is_none() -> None:
    ada, eve = signed("Ada"), signed("Eve")
    moved = ada[: parts(ada)["signature"].start] + eve[parts(eve)["signature"]] + ada[parts(ada)["signature"].stop :]
    assert refusal(moved) == OTHER_KEY


def test_signature_that_is_taken_off_or_put_on_is_noticed() -> None:
    place = parts(signed())["signature"]
    without = signed()[: place.start - len(" ed25519 ")] + signed()[place.stop :]
    assert refusal(without) == "it says signed and carries no signature: it was changed after it was made"
    made = seal.seal(page(ADA), ADA, key(1))
    assert refusal(made) == "it says self-certified and carries a signature: it was changed after it was made"


def test_other_key_is_refused() -> None:
    with pytest.raises(CertificateError) as raised:
        seal.verified(signed(), key(1).public_key())
    assert str(raised.value) == OTHER_KEY


def test_signer_must_be_who_signed() -> None:
    made = replace(ADA, signer=fingerprint(key(1).public_key()))
    assert refusal(seal.seal(page(made), made, key())) == (
        "it names another signer than the key that signed it; ask the signer for a new one"
    )


def test_signed_one_is_not_believed_without_a_key() -> None:
    with pytest.raises(CourseError) as raised:
        seal.verified(signed())
    assert str(raised.value) == (
        "it is signed, and only the signer's public key can say whether truly; add --public-key FILE"
    )
    assert not isinstance(raised.value, CertificateError)


def test_forger_can_make_a_self_certified_one_and_it_stays_one() -> None:
    """A checksum shows damage only; who wants to know who looks at the kind."""
    own = seal.seal(page(replace(ADA, name="Eve")), replace(ADA, name="Eve"))
    assert seal.verified(own, PUBLIC).kind == "self-certified"


@pytest.mark.parametrize("place", [b"00000000 00000009", b"99999999 00000009", b"00000000 00000000"])
def test_place_that_holds_no_document_is_refused(place: bytes) -> None:
    span = parts(sealed())["place of the document"]
    assert refusal(computed_again(sealed()[: span.start] + place + sealed()[span.stop :])) == (
        "the document in it is no certificate of this course"
    )


def test_page_is_sealed_once_and_with_its_own_document() -> None:
    other: Certificate = replace(ADA, name="Eve")
    for pdf, made in ((page(ADA), other), (sealed(), ADA)):
        with pytest.raises(ValueError, match="once and not sealed yet"):
            seal.seal(pdf, made)


def test_file_that_is_no_pdf_is_refused_whatever_its_checksum() -> None:
    assert refusal(computed_again(b"!" + sealed()[1:])) == CUT

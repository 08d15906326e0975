"""The child process: one question as JSON on standard input, one answer on standard output.

It alone loads `cryptography`, and it alone ever has a private key in memory besides OpenSSL.
"""

import json
import os
import sys
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ocppd.certificates import files
from ocppd.certificates.x509_checks import (
    Invalid,
    check_authority,
    check_leaf,
    check_period,
    check_properties,
    common_name_of,
    facts,
    is_signed_by,
    path_to_root,
    pem_of,
    public_bytes,
    read_pem,
)

Json = dict[str, Any]

# ISO 15118-2 knows P-256 alone, ISO 15118-20 wants P-521; what TLS to the CSMS wants is P-256.
_CURVES: dict[str, tuple[ec.EllipticCurve, hashes.HashAlgorithm]] = {
    "V2G20Certificate": (ec.SECP521R1(), hashes.SHA512()),
}
_LONGEST_REQUEST = 5500
_MOST_IN_CHAIN = 10


def inspect(question: Json) -> Json:
    """Return the facts of all certificates in each text; a text that is none has none."""
    answers: list[list[Json]] = []
    for text in question["texts"]:
        try:
            found = read_pem(text)
        except Invalid:
            answers.append([])
            continue
        answers.append(
            [
                facts(each, next((other for other in found if is_signed_by(each, other)), None))
                for each in found
            ]
        )
    return {"facts": answers}


def check_root(question: Json) -> Json:
    """Check a root certificate (M05.FR.07), and that one of `signers` signed it, if any is given.

    One that is signed by another authority needs that as a signer: it is no root by itself.
    """
    now = datetime.fromisoformat(question["now"])
    found = read_pem(question["pem"], most=1)
    [root] = found
    check_properties(root)
    check_period(root, now, "it")
    check_authority(root)
    signers = [each for text in question["signers"] for each in read_pem(text)]
    signer = next((each for each in signers if each != root and is_signed_by(root, each)), None)
    if signer is None and question["must_be_signed"]:  # M05.FR.11
        raise Invalid("InvalidSignature", "it is not signed by the root that it replaces")
    if signer is None:
        if not is_signed_by(root, root):
            raise Invalid("InvalidSignature", "it is not signed by itself: no root certificate")
        signer = root
    return {"pem": pem_of(root), "facts": facts(root, signer)}


def make_request(question: Json) -> Json:
    """Make a key and a request for its certificate in a new folder (A02.FR.02, FR.03, FR.05).

    The folder gets its name once both are on disk.
    """
    wanted = question["subject"]
    names = [
        (NameOID.COUNTRY_NAME, wanted["country"]),
        (NameOID.ORGANIZATION_NAME, wanted["organization"]),  # A02.FR.13 of 1.6
        (NameOID.COMMON_NAME, wanted["common_name"]),  # A00.FR.511
        (NameOID.DOMAIN_COMPONENT, wanted["domain"]),
    ]
    curve, algorithm = _CURVES.get(question["use"], (ec.SECP256R1(), hashes.SHA256()))
    key = ec.generate_private_key(curve)
    try:
        subject = x509.Name([x509.NameAttribute(oid, value) for oid, value in names if value])
        request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, algorithm)
    except ValueError as error:
        raise Invalid("InvalidSubject", f"the subject cannot be written: {error}") from None
    pem = request.public_bytes(serialization.Encoding.PEM).decode("ascii")
    if len(pem) > _LONGEST_REQUEST:
        raise Invalid("InvalidSubject", f"the request has more than {_LONGEST_REQUEST} characters")
    folder = Path(question["folder"])
    making = folder.with_name(folder.name + files.TEMPORARY)
    making.mkdir(mode=0o700)
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    files.write_new(making / "key.pem", secret)
    files.write_new(making / "csr.pem", files.with_head(question["head"], pem))
    files.sync_folder(making)
    os.rename(making, folder)
    files.sync_folder(folder.parent)
    return {"csr": pem}


def check_signed(question: Json) -> Json:
    """Check a signed certificate against the requests and roots (A02.FR.06).

    Returns for which request it is, its chain without the root, and facts of each certificate.
    """
    now = datetime.fromisoformat(question["now"])
    found = read_pem(question["chain"], _MOST_IN_CHAIN)
    requests = {
        name: x509.load_pem_x509_csr(text.encode("ascii"))
        for name, text in question["requests"].items()
    }
    for leaf in found:  # usually the first one
        key = public_bytes(leaf)
        name = next((each for each, csr in requests.items() if public_bytes(csr) == key), None)
        if name is not None:
            break
    else:
        raise Invalid("InvalidCertificate", "it is not for a key that a certificate was asked for")
    check_properties(leaf)
    check_period(leaf, now, "it", ahead=question["ahead"])
    use = question["uses"][name]
    server = use != "ChargingStationCertificate"
    check_leaf(
        leaf,
        common_name_of(requests[name]),
        ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH,
    )
    roots = [each for text in question["roots"][use] for each in read_pem(text)]
    others = [each for each in found if each != leaf]
    path = path_to_root(leaf, others, roots, now)
    return {
        "request": name,
        "chain": "".join(pem_of(each) for each in path[:-1]),
        "facts": [facts(each, issuer) for each, issuer in pairwise(path)],
        "root": facts(path[-1], path[-1] if is_signed_by(path[-1], path[-1]) else None),
    }


QUESTIONS = {
    "inspect": inspect,
    "check_root": check_root,
    "make_request": make_request,
    "check_signed": check_signed,
}


def answer(question: Json) -> Json:
    """Answer a question; what is wrong with a certificate is an answer, too."""
    try:
        return QUESTIONS[question["question"]](question)
    except Invalid as problem:
        return {"invalid": [problem.reason_code, problem.text]}
    except OSError as error:
        return {"failed": str(error)}


def main() -> None:
    """Answer the one question."""
    json.dump(answer(json.load(sys.stdin)), sys.stdout)


if __name__ == "__main__":
    main()

"""A power cut at each step: kill -9 in a process of its own, then look what is there.

The process dies before each call that changes a file; what it had written until then stays. So all
states that a cut can leave are seen, one after the other.
"""

import asyncio
import os
import shutil
import ssl
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from ocppd.certificates import files, worker
from ocppd.certificates.store import CertificateStore
from ocppd.model.certificates import (
    CertificateUse,
    OwnCertificate,
    SigningUse,
    Subject,
)
from tests.certificates.authority import NOW, Authority

STATION = SigningUse.CHARGING_STATION
SUBJECT = Subject("Grid Ltd", "SN-0815")
CALLS = ("replace", "rename", "unlink", "mkdir", "fsync", "open", "rmdir")

Work = Callable[[CertificateStore], Coroutine[Any, Any, object]]


def opened(folder: Path) -> CertificateStore:
    return CertificateStore(folder, now=lambda: NOW, attempts=lambda: 2)


def cut(folder: Path, step: int, work: Callable[[], object]) -> bool:
    """Do some work in a process that is killed before its nth change; False if it got through."""
    child = os.fork()
    if child == 0:
        left = step

        def deadly(call: Callable[..., Any]) -> Callable[..., Any]:
            def dies(*arguments: Any, **keywords: Any) -> Any:
                nonlocal left
                first = str(arguments[0]) if arguments else ""
                changes = call.__name__ != "open" or (
                    len(arguments) > 1 and bool(arguments[1] & os.O_CREAT)
                )
                if changes and (call.__name__ == "fsync" or first.startswith(str(folder))):
                    left -= 1
                    if left < 0:
                        os.kill(os.getpid(), 9)
                return call(*arguments, **keywords)

            return dies

        for name in CALLS:
            setattr(os, name, deadly(getattr(os, name)))
        try:
            work()
        except BaseException as error:
            print(error, file=sys.stderr)
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == 9
        return True
    assert os.WEXITSTATUS(status) == 0
    return False


def each_step(
    folder: Path, spare: Path, work: Callable[[], object], check: Callable[[], None]
) -> int:
    """Cut the work at each of its steps, from the same beginning, and check; returns how many."""
    shutil.copytree(folder, spare)
    step = 0
    while cut(folder, step, work):
        check()
        shutil.rmtree(folder)
        shutil.copytree(spare, folder)
        step += 1
    check()
    return step


def dialled(store: CertificateStore) -> str:
    """Load what a dial uses; a certificate without its key, or half a file, does not load."""
    paths = store.for_dial()
    assert paths.certificate is not None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_cert_chain(paths.certificate, paths.key)
    assert paths.roots
    for each in paths.roots:
        context.load_verify_locations(each)
    return paths.certificate.parent.name


async def provisioned(folder: Path, root: Authority) -> tuple[CertificateStore, str]:
    """A station whose first certificate has worked."""
    store = opened(folder)
    assert await store.install(CertificateUse.CSMS_ROOT, root.pem, most=100) is None
    csr = await store.request(STATION, SUBJECT, 1)
    assert isinstance(csr, str)
    taken = await store.take(root.sign(csr, begins=-9), use=None, number=1, ahead=False)
    assert isinstance(taken, OwnCertificate)
    old = dialled(store)
    await store.connected(by_certificate=True, anchor=None, keep_old=False)
    return store, old


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "certificates"


def in_here(answer: dict[str, Any]) -> Callable[..., Any]:
    """What the child process would say, without starting one in a process that is about to die."""

    async def ask(question: str, **_members: Any) -> dict[str, Any]:
        return answer

    return ask


@pytest.mark.requirement("A02.FR.05")
def test_making_a_key(folder: Path, tmp_path: Path) -> None:
    _, old = asyncio.run(provisioned(folder, Authority()))
    question = {
        "question": "make_request",
        "use": STATION.value,
        "subject": {
            "organization": "Grid Ltd",
            "common_name": "SN-0815",
            "country": None,
            "domain": None,
        },
        "folder": str(folder / "own" / "0000000002"),
        "head": {"use": STATION.value, "number": 2},
    }
    seen = set()

    def check() -> None:
        store = opened(folder)
        assert dialled(store) == old
        assert not any(path.suffix == files.TEMPORARY for path in (folder / "own").iterdir())
        seen.add(tuple(store.pending()))

    def make() -> None:
        assert "csr" in worker.answer(question)

    steps = each_step(folder, tmp_path / "spare", make, check)
    assert steps >= 7
    assert seen == {(), (2,)}


@pytest.mark.requirement("A02.FR.08")
def test_taking_a_certificate(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = Authority()
    _, old = asyncio.run(provisioned(folder, root))
    csr = asyncio.run(opened(folder).request(STATION, SUBJECT, 2))
    assert isinstance(csr, str)
    chain = root.sub().sign(csr)
    [pending] = [path for path in (folder / "own").iterdir() if path.name != old]
    answer = worker.answer(
        {
            "question": "check_signed",
            "chain": chain,
            "now": NOW.isoformat(),
            "ahead": False,
            "requests": {pending.name: csr},
            "uses": {pending.name: STATION.value},
            "roots": {STATION.value: [root.pem]},
        }
    )
    monkeypatch.setattr("ocppd.certificates.child.ask", in_here(answer))
    seen = set()

    def check() -> None:
        used = dialled(opened(folder))
        assert used in (old, pending.name)
        seen.add(used)

    def take() -> None:
        asyncio.run(opened(folder).take(chain, use=None, number=2, ahead=False))

    assert each_step(folder, tmp_path / "spare", take, check) >= 3
    assert seen == {old, pending.name}


@pytest.mark.requirement("A02.FR.10")
@pytest.mark.parametrize("works", ["new", "old"])
def test_letting_one_of_two_certificates_go(folder: Path, tmp_path: Path, works: str) -> None:
    root = Authority()
    _, old = asyncio.run(provisioned(folder, root))
    csr = asyncio.run(opened(folder).request(STATION, SUBJECT, 2))
    assert isinstance(csr, str)
    chain = root.sign(csr)
    asyncio.run(opened(folder).take(chain, use=None, number=2, ahead=False))
    new = dialled(opened(folder))
    expected = new if works == "new" else old

    def check() -> None:
        again = opened(folder)
        turns = {dialled(again) for _ in range(4)}
        assert expected in turns
        assert turns <= {old, new}

    def settle() -> None:
        again = opened(folder)
        while dialled(again) != expected:
            pass
        asyncio.run(again.connected(by_certificate=True, anchor=None, keep_old=False))

    assert each_step(folder, tmp_path / "spare", settle, check) >= 4
    assert [path.name for path in (folder / "own").iterdir()] == [expected]


@pytest.mark.requirement("M05.FR.12", "M05.FR.13")
def test_replacing_a_root(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = Authority()
    asyncio.run(provisioned(folder, root))
    successor = root.sub("successor")
    answer = worker.answer(
        {
            "question": "check_root",
            "pem": successor.pem,
            "now": NOW.isoformat(),
            "signers": [root.pem],
            "must_be_signed": True,
        }
    )
    monkeypatch.setattr("ocppd.certificates.child.ask", in_here(answer))

    def check() -> None:
        again = opened(folder)
        assert again.has_csms_root()
        dialled(again)
        dialled(again)

    def replace() -> None:
        async def both() -> None:
            store = opened(folder)
            use = CertificateUse.CSMS_ROOT
            assert not await store.install(use, successor.pem, most=9, only_by_successor=True)
            store.for_dial()
            anchor = answer["facts"]["sha256"]
            await store.connected(by_certificate=False, anchor=anchor, keep_old=False)

        asyncio.run(both())

    assert each_step(folder, tmp_path / "spare", replace, check) >= 8
    assert len(opened(folder).listed((CertificateUse.CSMS_ROOT,))) == 1

from pathlib import Path

from ocppd.store.security_log import SecurityLogFile


def test_lines_are_kept_in_order(tmp_path: Path) -> None:
    log = SecurityLogFile(tmp_path / "security.log", lambda: None)
    log.append("one")
    log.append("zwei ä \ud800")

    assert (tmp_path / "security.log").read_text() == "one\nzwei ä \\ud800\n"


def test_it_stays_within_its_size_and_says_when_events_went(tmp_path: Path) -> None:
    cleared: list[int] = []
    log = SecurityLogFile(tmp_path / "security.log", lambda: cleared.append(number), largest=50)
    for number in range(12):
        log.append(f"event number {number:02d}")

    assert (tmp_path / "security.log").read_text().splitlines()[-1] == "event number 11"
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 100
    assert cleared, "three files were filled, two are kept"


def test_it_may_be_cleared_from_within_the_notice(tmp_path: Path) -> None:
    log = SecurityLogFile(
        tmp_path / "security.log", lambda: log.append("SecurityLogWasCleared"), largest=60
    )
    for number in range(9):
        log.append(f"event number {number:02d}")

    assert (
        "SecurityLogWasCleared"
        in (tmp_path / "security.log").read_text() + (tmp_path / "security.log.1").read_text()
    )


def test_a_failing_disk_is_told_once(tmp_path: Path, caplog) -> None:
    log = SecurityLogFile(tmp_path / "missing" / "security.log", lambda: None)
    log.append("one")
    log.append("two")
    assert len(caplog.records) == 1

    (tmp_path / "missing").mkdir()
    log.append("three")
    assert (tmp_path / "missing" / "security.log").read_text() == "three\n"

"""`ocppd --check`: every file that the daemon reads at its start, without starting it."""

import os
from functools import partial
from pathlib import Path

from ocppd.config import Config, Places, decode
from ocppd.store.component_files import (
    Catalogue,
    read_catalogue,
    station_file,
    station_files,
    station_keys,
)
from ocppd.store.seed import mistakes_in
from ocppd.strict_yaml import Node, YamlError, every_mistake, load


def check(file: Path) -> tuple[list[YamlError], str]:
    """Return all mistakes, and what there is.

    What only the service is given (credentials of systemd) is named, not missed.
    """
    unread: list[str] = []
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    places = Places(file.parent, Path(credentials) if credentials else None, unread)
    try:
        mistakes, config = every_mistake(load(file), partial(decode, places=places))
    except YamlError as error:
        return [error], ""
    if config is None:
        return mistakes, ""
    roots, more = _of_station_files(config.device_model)
    if not mistakes:  # or the topology may be another
        values = config.initial_values()
        more += mistakes_in(config.evses, roots, slots=config.slots, values=values)
    return mistakes + more, _summary(config, unread)


def _summary(config: Config, unread: list[str]) -> str:
    folder = config.device_model
    summary = (
        f"EVSEs: {len(config.evses)}, slots: {len(config.csms)}, "
        f"versions: {', '.join(config.versions)}, "
        f"files in {folder}: {len(station_files(folder))}"
    )
    return (
        f"{summary}, not read: {', '.join(sorted(set(unread)))} of systemd" if unread else summary
    )


def _of_station_files(folder: Path) -> tuple[list[Node], list[YamlError]]:
    """Read each file by itself; returns what is right of them, and what is wrong."""
    catalogue = read_catalogue()
    roots, mistakes = [], []
    for path in station_files(folder):
        try:
            root = load(path)
        except YamlError as error:
            mistakes.append(error)
            continue
        found, _ = every_mistake(root, partial(_read, catalogue=catalogue))
        mistakes += found
        roots.append(root)
    return roots, mistakes


def _read(root: Node, catalogue: Catalogue) -> bool:
    station_file(root, catalogue)
    station_keys(root)
    return True

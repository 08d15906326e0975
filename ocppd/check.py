"""`ocppd --check`: every file that the daemon reads at its start, without starting it."""

from pathlib import Path

from ocppd.config import Config, read
from ocppd.store.component_files import (
    read_catalogue,
    read_keys,
    read_station_file,
    station_files,
)
from ocppd.store.seed import build_device_model
from ocppd.strict_yaml import YamlError, load


def check(file: Path) -> tuple[list[YamlError], str]:
    """Return the mistakes, at most one of each file and every lost 1.6 key, and what there is."""
    try:
        config = read(file)
    except YamlError as error:
        return [error], ""
    mistakes = _of_station_files(config) or _of_model(config)
    folder = config.device_model
    return mistakes, (
        f"EVSEs: {len(config.evses)}, slots: {len(config.csms)}, "
        f"versions: {', '.join(config.versions)}, "
        f"files in {folder}: {len(station_files(folder))}"
    )


def _of_station_files(config: Config) -> list[YamlError]:
    catalogue = read_catalogue()
    mistakes = []
    for path in station_files(config.device_model):
        try:
            read_station_file(path, catalogue)
        except YamlError as error:
            mistakes.append(error)
    return mistakes


def _of_model(config: Config) -> list[YamlError]:
    """Build what the files describe; then each 1.6 key has to have its variable."""
    try:
        model = build_device_model(
            config.evses,
            slots=config.slots,
            values=config.initial_values(),
            folder=config.device_model,
        )
        keys = read_keys(config.device_model)
    except YamlError as error:
        return [error]
    lost = {name: address for name, address in keys.items() if model.find(address) is None}
    mistakes = []
    for path in station_files(config.device_model) if lost else ():
        root = load(path)
        node = None if root.is_null else root.get("keys")
        for name, each in node.mapping().items() if node is not None else ():
            if name in lost:
                mistakes.append(each.error(f"there is no variable {lost[name]}"))
    return mistakes

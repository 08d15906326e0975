"""The build step that makes the payload validators part of the package.

setuptools reads this file before the package can be imported, so it looks for its neighbour itself.
"""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from setuptools.command.build_py import build_py


class BuildPy(build_py):  # type: ignore[misc]
    """Builds the package, with its validators; they are in no source archive."""

    def run(self) -> None:
        """Build."""
        super().run()
        generate = _neighbour("generate")
        if self.editable_mode:
            generate.write(generate.DEFAULT_FOLDER)
        else:
            generate.write(Path(self.build_lib) / "ocppd/csms/validators/generated")


def _neighbour(name: str) -> ModuleType:
    spec = spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    if spec is None or spec.loader is None:
        raise ImportError(name)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

"""The build step that makes the payload validators part of the package."""

from pathlib import Path

from setuptools.command.build_py import build_py

from ocppd.csms.validators import generate


class BuildPy(build_py):  # type: ignore[misc]
    """Builds the package, with its validators; they are in no source archive."""

    def run(self) -> None:
        """Build."""
        super().run()
        if self.editable_mode:
            generate.write(generate.DEFAULT_FOLDER)
        else:
            generate.write(Path(self.build_lib) / "ocppd/csms/validators/generated")

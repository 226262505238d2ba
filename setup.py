"""Adds what pyproject.toml cannot state: the configs beside the package, and the version in it."""

import re
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py


class BuildWithVersion(build_py):
    """Builds the package with the version that git's tags give it."""

    def run(self) -> None:
        """Writes the version into the built copy of runtime/version.py; a clone keeps its own."""
        super().run()
        path = Path(self.build_lib, "glcic_jax", "runtime", "version.py")
        if not self.editable_mode:
            own = f'VERSION = "{self.distribution.get_version()}"'
            text = path.read_text(encoding="utf-8")
            path.write_text(re.sub(r"(?m)^VERSION = .*$", own, text), encoding="utf-8")


setup(
    packages=[*find_packages(include=["glcic_jax*"]), "glcic_jax.configs"],
    package_dir={"glcic_jax.configs": "configs"},  # installed as glcic_jax/configs
    cmdclass={"build_py": BuildWithVersion},
)

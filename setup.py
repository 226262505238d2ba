"""Adds the configs, which lie beside the package, to what is installed: as glcic_jax/configs."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["glcic_jax*"]), "glcic_jax.configs"],
    package_dir={"glcic_jax.configs": "configs"},
)

"""Builds the wheel, which holds one package, ``sentiment``, and so takes no other name.

The folders of the repository become parts of it: ``app`` is too general a name to install, and
``distilbert_int8`` may also be installed from ``native/``. Their imports are absolute, so they are
rewritten for the new names. The weights go where the settings look for them.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from setuptools import Extension, find_packages, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py
from setuptools.command.editable_wheel import editable_wheel
from setuptools.errors import SetupError
from target import PlatformWheel

FOLDERS = {
    "sentiment": "sentiment",
    "app": "sentiment._service",
    "distilbert_int8": "sentiment._distilbert_int8",
}
"""The packages of the repository, and their names in the wheel."""
NATIVE = Path("native")
MODEL = Path("model")
_IMPORT = re.compile(r"^([ ]*(?:from|import) )(app|distilbert_int8)\b", re.MULTILINE)


def renamed(package: str) -> str:
    """Return the name of a package or module in the wheel."""
    root, dot, rest = package.partition(".")
    return FOLDERS[root] + dot + rest


def rewritten(source: str) -> str:
    """Return a module's source with the imports that the wheel needs.

    Raises:
        SetupError: a module is imported as ``import app.x``, which would bind another name.
    """
    if plain := re.search(r"^ *import (?:app|distilbert_int8)\b.*", source, re.MULTILINE):
        raise SetupError(f"{plain.group().strip()}: write it as from … import …")
    return _IMPORT.sub(lambda match: match[1] + FOLDERS[match[2]], source)


class BuildPackage(build_py):  # type: ignore[misc]  # setuptools has no annotations
    def run(self) -> None:
        # What an earlier build left there would be in this wheel.
        shutil.rmtree(Path(self.build_lib) / "sentiment", ignore_errors=True)
        super().run()
        model = Path(self.build_lib) / "sentiment" / "model"
        model.mkdir()
        checksums = MODEL / "SHA256SUMS"
        names = [line.split()[1].lstrip("*") for line in checksums.read_text().splitlines()]
        for name in [checksums.name, *names]:
            self.copy_file(str(MODEL / name), str(model / name))

    def build_module(self, module: str, module_file: str, package: str) -> tuple[str, bool]:
        target, copied = super().build_module(module, module_file, package)
        path = Path(target)
        path.write_text(rewritten(path.read_text("utf-8")), "utf-8")
        return target, copied


class RefuseEditable(editable_wheel):  # type: ignore[misc]
    def run(self) -> None:
        raise SetupError("pip install -e does not work: run python -m sentiment in the checkout")


class BuildKernels(build_ext):  # type: ignore[misc]
    def get_ext_filename(self, name: str) -> str:
        return f"{name.replace('.', '/')}.so"

    def build_extension(self, extension: Extension) -> None:
        """Compile the kernels as ``native/setup.py`` does."""
        lib, temp = (Path(self.build_temp).absolute() / name for name in ("lib", "temp"))
        command = [sys.executable, "setup.py", "--quiet", "build_ext"]
        command += [f"--build-lib={lib}", f"--build-temp={temp}"]
        subprocess.run(command, cwd=NATIVE, check=True)
        target = Path(self.get_ext_fullpath(extension.name))
        target.parent.mkdir(parents=True, exist_ok=True)
        self.copy_file(str(lib / "distilbert_int8" / target.name), str(target))


service = find_packages(include=["app", "app.*"])
setup(
    packages=[*map(renamed, ["sentiment", "distilbert_int8", *service])],
    package_dir={
        renamed("app"): "app",
        renamed("distilbert_int8"): str(NATIVE / "distilbert_int8"),
    },
    package_data={"": ["py.typed"], renamed("app.web"): ["static/**"]},
    include_package_data=False,  # would warn that the folders of data are no packages
    ext_modules=[
        Extension(renamed("distilbert_int8._kernels"), sources=[str(NATIVE / "setup.py")])
    ],
    cmdclass={
        "build_py": BuildPackage,
        "build_ext": BuildKernels,
        "bdist_wheel": PlatformWheel,
        "editable_wheel": RefuseEditable,
    },
)

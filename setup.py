"Everything that pip needs, read from settings.ini, which nbdev reads too."
from configparser import ConfigParser
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

cfg = ConfigParser(delimiters=["="])
cfg.read("settings.ini", encoding="utf-8")
cfg = cfg["DEFAULT"]
lines = lambda key: [o for o in cfg.get(key, "").splitlines() if o.strip()]
extras = {key.removesuffix("_requirements"): lines(key) for key in cfg if key.endswith("_requirements")}
extras["dev"] = sorted({o for each in extras.values() for o in each})   # with what all other extras need

class PackageWithoutTools(build_py):
    "Leaves out the modules that make the package and its site from notebooks"
    def find_package_modules(self, package, package_dir):
        tools = "api_entries", "book", "export_modules", "figure_text", "reference_pages", "site_files"
        return [o for o in super().find_package_modules(package, package_dir) if o[1] not in tools]


setup(
    cmdclass={"build_py": PackageWithoutTools},
    name=cfg["lib_name"], version=cfg["version"], description=cfg["description"], keywords=cfg["keywords"],
    author=cfg["author"], license="MIT", url=cfg["git_url"],
    long_description=Path("README.md").read_text(encoding="utf-8"), long_description_content_type="text/markdown",
    packages=find_packages(include=["posebook", "posebook.*"]), python_requires=">=" + cfg["min_python"],
    install_requires=lines("requirements"), extras_require=extras,
    package_data={"posebook": ["notebook/static/*", "evaluation/*.html", "evaluation/*.css"]},
    entry_points={"console_scripts": lines("console_scripts")}, zip_safe=False,
)

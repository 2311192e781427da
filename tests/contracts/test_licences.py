"""Every installed package has a licence that permits the distribution of callaudio."""

import re
from importlib.metadata import PackageNotFoundError, distribution

from tests.contracts.test_project_files import entries, text

SPELT = {
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "ISC License": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
"""Names of older metadata, as SPDX spells them."""
OF_TEXT = {"httpx-aiohttp": "BSD-3-Clause"}
"""Read from the licence's text, which the metadata contain instead of a name."""
ALLOWED = {
    *("0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MIT-CMU"),
    *("OFL-1.1", "PSF-2.0", "Zlib"),
    # Changed files of these packages have to be published; none is changed here.
    *("LGPL-3.0-only", "MPL-2.0"),
}


def requirements() -> set[str]:
    return {re.split(r"[\[=]", entry)[0] for entry in entries("requirements.txt")}


def listed() -> dict[str, str]:
    """The licence of each package, as the document names it."""
    rows = re.findall(r"(?m)^\| (?!licence|-)([^|]+) \| ([^|]+) \|$", text("docs/dependencies.md"))
    return {
        name: licence for licence, names in rows for name in re.findall(r"`([a-z0-9.-]+)`", names)
    }


def licence_of(package: str) -> str | None:
    """The licence in the metadata of the installed package; None: it is for other systems."""
    try:
        about = distribution(package).metadata
    except PackageNotFoundError:
        return None
    kinds = [each for each in about.get_all("Classifier") or [] if each.startswith("License ::")]
    named = about.get("License-Expression") or about.get("License") or ""
    if not named and kinds:
        named = kinds[0].rpartition(" :: ")[2]
    return OF_TEXT.get(package) or SPELT.get(named, named)


def test_every_package_is_listed_with_the_licence_that_it_names():
    told = listed()
    assert set(told) == requirements()
    wrong = {
        name: licence
        for name, licence in told.items()
        if (own := licence_of(name)) is not None and own != licence
    }
    assert wrong == {}


def test_every_licence_permits_the_distribution_of_callaudio():
    parts = {part for each in listed().values() for part in re.split(r" (?:AND|OR) ", each)}
    assert parts - ALLOWED == set()

"""The shape of the code: who may import whom, who opens transactions, how modules are named."""

import ast
import importlib.metadata
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

MAY_IMPORT = {
    "schemas": set(),
    "dataflux": {"schemas"},
    "events": {"schemas", "dataflux"},
    "stores": {"schemas", "dataflux", "events"},
    "analyzers": {"schemas", "dataflux"},
    "functions": {"schemas", "dataflux", "events", "stores", "analyzers"},
    "local": {"schemas", "dataflux", "events", "stores", "analyzers", "functions"},
}
"""A package may also import itself."""

ONLY_IN = {"cloudevents": "functions/hosts/", "functions_framework": "functions/hosts/"}
TRANSACTIONS = {
    "functions/engine.py",
    "stores/records/embedded.py",
    "stores/records/migrate.py",
}
TRANSACTION = re.compile(
    r"\s*(START\s+TRANSACTION\b|(BEGIN|COMMIT|ROLLBACK|SAVEPOINT)\s*"
    r"(;|$|(TRANSACTION|WORK|READ|ISOLATION)\b)|ROLLBACK\s+TO\b)",
    re.IGNORECASE,
)
EMPTY_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "base", "misc"}
MAIN_LINES = 30

MODULES = sorted(
    path.relative_to(ROOT).as_posix()
    for package in MAY_IMPORT
    for path in (ROOT / package).rglob("*.py")
)
MAINS = [name for name in MODULES if name.startswith("functions/") and name.endswith("/main.py")]


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse((ROOT / module).read_text())


def _imported(module: str) -> Iterator[str]:
    """Yield the top-level packages that a module imports, wherever it does."""
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}:{node.lineno} imports by its place"
            assert node.module is not None
            yield node.module.partition(".")[0]


def test_there_is_something_to_look_at() -> None:
    assert {module.partition("/")[0] for module in MODULES} == set(MAY_IMPORT)
    assert len(MAINS) >= 9


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_one_way(module: str) -> None:
    package = module.partition("/")[0]
    allowed = MAY_IMPORT[package] | {package}
    assert set(_imported(module)) & set(MAY_IMPORT) <= allowed


@pytest.mark.parametrize("module", MODULES)
def test_tests_and_benches_are_imported_by_nobody(module: str) -> None:
    assert not {"tests", "bench"} & set(_imported(module))


@pytest.mark.parametrize(("package", "place"), ONLY_IN.items())
def test_frameworks_stay_in_their_place(package: str, place: str) -> None:
    users = {module for module in MODULES if package in _imported(module)}
    assert all(user.startswith(place) for user in users), users


def test_only_the_engine_opens_transactions() -> None:
    opens = {
        module
        for module in MODULES
        for node in ast.walk(_tree(module))
        if isinstance(node, ast.Attribute) and node.attr == "transaction"
    }
    assert "functions/engine.py" in opens
    assert opens <= TRANSACTIONS


def test_nobody_commits_behind_the_engine() -> None:
    """In events, commit is what a consumer group has done: there are no transactions there."""
    commits = {
        module
        for module in MODULES
        if not module.startswith("events/")
        for node in ast.walk(_tree(module))
        if isinstance(node, ast.Attribute) and node.attr in {"commit", "rollback"}
    }
    assert commits <= TRANSACTIONS


def test_no_statement_opens_or_ends_a_transaction() -> None:
    found = [
        f"{module}:{node.lineno}"
        for module in MODULES
        if module not in TRANSACTIONS
        for node in ast.walk(_tree(module))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if TRANSACTION.match(node.value)
    ]
    assert found == []


@pytest.mark.parametrize("module", MAINS)
def test_a_main_is_short_and_decides_nothing(module: str) -> None:
    assert len((ROOT / module).read_text().splitlines()) <= MAIN_LINES
    assert not [n for n in ast.walk(_tree(module)) if isinstance(n, ast.If | ast.IfExp | ast.Match)]


def test_modules_are_named_for_what_they_hold() -> None:
    names = {module: set(module.removesuffix(".py").split("/")) for module in MODULES}
    assert [module for module, parts in names.items() if parts & EMPTY_NAMES] == []


@pytest.mark.parametrize("module", MODULES)
def test_every_module_says_what_it_is_for(module: str) -> None:
    assert not _tree(module).body or ast.get_docstring(_tree(module))


def test_no_other_distribution_provides_our_packages() -> None:
    provided = importlib.metadata.packages_distributions()
    ours = {package: set(provided.get(package, ())) - {"dataflux"} for package in MAY_IMPORT}
    assert ours == {package: set() for package in MAY_IMPORT}

"""During an upgrade workers of the version before write into tables of this one: what they do not know has a value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations import AddField, DeleteModel, RemoveField, RenameField, RenameModel

# What was there before anybody had something to upgrade.
FIRST = {"library": 5}
TAKE_AWAY = (RemoveField, RenameField, DeleteModel, RenameModel)


def later_operations() -> Iterator[tuple[str, Any]]:
    loader = MigrationLoader(None)
    own = {config.label for config in apps.get_app_configs() if config.name.startswith("apps.")}
    for (label, name), migration in sorted(loader.disk_migrations.items()):
        if label in own and int(name[:4]) > FIRST.get(label, 1):
            for operation in migration.operations:
                yield label, operation


def test_a_new_column_takes_rows_of_those_who_do_not_know_it() -> None:
    for label, operation in later_operations():
        if isinstance(operation, AddField):
            field = apps.get_model(label, operation.model_name)._meta.get_field(operation.name)
            has_value = getattr(field, "null", False) or field.has_db_default()  # type: ignore[union-attr]
            assert has_value or field.many_to_many, f"{label}: {field} has neither null nor db_default"


def test_nothing_is_taken_away_that_older_workers_use() -> None:
    taken = [
        (label, operation) for label, operation in later_operations() if isinstance(operation, TAKE_AWAY)
    ]
    assert taken == [], "first stop using it; take it away in a version after that one"


def test_there_is_something_to_guard() -> None:
    added = [operation for _, operation in later_operations() if isinstance(operation, AddField)]
    if not added:
        pytest.fail("no migration of ours adds a column: is the guard looking in the right place?")

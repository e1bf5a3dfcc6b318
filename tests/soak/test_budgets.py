"""A hundred times twenty questions in one moment against a budget for one of them, on both databases."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.live.budgets import PRICE, run_races
from tests.live.conftest import run_house
from tests.live.lasting import MANY
from tests.services import create_database, run_postgres

pytestmark = pytest.mark.services

ROUNDS = int(os.environ.get("SOAK_ROUNDS", "100"))
SEED = int(os.environ.get("SOAK_SEED", "11"))


def test_a_budget_for_one_lets_one_through_on_sqlite(tmp_path: Path) -> None:
    with run_house(tmp_path, price=PRICE, **MANY) as house:
        run_races(house, ROUNDS, SEED)


def test_a_budget_for_one_lets_one_through_on_postgresql(tmp_path: Path) -> None:
    with run_postgres() as server:
        url = create_database(server, "budgets")
        with run_house(tmp_path, price=PRICE, DATABASE_URL=url, **MANY) as house:
            run_races(house, ROUNDS, SEED)

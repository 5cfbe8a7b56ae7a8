"""The recommendations of the articles, case by case, and the results of a product with its defaults."""

from typing import Any

import pytest
import yaml

from tests.decision.engine import CRITERIA, PRODUCTS, WEB_PRODUCTS, answers_for, decide
from tests.tools import ROOT

SCENARIOS: list[dict[str, Any]] = yaml.safe_load((ROOT / "tests" / "decision" / "scenarios.yml").read_text())
EXPECTED = {
    "cms": "django",
    "ecommerce": "django",
    "internal_tool": "django",
    "web_app": "django",
    "data_platform": "django",
    "rest_api": "fastapi",
    "client_backend": "fastapi",
    "microservice": "fastapi",
    "realtime": "fastapi",
    "ml_serving": "fastapi",
    "serverless": "fastapi",
    "script": "neither",
    "pipeline": "neither",
    "static_site": "neither",
    "event_consumer": "neither",
}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: f"{each['article']}: {each['case']}")
def test_a_case_that_an_article_names(scenario: dict[str, Any]) -> None:
    decision = decide(answers_for(**scenario["answers"]))
    assert decision["recommended"] == scenario["expected"], decision["scores"]
    alternative = decision["alternative"]
    assert (alternative is None) == (scenario["expected"] != "neither")
    if alternative is not None:
        assert scenario["alternative"] in alternative["name"]


def test_each_article_and_product_has_cases() -> None:
    assert {each["article"] for each in SCENARIOS} == set(CRITERIA["articles"])
    assert {each["answers"]["product"] for each in SCENARIOS} == set(PRODUCTS)


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_product_alone(product: str) -> None:
    assert decide(answers_for(product))["recommended"] == EXPECTED[product]


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_preset_leads_where_its_product_does(product: str) -> None:
    preset = yaml.safe_load((ROOT / "presets" / f"{product}.yml").read_text())
    assert preset["product"] == product
    assert set(preset) <= set(CRITERIA["criteria"])
    assert decide(answers_for(**preset))["recommended"] == EXPECTED[product]


def test_every_product_has_a_preset() -> None:
    assert {path.stem for path in (ROOT / "presets").iterdir()} == set(PRODUCTS)


@pytest.mark.parametrize("product", WEB_PRODUCTS)
def test_only_the_contested_product_is_a_close_call(product: str) -> None:
    """If the articles agree, no single choice reverses the result."""
    assert decide(answers_for(product))["close"] is (product == "rest_api")

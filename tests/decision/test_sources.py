"""docs/sources.md lists every claim of the articles, and says where criteria.yml uses it or why it does not count."""

import re
from collections.abc import Iterator

from tests.decision.engine import CRITERIA
from tests.tools import ROOT

PAGE = (ROOT / "docs" / "sources.md").read_text()
PUBLISHERS = {article["publisher"]: name for name, article in CRITERIA["articles"].items()}


def rows() -> Iterator[tuple[str, str, str, str]]:
    """Article, claim, figure, and what became of it."""
    for section in PAGE.split("\n## ")[1:]:
        if article := PUBLISHERS.get(section.partition("\n")[0]):
            for line in section.splitlines():
                if line.startswith("| ") and not line.startswith(("| Claim", "| ---")):
                    claim, figure, use = (cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:4])
                    yield article, claim, figure, use


def places() -> Iterator[tuple[str, str, str]]:
    """Every place in criteria.yml that cites an article, with the figure: `product.cms`, `advice: Keep it`."""
    entries = {
        f"{name}.{str(value).lower()}": weight
        for name, criterion in CRITERIA["criteria"].items()
        for value, weight in criterion["answers"].items()
    }
    entries |= {f"{place}.unless": weight["unless"] for place, weight in entries.items() if "unless" in weight}
    entries |= {f"neither.{rule['answer']}": rule for rule in CRITERIA["neither"]}
    named = [(place, entry) for place, entry in entries.items()]
    named += [(f"third_ways: {entry['name']}", entry) for entry in CRITERIA["third_ways"]]
    named += [(f"know_before: {entry['short']}", entry) for entry in CRITERIA["know_before"]]
    named += [(f"advice: {entry['what'].removesuffix('.')}", entry) for entry in CRITERIA["advice"]]
    named += [(f"contradictions: {entry['text'].partition('.')[0]}", entry) for entry in CRITERIA["contradictions"]]
    for place, entry in named:
        for source in entry["sources"]:
            yield place, source["article"], source.get("figure", "")


def test_every_citation_has_a_claim_and_every_use_a_citation() -> None:
    used = {(place, article) for article, _, _, use in rows() for place in re.findall(r"`([^`]+)`", use)}
    cited = {(place, article) for place, article, _ in places()} | {("costs", "ztabs")}
    assert used == cited


def test_every_claim_is_used_or_says_why_not() -> None:
    for article, claim, _, use in rows():
        assert use.startswith("`") or re.fullmatch(r"Not used\. [A-Z].{10,}\.", use), (article, claim)
    counts = {article: sum(row[0] == article for row in rows()) for article in PUBLISHERS.values()}
    assert all(count > 30 for count in counts.values()), counts


def numbers(text: str) -> set[str]:
    return set(re.findall(r"\d[\d,.]*", text.replace(",", "")))


def test_a_figure_is_one_of_the_article() -> None:
    """Every number that criteria.yml gives with a source stands in a claim of that article."""
    known: dict[str, set[str]] = {article: set() for article in PUBLISHERS.values()}
    for article, claim, figure, _ in rows():
        known[article] |= numbers(f"{claim} {figure}")
    for place, article, figure in places():
        assert numbers(figure) <= known[article], (place, article, figure)
    for price in CRITERIA["costs"].values():
        assert numbers(price) <= known["ztabs"]

"""The results as a table and as a chart."""

from typing import Any

Result = dict[str, Any]

NAMES = {"django": "Django", "fastapi": "FastAPI"}
ROWS = {"json": "JSON, no database", "row": "one row", "list": "a list of fifty", "create": "a validated create"}


def table(results: list[Result]) -> str:
    """The results as Markdown: first the ratios, then what each server takes."""
    ratios = [
        "| | goal | ratio on CPU time | on throughput | CPU per request, bare | full | req/s, bare | full "
        "| p50, p99 bare | full |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for found in results:
        goal = found["goal"]
        reached = "" if goal is None or found["ratio_cpu"] >= goal else " (missed)"
        cells = [
            f"{NAMES[found['framework']]}, {ROWS[found['row']]}",
            "" if goal is None else f"{goal:.2f}",
            f"**{found['ratio_cpu']:.2f}**{_spread(found, 'ratio_cpu', '.2f')}{reached}",
            f"{found['ratio']:.2f}{_spread(found, 'ratio', '.2f')}",
            *(f"{found[f'{s}_cpu_us']:.0f}{_spread(found, f'{s}_cpu_us', '.0f')} µs" for s in ("bare", "full")),
            *(f"{found[s]:,.0f}{_spread(found, s, ',.0f')}" for s in ("bare", "full")),
            *(f"{found[f'{s}_p50_ms']:.1f}, {found[f'{s}_p99_ms']:.1f} ms" for s in ("bare", "full")),
        ]
        ratios.append(f"| {' | '.join(cells)} |")
    servers = [
        "| | start-up, bare | full | memory of the worker, bare | full | database connections, bare | full "
        "| spans exported | of requests sampled |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for framework in dict.fromkeys(found["framework"] for found in results):
        of_it = [found for found in results if found["framework"] == framework]
        first, requests = of_it[0], sum(found["requests"] for found in of_it)
        sampled = sum(found["sampled"] * found["requests"] for found in of_it) / requests
        cells = [
            NAMES[framework],
            *(f"{first[f'{side}_start_s']:.2f} s" for side in ("bare", "full")),
            *(f"{first[f'{side}_memory_mb']:.0f} MB" for side in ("bare", "full")),
            *(f"{first[f'{side}_connections']}" for side in ("bare", "full")),
            f"{sum(found['spans'] for found in of_it):,}",
            f"{sampled:.1%}",
        ]
        servers.append(f"| {' | '.join(cells)} |")
    return "\n".join([*ratios, "", *servers])


def _spread(found: Result, name: str, form: str) -> str:
    least, greatest = found[f"{name}_spread"]
    return f" ({least:{form}} to {greatest:{form}})"


LEFT, WIDTH, TOP, STEP, BAR = 190, 480, 64, 44, 13
COLOURS = {"ratio_cpu": "#2f6f8f", "ratio": "#a9c7d6"}


def chart(results: list[Result]) -> str:
    """The ratios as an SVG: a pair of bars a row, its spread, and a mark where the goal is."""
    scale = WIDTH / max(1.1, *(found[f"{name}_spread"][1] for found in results for name in COLOURS))
    height = TOP + STEP * len(results) + 44
    bottom = height - 38
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDTH + 30} {height}" '
        'font-family="system-ui, sans-serif" font-size="12" fill="#222">',
        '<rect width="100%" height="100%" fill="#fff"/>',
        '<text x="16" y="24" font-size="15" font-weight="600">What the project keeps of the bare framework</text>',
    ]
    legend = (("ratio_cpu", "on CPU time per request"), ("ratio", "on requests per second"))
    for number, (name, words) in enumerate(legend):
        x = 16 + 190 * number
        parts.append(f'<rect x="{x}" y="36" width="12" height="12" fill="{COLOURS[name]}"/>')
        parts.append(f'<text x="{x + 18}" y="46">{words}</text>')
    parts.append('<line x1="400" x2="400" y1="34" y2="50" stroke="#c0392b" stroke-width="2.5"/>')
    parts.append('<text x="408" y="46">goal</text>')
    for tenth in range(0, 11, 2):
        x = LEFT + tenth / 10 * scale
        parts.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{bottom}" stroke="#ddd"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle" fill="#666">{tenth / 10:.1f}</text>')
    for number, found in enumerate(results):
        y = TOP + STEP * number + 8
        parts.append(
            f'<text x="{LEFT - 10}" y="{y + 10}" text-anchor="end" font-weight="600">{NAMES[found["framework"]]}</text>'
        )
        parts.append(f'<text x="{LEFT - 10}" y="{y + 25}" text-anchor="end">{ROWS[found["row"]]}</text>')
        for place, name in enumerate(COLOURS):
            parts += _bar(found, name, y + place * (BAR + 2), scale)
        if found["goal"] is not None:
            goal = LEFT + found["goal"] * scale
            parts.append(
                f'<line x1="{goal:.1f}" x2="{goal:.1f}" y1="{y - 4}" y2="{y + 2 * BAR + 6}" stroke="#c0392b" '
                'stroke-width="2.5"/>'
            )
    parts.append("</svg>")
    return "\n".join(parts) + "\n"


def _bar(found: Result, name: str, y: int, scale: float) -> list[str]:
    least, greatest = (LEFT + value * scale for value in found[f"{name}_spread"])
    middle = y + BAR / 2
    ink = "#fff" if name == "ratio_cpu" else "#222"
    return [
        f'<rect x="{LEFT}" y="{y}" width="{found[name] * scale:.1f}" height="{BAR}" fill="{COLOURS[name]}"/>',
        f'<line x1="{least:.1f}" x2="{greatest:.1f}" y1="{middle}" y2="{middle}" stroke="#222"/>',
        f'<text x="{LEFT + 6}" y="{y + 10.5}" fill="{ink}" font-size="11">{found[name]:.2f}</text>',
    ]

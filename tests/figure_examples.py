"""One example of each figure, from made-up tables of the shape that the notebooks pass.

`python tests/figure_examples.py FOLDER` writes their files, for looking at.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from mlsec_survey import figures
from mlsec_survey.study.atlas import KINDS

ATTACKS = [
    "Evasion",
    "Poisoning",
    "Backdoor",
    "Model stealing",
    "Membership inference",
    "Model inversion",
]
CODES = [
    "Unreliable decision making",
    "Business information leakage",
    "Bias introduced into models",
    "Harm to people or property",
    "Loss of reputation or trust",
    "Legal or regulatory consequences",
    "Attack seen as impractical",
    "Other threats come first",
    "No access for outsiders",
]


def shares(counts: np.ndarray, n: np.ndarray) -> dict[str, np.ndarray]:
    """Return Wilson intervals as the notebooks' tables have them."""
    z, p = 1.96, counts / n
    centre = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return {
        "estimate": p,
        "low": np.clip(centre - half, 0, 1),
        "high": np.clip(centre + half, 0, 1),
        "count": counts,
        "n": n,
    }


def flow() -> pd.DataFrame:
    rows = [
        ("raw", "Responses in the export", 0, 215),
        ("test_run", "Test by the team", 5, 210),
        ("no_consent", "No consent", 7, 203),
        ("screened_out", "Not an industrial practitioner", 18, 185),
        ("partial", "Incomplete", 40, 145),
        ("duplicate", "Duplicate", 6, 139),
    ]
    return pd.DataFrame(rows, columns=["id", "label", "excluded", "remaining"]).assign(
        step=range(6), reason="r"
    )


def occurrence() -> pd.DataFrame:
    parts = []
    for name, counts in (
        ("reported", [9, 6, 1, 5, 0, 2]),
        ("suspected", [14, 11, 4, 12, 5, 6]),
        ("confirmed in coding", [3, 4, 0, 2, 0, 1]),
    ):
        n = np.array([131, 128, 125, 130, 119, 122])
        parts.append(pd.DataFrame({"label": ATTACKS, "kind": name, **shares(np.array(counts), n)}))
    return pd.concat(parts)


def ratings(seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = []
    for label in ATTACKS:
        answers = rng.multinomial(126, rng.dirichlet([3, 4, 5, 4, 3]))
        row = {f"share_{k}": answers[k - 1] / 126 for k in range(1, 6)}
        rows.append({"label": label, **row, "n": 126, "dont_know": 9, "no_answer": 4})
    return pd.DataFrame(rows)


OPTIONS = {
    "concern": [
        f"{degree} concerned"
        for degree in ("Not at all", "Slightly", "Moderately", "Very", "Extremely")
    ],
    "relevance": [
        f"{degree} relevant" for degree in ("Not", "Slightly", "Moderately", "Very", "Highly")
    ],
}


def ranks() -> pd.DataFrame:
    mean = np.array([2.61, 2.95, 3.95, 3.12, 4.24, 4.13])
    top = shares(np.array([71, 60, 33, 58, 24, 26]), np.full(6, 126))
    return pd.DataFrame(
        {
            "label": ATTACKS,
            "mean_rank": mean,
            "low": mean - 0.24,
            "high": mean + 0.24,
            "share": top["estimate"],
            "share_low": top["low"],
            "share_high": top["high"],
            "n": 126,
        }
    )


def pairs() -> pd.DataFrame:
    rng = np.random.default_rng(2)
    rows = []
    for i, a in enumerate(ATTACKS):
        for b in ATTACKS[i + 1 :]:
            effect = float(rng.uniform(-0.2, 0.8))
            p = 0.0004 if effect > 0.5 else 0.03 if effect > 0.3 else 0.6
            rows.append({"first": a, "second": b, "effect": effect, "p_adjusted": p})
    return pd.DataFrame(rows)


def profile() -> pd.DataFrame:
    parts = []
    for name, counts in (
        ("Met or suspected it", [23, 17, 5, 17, 5, 8]),
        ("Very concerned", [56, 50, 30, 47, 22, 25]),
        ("Very relevant", [71, 60, 33, 58, 24, 26]),
    ):
        n = np.array([126, 128, 125, 130, 119, 122])
        parts.append(
            pd.DataFrame({"label": ATTACKS, "measure": name, **shares(np.array(counts), n)})
        )
    return pd.concat(parts)


def code_tables() -> tuple[pd.DataFrame, pd.DataFrame, pd.Series, pd.DataFrame]:
    rng = np.random.default_rng(3)
    counts = pd.DataFrame(rng.poisson(6, (len(CODES), 6)), index=CODES, columns=ATTACKS)
    counts.iloc[0, 0], counts.iloc[3, 2], counts.iloc[1, 3] = 41, 0, 33
    residuals = (counts - counts.to_numpy().mean()) / 4
    replies = pd.Series([62, 58, 47, 60, 51, 55], index=ATTACKS)
    return counts, residuals, replies, residuals.abs() > 1.5


def intersections() -> tuple[pd.Series, pd.DataFrame]:
    sets = pd.Series([70, 61, 30, 22, 18, 12], index=CODES[:6])
    table = pd.DataFrame(
        {
            "codes": [
                (CODES[0],),
                (CODES[1],),
                (CODES[2],),
                (CODES[0], CODES[2]),
                (CODES[0], CODES[3]),
                (CODES[1], CODES[4]),
                (CODES[1], CODES[5]),
                (CODES[0], CODES[2], CODES[4]),
            ],
            "count": [38, 31, 15, 9, 8, 6, 4, 2],
        }
    )
    return sets, table


def effects() -> pd.DataFrame:
    rows = [
        ("E1", "Exposure ~ organisation size", "odds ratio per step", 1.12, 0.83, 1.52, 1, 1.5),
        ("E3", "Exposure ~ maturity of ML use", "odds ratio per step", 1.31, 0.94, 1.83, 1, 1.5),
        ("E5", "Exposure ~ security practice", "odds ratio per step", 2.71, 0.81, np.inf, 1, 1.5),
        ("E2", "Exposure ~ industry", "Cramér's V", 0.21, 0.0, 0.34, 0, 0.3),
        (
            "D1",
            "Number of defences ~ exposure",
            "probability of superiority",
            0.64,
            0.54,
            0.73,
            0.5,
            0.6,
        ),
        (
            "D2",
            "Number of defences ~ expected likelihood",
            "Kendall's tau-b",
            0.27,
            0.14,
            0.39,
            0,
            0.15,
        ),
        ("K1", "Mean concern ~ prior knowledge", "Kendall's tau-b", 0.19, 0.07, 0.31, 0, 0.15),
    ]
    names = ["id", "label", "effect", "estimate", "low", "high", "null", "sesoi"]
    table = pd.DataFrame(rows, columns=names)
    log = table["null"] == 1
    table["sesoi_high"] = table["sesoi"]
    table["sesoi_low"] = np.where(log, 1 / table["sesoi"], 2 * table["null"] - table["sesoi"])
    table.loc[table["effect"] == "Cramér's V", "sesoi_low"] = 0.0
    return table.assign(
        label=table["id"] + "  " + table["label"],
        n=[133, 131, 129, 137, 128, 126, 139],
        p_adjusted=[1.0, 0.51, 0.856, 1.0, 0.008, 0.001, 0.006],
        p_text=["0.451", "0.102", "0.214", "0.377", "0.004", "< 0.001", "0.002"],
        p_adjusted_text=["1.000", "0.510", "0.856", "1.000", "0.008", "0.001", "0.006"],
    )


def dose(labels: list[str], seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    mean = np.sort(rng.uniform(2, 6, len(labels)))
    return pd.DataFrame(
        {"label": labels, "mean": mean, "low": mean - 0.7, "high": mean + 0.7, "n": 28}
    )


def power() -> pd.DataFrame:
    rows = []
    for panel in (
        "E1 exposure ~ organisation size",
        "D1 defences ~ exposure",
        "K1 concern ~ knowledge",
    ):
        for effect in (0.5, 1, 1.5, 2):
            for n in (80, 139, 200, 271, 400, 600):
                value = 1 - np.exp(-((effect * np.sqrt(n) / 14) ** 2))
                rows.append((panel, effect, n, value))
    return pd.DataFrame(rows, columns=["hypothesis", "effect", "n", "power"])


def trend_power() -> pd.DataFrame:
    rows = []
    for n in (139, 271):
        for ratio in (1.2, 1.5, 2.0, 3.0):
            for prevalence in (0.02, 0.05, 0.1, 0.2, 0.3, 0.5):
                value = 1 - np.exp(-n * prevalence * (1 - prevalence) * np.log(ratio) ** 2 / 2)
                rows.append((n, prevalence, ratio, value))
    return pd.DataFrame(rows, columns=["n", "prevalence", "odds_ratio", "power"])


def documented() -> pd.DataFrame:
    return ranks().assign(incident=[6, 3, 1, 4, 0, 1], exercise=[14, 5, 3, 6, 0, 2])


def doses() -> list[tuple[str, str, pd.DataFrame]]:
    likely = ["Very\nunlikely", "Unlikely", "Even", "Likely", "Very\nlikely"]
    target = "expected likelihood of becoming a target"
    return [
        ("Exposure", "threat met or suspected", dose(["no", "yes"], 7)),
        ("Expectation", target, dose(likely, 8)),
    ]


def errors() -> pd.DataFrame:
    rows = []
    for k, name in enumerate(("E1", "D1", "D2", "K1")):
        for effect in np.linspace(0.2, 2, 10):
            rows.append(
                (name, effect, 0.3 * np.exp(-2 * effect - k), 1 + np.exp(-effect) * (3 - k / 2))
            )
    return pd.DataFrame(rows, columns=["hypothesis", "effect", "type_s", "type_m"])


def bayes() -> pd.DataFrame:
    rows = [
        (name, scale, base * (1 + 2 * scale))
        for name, base in (
            ("E1 organisation size", 2.2),
            ("E3 maturity", 1.1),
            ("E4 team size", 1.9),
            ("E5 security practice", 0.8),
        )
        for scale in np.geomspace(0.1, 2, 9)
    ]
    return pd.DataFrame(rows, columns=["hypothesis", "scale", "bf01"])


def curve() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    n = 480
    estimate = rng.normal(0.17, 0.06, n)
    return pd.DataFrame(
        {
            "estimate": estimate,
            "low": estimate - 0.13,
            "high": estimate + 0.13,
            "p": np.where(estimate > 0.13, 0.01, 0.3),
            "exclusions": rng.choice(["main", "no speeders", "no straight-liners", "all"], n),
            "missing": rng.choice(["complete_case", "own_category", "imputed"], n),
            "coding": rng.choice(["mean", "median", "top_two_box"], n),
            "test": rng.choice(["kendall_tau_b", "proportional_odds", "spearman"], n),
        }
    )


def years() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "year": range(2016, 2026),
            "incident": [1, 0, 0, 2, 3, 1, 0, 4, 3, 3],
            "exercise": [0, 1, 2, 4, 6, 3, 2, 5, 10, 7],
        }
    )


def runs() -> pd.DataFrame:
    rng = np.random.default_rng(6)
    rows = []
    for result in ("Defences ~ exposure", "Concern ~ knowledge", "Exposure ~ size", "Relevance W"):
        for run in ("main", "seed 7", "seed 8", "wave 2"):
            value = rng.normal(0.2, 0.05)
            rows.append((result, run, value, value - 0.1, value + 0.1, 0.0))
    return pd.DataFrame(rows, columns=["result", "run", "estimate", "low", "high", "null"])


def published() -> pd.DataFrame:
    rows = [
        ("Evasion cases (relayed)", 3, 139),
        ("… whose intent was doubted", 2, 139),
        ("No case of an attack seen", 0, 139),
    ]
    labels, counts, n = zip(*rows, strict=True)
    return pd.DataFrame({"label": labels, **shares(np.array(counts), np.array(n))})


EXAMPLES: dict[str, Callable[..., Figure]] = {
    "exclusion_flow": partial(figures.draw_exclusion_flow, flow()),
    "ratings": partial(
        figures.draw_ratings,
        [("Concern", ratings(1)), ("Relevance", ratings(2))],
        list(OPTIONS.values()),
    ),
    "ratings_one": partial(
        figures.draw_ratings, [("Relevance", ratings(2))], [OPTIONS["relevance"]]
    ),
    "occurrence": partial(
        figures.draw_intervals,
        occurrence(),
        row="label",
        series="kind",
        axis="% of respondents who answered",
    ),
    "published": partial(figures.draw_intervals, published(), row="label", axis="% of respondents"),
    "ranking": partial(figures.draw_ranking, ranks()),
    "pairwise": partial(figures.draw_pairwise, pairs()),
    "incidents_by_year": partial(figures.draw_cases_by_year, years(), KINDS),
    "documented": partial(figures.draw_cases_beside_ranking, documented(), KINDS),
    "error_rates": partial(figures.draw_error_rates, errors()),
    "bayes_sensitivity": partial(figures.draw_bayes_sensitivity, bayes()),
    "dose_response": partial(figures.draw_dose_response, doses(), "implemented defences"),
    "absence": figures.draw_absence,
}
# Printed over both columns; `width="narrow"` is their layout for small screens.
WIDE: dict[str, Callable[..., Figure]] = {
    "forest": partial(figures.draw_forest, effects()),
    "attack_profile": partial(figures.draw_item_profile, profile()),
    "code_by_attack": partial(figures.draw_codes_by_item, *code_tables()),
    "intersections": partial(figures.draw_intersections, *intersections()),
    "power_curves": partial(
        figures.draw_power_curves,
        power(),
        panel="hypothesis",
        line="effect",
        x="n",
        labels={"n": "respondents", "effect": "effect × SESOI: "},
        mark=139,
    ),
    "power_grid": partial(figures.draw_power_grid, trend_power()),
    "specification_curve": partial(
        figures.draw_specification_curve,
        curve(),
        {"exclusions": "Exclusions", "missing": "Missing", "coding": "Scale", "test": "Test"},
        "rank association",
    ),
    "runs": partial(figures.draw_runs, runs()),
}
EXAMPLES |= WIDE
EXAMPLES |= {f"{name}_narrow": partial(draw, width="narrow") for name, draw in WIDE.items()}


def main(folder: Path) -> None:
    from mlsec_survey.base.synthetic import SYNTHETIC_SHORT
    from mlsec_survey.figures.style import figure_files

    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in EXAMPLES.items():
        for ending, content in figure_files(draw(), name, label=SYNTHETIC_SHORT).items():
            (folder / f"{name}.{ending}").write_bytes(content)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

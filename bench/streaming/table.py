"""The contenders side by side, as text: one line each, one column a figure. Pure."""

from collections.abc import Sequence

from bench.results import Row

CONTENDERS = ("seat", "selkies_tuned", "selkies", "gst")
FIGURES = {
    "click p50": "click_p50_ms",
    "p95 ms": "click_p95_ms",
    "box p50": "blackbox_p50_ms",
    "static CPU": "cpu_static_pct",
    "X": "x_cpu_static_pct",
    "motion CPU": "cpu_720p60_pct",
    "X ": "x_cpu_720p60_pct",
    "seen fps": "distinct_fps_720p60",
    "decoded": "decoded_fps_720p60",
    "Mb/s": "mbit_per_s_720p60",
    "PSS MB": "pss_720p60_mb",
}
OURS = {
    "click_p50_ms": "click_to_photon_720p60_p50_ms",
    "click_p95_ms": "click_to_photon_720p60_p95_ms",
    "blackbox_p50_ms": "photon_blackbox_p50_ms",
    "distinct_fps_720p60": "distinct_fps_720p60",
}


def side_by_side(rows: Sequence[Row]) -> list[str]:
    """Lines of one width; what was not measured is a dash."""
    values = {row.name: row.value for row in rows}
    lines = ["".join(["contender     ", *(title.strip().rjust(12) for title in FIGURES)])]
    for contender in CONTENDERS:
        found = [values.get(name_of(contender, figure)) for figure in FIGURES.values()]
        cells = ("-" if value is None else f"{value:.1f}" for value in found)
        lines.append("".join([contender.ljust(14), *(cell.rjust(12) for cell in cells)]))
    return lines


def name_of(contender: str, figure: str) -> str:
    """The row that holds this figure of this contender."""
    if contender != "seat":
        return f"peer_{contender}_{figure}"
    return OURS.get(figure, f"seat_{figure}")

"""What is counted is what is shown, from zero on, and a stranger makes no series."""

from concurrent.futures import ThreadPoolExecutor

from metering import OTHER, UNMETERED, Kind, Meter, Metric

SEEN = Metric("seen_total", Kind.COUNTER, "Seen.", {"colour": ("red", "green"), "size": ("small",)})
ASKED = Metric("asked_total", Kind.COUNTER, "Asked.", {"route": ()})
HELD = Metric("held", Kind.GAUGE, "Held.")
TOOK = Metric("took_seconds", Kind.HISTOGRAM, "Took.", {"kind": ("read",)}, (0.1, 1.0))


def meter() -> Meter:
    return Meter((SEEN, ASKED, HELD, TOOK), {"route": ("GET /", "POST /")})


def lines(of: Meter) -> set[str]:
    return set(of.text().decode().splitlines())


def test_every_set_of_labels_is_there_at_zero() -> None:
    assert {
        'seen_total{colour="red",size="small"} 0.0',
        'seen_total{colour="green",size="small"} 0.0',
        'asked_total{route="GET /"} 0.0',
        'asked_total{route="POST /"} 0.0',
        "held 0.0",
        'took_seconds_bucket{kind="read",le="0.1"} 0.0',
        'took_seconds_count{kind="read"} 0.0',
    } <= lines(meter())


def test_what_is_counted_is_shown() -> None:
    counted = meter()
    counted.count(SEEN, colour="red", size="small")
    counted.count(SEEN, 2, size="small", colour="red")
    counted.set(HELD, 7)
    counted.observe(TOOK, 0.5, kind="read")
    assert {
        'seen_total{colour="red",size="small"} 3.0',
        "held 7.0",
        'took_seconds_bucket{kind="read",le="0.1"} 0.0',
        'took_seconds_bucket{kind="read",le="1.0"} 1.0',
        'took_seconds_sum{kind="read"} 0.5',
    } <= lines(counted)


def test_what_no_label_may_say_counts_as_other() -> None:
    counted = meter()
    for number in range(100):
        counted.count(SEEN, colour=f"stranger-{number}", size="small")
    assert f'seen_total{{colour="{OTHER}",size="small"}} 100.0' in lines(counted)
    assert sum(line.startswith("seen_total{") for line in lines(counted)) == 3


def test_several_threads_may_count_what_is_on_no_list() -> None:
    colours = tuple(str(number) for number in range(1000))
    counted = Meter((Metric("seen_total", Kind.COUNTER, "Seen.", {"colour": colours, "size": ("small",)}),))
    with ThreadPoolExecutor(4) as threads:
        strange = [threads.submit(counted.count, SEEN, colour=colour, size="large") for colour in colours]
        assert [each.result() for each in strange] == [None] * len(colours)
    assert sum(f'size="{OTHER}"}} 1.0' in line for line in lines(counted)) == len(colours)


def test_two_meters_know_nothing_of_each_other() -> None:
    one, another = meter(), meter()
    one.set(HELD, 1)
    assert "held 0.0" in lines(another)


def test_what_is_unmetered_costs_no_table() -> None:
    UNMETERED.count(SEEN, colour="red", size="small")
    UNMETERED.observe(TOOK, 1, kind="read")
    UNMETERED.set(HELD, 1)
    assert not any(name in UNMETERED.text().decode() for name in ("seen", "took", "held"))


def test_nobody_asks_for_a_second_series_of_when_each_was_made() -> None:
    assert "_created" not in meter().text().decode()

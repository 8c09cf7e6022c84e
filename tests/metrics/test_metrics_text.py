"""What is written is what Prometheus' own reader reads."""

import math
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families as parse

from wahook.metrics import Counter, Family, Histogram, Kind, Meters, Sample, render

AWKWARD = 'quote " back \\ slash \n line'


def read(*families: Family):
    return {family.name: family for family in parse(render(families))}


def test_every_kind_of_label_and_help_comes_back_as_it_was():
    written = Family("some_gauge", Kind.GAUGE, AWKWARD, [Sample(1.5, (("who", AWKWARD), ("empty", "")))])
    found = read(written)["some_gauge"]
    assert (found.type, found.documentation) == ("gauge", AWKWARD)
    assert found.samples[0].labels == {"who": AWKWARD, "empty": ""}
    assert found.samples[0].value == 1.5


@given(st.floats(), st.text())
def test_every_number_and_every_label_comes_back(value, text):
    (sample,) = read(Family("g", Kind.GAUGE, "h", [Sample(value, (("t", text),))]))["g"].samples
    assert sample.value == value or (math.isnan(value) and math.isnan(sample.value))
    assert sample.labels["t"] == text


def test_a_counter_adds_up_from_many_threads():
    counter = Counter("things_total", "Things.", ("kind",))
    threads = [threading.Thread(target=lambda: [counter.add("a") for _ in range(1000)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert read(counter.family())["things"].samples[0].value == 4000


def test_a_counter_without_labels_shows_zero_before_the_first_thing():
    assert render([Counter("things_total", "Things.").family()]).endswith("things_total 0\n")


def test_a_histogram_s_buckets_add_up_and_bounds_belong_to_their_bucket():
    histogram = Histogram("waits_seconds", "Waits.", (0.1, 1), ("route",))
    for value in (0.05, 0.1, 0.5, 7):
        histogram.observe(value, "/x")
    found = {
        (sample.name, sample.labels.get("le")): sample.value
        for sample in read(histogram.family())["waits_seconds"].samples
    }
    assert found == {
        ("waits_seconds_bucket", "0.1"): 2,
        ("waits_seconds_bucket", "1"): 3,
        ("waits_seconds_bucket", "+Inf"): 4,
        ("waits_seconds_sum", None): pytest.approx(7.65),
        ("waits_seconds_count", None): 4,
    }


def test_labels_that_never_end_do_not_fill_the_memory():
    counter = Counter("things_total", "Things.", ("kind",))
    for number in range(2000):
        counter.add(str(number))
    samples = counter.family().samples
    assert len(samples) == 501
    assert sum(sample.value for sample in samples) == 2000


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Counter("things", "Things."),
        lambda: Histogram("h", "H.", ()),
        lambda: Histogram("h", "H.", (2, 1)),
        lambda: Counter("things_total", "Things.", ("kind",)).add(),
        lambda: Histogram("h", "H.", (1,)).observe(1, "too", "many"),
    ],
)
def test_a_meter_that_is_declared_or_fed_wrongly_says_so(wrong):
    with pytest.raises(ValueError, match=r"things|h:|h has"):
        wrong()


def test_a_source_that_fails_is_counted_and_blinds_nobody():
    meters = Meters()
    meters.add(lambda: 1 / 0)
    meters.add(lambda: [Family("seen", Kind.GAUGE, "Seen.", [Sample(1)])])
    found = read(*meters.collect())
    assert found["seen"].samples[0].value == 1
    assert found["wahook_metrics_sources_failed"].samples[0].value == 1

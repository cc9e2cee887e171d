"""What lesson 08 says about days, years and bytes holds for the tables and the plan."""

import statistics

import pytest

from architecture import plan
from datasets import measured, published
from exercises import EXERCISES

PHOTOS = 1_281_167 * 350
SPEED = {(row["device"], row["what"]): row["value"] for row in published("training_speed")}


def ms_of(work):
    """Of 16 photos and B0 on our CPU: the median over the rounds of growth.csv."""
    rows = [row for row in measured("growth") if (row["work"], row["model"], row["batch"]) == (work, "b0", 16)]
    return statistics.median(row["ms_median"] for row in rows)


def test_imagenet_takes_three_days_on_a_card_and_five_months_on_two_cores():
    photos_per_second = 16 / ms_of("training") * 1000
    months = PHOTOS / photos_per_second / 86_400 / 30.4
    days = PHOTOS / SPEED["RTX 3090", "B0 training"] / 86_400
    assert round(photos_per_second) == 35 and 4.5 < months < 5.5
    assert 3 < days < 3.4 and SPEED["TPU v2-8", "B0 training to the end"] == 23


def test_a_photo_in_training_costs_four_answers_and_the_machine_was_slower_on_another_day():
    assert ms_of("training") / ms_of("answer") == pytest.approx(4, abs=0.25)
    speed = {row["work"]: row for row in measured("speed")}
    assert speed["training step, 224 px, batch 16"]["ms_ours"] / ms_of("training") == pytest.approx(2.5, abs=0.05)
    assert 1 / speed["train.py, 2 processes"]["ratio_median"] == pytest.approx(4.7, abs=0.05)


def test_a_photo_in_training_costs_more_than_three_passes_and_a_tpu_uses_seven_per_cent():
    assert SPEED["RTX 3090", "B0 inference"] / SPEED["RTX 3090", "B0 training"] == pytest.approx(4.4, abs=0.05)
    flops = PHOTOS * 2 * 3 * plan("b0").macs
    share = flops / (3600 * SPEED["TPU v2-8", "B0 training to the end"]) / (1e12 * SPEED["TPU v2-8", "peak"])
    assert share == pytest.approx(0.07, abs=0.005)
    pod = SPEED["TPU v3 pod", "chips"] * 1e12 * SPEED["TPU v3 chip", "peak"]
    assert flops / (pod * share) / 60 == pytest.approx(2, abs=0.1)


def test_exercise_08_4_finds_where_four_times_the_devices_no_longer_halve_the_step():
    scope, ends = {}, {}
    exec(EXERCISES["08.4"].solution, scope)
    for devices in (1, 4, 16, 64, 256, 1024):
        ends[devices] = scope["step_seconds"](4096, 1600, devices, plan("b0").params, 1e9)
    assert ends[1] == 2.56 and ends[4] < ends[1] / 2 and ends[16] < ends[4] / 2 and ends[64] < ends[16] / 2
    assert ends[256] > ends[64] / 2 and ends[1024] > ends[256] / 2


def test_the_gradient_is_21_megabytes_and_b7_has_98_times_the_macs():
    assert 4 * plan("b0").params / 1e6 == pytest.approx(21, abs=0.5)
    assert plan("b7").macs / plan("b0").macs == pytest.approx(98, abs=0.5)


def test_the_rate_of_the_paper_belongs_to_4096_images():
    recipe = {row["setting"]: row for row in published("training_recipe")}
    assert recipe["base_learning_rate"]["released_code"].startswith("0.016 per 256 images")
    assert float(recipe["initial_learning_rate"]["v5_value"]) == pytest.approx(0.016 * 4096 / 256)
    assert recipe["train_batch_size_default"]["released_code"] == "2048" and 2 * 0.016 * 2048 / 256 == 0.256

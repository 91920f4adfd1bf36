"""Run numbers: consecutive, distinct, and found by a handful of look-ups."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from hypothesis import given, settings
from hypothesis import strategies as st

from runlore.store import numbers


def test_consecutive(tmp_path):
    assert [numbers.claim(str(tmp_path / "n"), f"{i:032x}") for i in range(20)] == list(range(1, 21))
    assert numbers.owner(str(tmp_path / "n"), 3) == f"{2:032x}"
    assert numbers.owner(str(tmp_path / "n"), 21) is None


def test_threads_get_distinct_numbers(tmp_path):
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda i: numbers.claim(str(tmp_path), f"{i:032x}"), range(200)))
    assert sorted(found) == list(range(1, 201))


@settings(deadline=None)
@given(others=st.lists(st.sampled_from(["claim", "another claims", "a hundred more are claimed", "all are removed"])))
def test_consecutive_whatever_others_do_between_two_claims(tmp_path_factory, others):
    directory, next_number = tmp_path_factory.mktemp("numbers"), 1
    for what in others:
        if what == "all are removed":
            for claim in directory.iterdir():
                claim.unlink()
            next_number = 1
        elif what == "claim":
            assert numbers.claim(str(directory), "y" * 32) == next_number
            next_number += 1
        else:
            for _ in range(100 if what.startswith("a hundred") else 1):
                assert numbers.claim_one(str(directory), next_number, "x" * 32)
                next_number += 1


@given(taken=st.sets(st.integers(1, 40)))
def test_a_number_that_is_taken_is_never_given_out_again(tmp_path_factory, taken):
    directory = tmp_path_factory.mktemp("numbers")
    for number in taken:
        (directory / str(number)).write_text("x" * 32)
    got = [numbers.claim(str(directory), "y" * 32) for _ in range(5)]
    assert len(set(got)) == 5
    assert not taken & set(got)

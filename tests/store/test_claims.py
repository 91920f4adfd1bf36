"""Claims: exactly one has a name, whatever the name, and giving it back touches nobody else's."""

from __future__ import annotations

import multiprocessing

import pytest

from runlore.store import claims


@pytest.mark.parametrize("name", ["a", "", ".", "..", "../../x", "/etc/passwd", "a/b", "Größe", "x" * 5000, "\udc80"])
def test_a_name_is_claimed_once_and_stays_inside(tmp_path, name):
    root = tmp_path / "store"
    assert claims.claimed(str(root), "n", name) is None
    assert claims.claim(str(root), "n", name, {"uid": "1"})
    assert not claims.claim(str(root), "n", name, {"uid": "2"})
    assert claims.claimed(str(root), "n", name) == {"uid": "1", "name": name}
    assert claims.claimed(str(root), "other", name) is None
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_claims_are_listed_by_name(tmp_path):
    for name in ("b", "a/c", "a"):
        claims.claim(str(tmp_path), "n", name, {})
    assert [about["name"] for about in claims.claims(str(tmp_path), "n")] == ["a", "a/c", "b"]
    assert claims.claims(str(tmp_path), "none") == []


def test_only_what_was_claimed_is_released(tmp_path):
    claims.claim(str(tmp_path), "n", "a", {"uid": "1"})
    assert not claims.release(str(tmp_path), "n", "a", {"uid": "2"})
    assert claims.claimed(str(tmp_path), "n", "a") is not None
    assert claims.release(str(tmp_path), "n", "a", {"uid": "1"})
    assert not claims.release(str(tmp_path), "n", "a", {"uid": "1"})
    assert claims.claim(str(tmp_path), "n", "a", {"uid": "2"})
    assert claims.claims(str(tmp_path), "n") == [{"uid": "2", "name": "a"}]


def _claim(root, number):
    return [claims.claim(root, "n", f"name {index}", {"uid": str(number)}) for index in range(50)]


def test_of_processes_at_once_exactly_one_gets_each_name(tmp_path):
    with multiprocessing.get_context("fork").Pool(4) as pool:
        results = pool.starmap(_claim, [(str(tmp_path), number) for number in range(4)])
    assert [sum(column) for column in zip(*results, strict=True)] == [1] * 50


def _count(root):
    for turn in range(300):
        assert claims.reclaim(root, "n", "a", {"turn": turn}, {"turn": turn + 1})


def test_what_is_replaced_is_there_all_the_time(tmp_path):
    root = str(tmp_path)
    claims.claim(root, "n", "a", {"turn": 0})
    counting = multiprocessing.get_context("fork").Process(target=_count, args=(root,))
    counting.start()
    turns = []
    while not turns or turns[-1] < 300:
        turns.append(claims.claimed(root, "n", "a")["turn"])
    counting.join()
    assert counting.exitcode == 0
    assert turns == sorted(turns)
    assert len(claims.claims(root, "n")) == 1

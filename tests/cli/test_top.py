from __future__ import annotations

import runlore


def test_what_runs_now(cli, runs):
    assert "nothing is running" in cli("top").err
    with runlore.start("live", "now", capture=False) as run:
        run.log_metrics({"loss": 0.5, "system/process/cpu_percent": 97.4, "system/process/memory_rss_bytes": 2e9})
        printed = cli("top", "--once")
        assert printed.lines[1].split()[:3] == ["live#1", "now", "running"]
        for text in ("0.5", "97 %", "2.0 GB"):
            assert text in printed.lines[1]
        assert [item["uid"] for item in cli("top", "--json").json()["runs"]] == [run.uid]
        assert cli("top", "-e", "other/*", "--json").json()["runs"] == []


def test_a_status_of_ones_own_is_running_too(cli, store):
    with runlore.start("live", capture=False) as run:
        run.log_status("evaluating")
        assert "evaluating" in cli("top").out

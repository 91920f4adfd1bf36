"""The sealed form of a run: two Parquet files, derived from its journals, which take their place.

`files` reads them. `sealing` makes them of journals, `combining` of the files of another copy of the run; both write
with `writer`, which takes points in order from `sorting` and cuts their times into `bursts`, and put what they wrote in
place by the one routine of `committing`, so that a crash leaves the old state or the new one.
"""

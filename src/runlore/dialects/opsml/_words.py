"""Words for random names: `calm-otter`."""

from __future__ import annotations

ADJECTIVES = (
    "amber", "ample", "arctic", "azure", "bold", "brave", "bright", "brisk", "calm", "candid", "clever", "coral",
    "cosmic", "crisp", "curious", "daring", "deft", "dusty", "eager", "early", "easy", "fair", "fancy", "fast",
    "fleet", "fresh", "gentle", "giddy", "glad", "golden", "grand", "green", "happy", "hardy", "hazel", "honest",
    "humble", "icy", "ideal", "jolly", "keen", "kind", "lively", "lucid", "lucky", "mellow", "merry", "mild", "misty",
    "modest", "neat", "nimble", "noble", "novel", "olive", "opal", "patient", "plain", "polar", "prime", "proud",
    "pure", "quick", "quiet", "rapid", "rare", "ready", "rosy", "royal", "rustic", "sage", "sandy", "serene", "sharp",
    "shiny", "silent", "silver", "simple", "sleek", "smart", "snowy", "solar", "solid", "spry", "steady", "still",
    "stoic", "sunny", "sure", "swift", "tidy", "tranquil", "true", "vast", "vivid", "warm", "wise", "witty", "young",
    "zesty",
)  # fmt: skip

NOUNS = (
    "acorn", "alder", "anchor", "apple", "aspen", "badger", "bamboo", "banyan", "basil", "beacon", "birch", "bison",
    "breeze", "brook", "canyon", "cedar", "cherry", "cliff", "clover", "comet", "condor", "cove", "crane", "creek",
    "crystal", "dahlia", "delta", "dune", "eagle", "elm", "ember", "falcon", "fern", "finch", "fjord", "forest",
    "fox", "garnet", "geyser", "glacier", "grove", "harbor", "hawk", "hazel", "heron", "hill", "ibis", "island",
    "ivy", "jasper", "juniper", "kestrel", "lagoon", "lake", "lark", "laurel", "lemur", "lichen", "lily", "lotus",
    "lynx", "magpie", "maple", "marsh", "meadow", "mesa", "moon", "moss", "nebula", "oak", "oasis", "orbit", "orchid",
    "osprey", "otter", "owl", "pebble", "pine", "planet", "plum", "pond", "poplar", "prairie", "quartz", "rabbit",
    "raven", "reef", "ridge", "river", "robin", "sable", "sequoia", "shore", "sparrow", "spruce", "star", "stone",
    "summit", "swan", "thicket", "tide", "topaz", "trail", "tulip", "valley", "walnut", "willow", "wren",
)  # fmt: skip

"""The catalog: a derived SQL index over a store. Delete it and it is rebuilt; nothing lives here alone."""

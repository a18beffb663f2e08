"""Everything between a request and its pictures that is not a sampler: what is read, encoded, enlarged and decoded."""

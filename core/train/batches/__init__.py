"""From shards and data sets to augmented training batches."""

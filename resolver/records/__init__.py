"""What happened: counters today, the query log and its rollups later."""

"""The DNS process: datapath, listeners, pipeline, answer cache, upstreams."""

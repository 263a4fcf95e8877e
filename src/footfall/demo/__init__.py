"""A shop's half year, bundled: what comes out when real-looking input goes in.

``shop`` turns the bundled file into the requests its clients would have sent; ``run`` sends them through a collector,
closes the days and delivers the reports. See ``data/README.md`` for where the file is from.
"""

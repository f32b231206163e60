"""The signals: what is measured once for all proxies, one file each."""

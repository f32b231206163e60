"""The signals: measurements that are made once for all proxies, one file each."""

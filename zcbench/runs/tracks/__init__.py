"""The tracks that come with zcbench, a TOML file each."""

"""The command line: a command turns options into one library call and the answer into output."""

"""Object storage and other stores of files: the one package that talks to them.

`s3` and `https` are imported where they are used: boto3 takes a third of a second.
May import: runtime, config, records, layout, errors.
"""

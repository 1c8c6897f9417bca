"""The CloudFormation stack: change sets, the state that it should have, the state that it has.

May import: aws, console, options, names, errors.
"""

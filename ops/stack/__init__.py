"""The CloudFormation stack: its template, its parameters, its image, and change sets.

May import: aws, console, names, errors.
"""

"""The deployed system beside its template: what each resource should be, and what AWS says it is.

`template` and `resolve` work out the expected properties, `readers` ask AWS for the actual ones,
`compare` puts both side by side, `report` does so for a whole stack.

May import: aws, errors.
"""

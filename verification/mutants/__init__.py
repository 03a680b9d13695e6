"""Makes small changes to the code, one at a time, and tells which of them no test notices (docs/mutants.md).

`mutated` writes a copy of the tree in which mutmut has put every change of some modules, each switched off. In there,
`judging` runs the tests once, to learn which of them reach which function, and then forks for each change: the fork has
it switched on, and runs the tests that reach it until one fails. So nothing is imported or collected twice.
"""

"""The lab: questions to the simulator on a page in a browser, answered while one watches.

`simalloc lab` opens it. The extra `[lab]` has what it needs. Importing this package loads nothing;
`simalloc.lab.server` loads NiceGUI.
"""

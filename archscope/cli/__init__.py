"""The command line: one small file per command, each parse -> call -> render. No arithmetic here."""

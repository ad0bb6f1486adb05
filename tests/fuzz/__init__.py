"""Damaged files for every reader of files of others: ``python -m tests.fuzz N --seed S``.

A case is a valid sample of one reader (`samples`, `readers`), damaged by `damage`. It passes if the
reader returns a valid value or refuses the file by one printable line that names it, in bounded
time and memory (`trial`). Cases run in child processes, so that a crash is a finding and not the
end (`pool`). A case depends on the seed and its number alone.
"""

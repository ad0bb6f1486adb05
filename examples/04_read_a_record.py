"""Read a record of a fit with numpy alone, and reopen it with nbf to branch.

python examples/04_read_a_record.py [FIT.NBF]
"""

import json
import sys
from pathlib import Path

import numpy as np

import nbf
from core.fit.recording import branch, resume_run

path = sys.argv[1] if len(sys.argv) > 1 else "fit.nbf"
if not Path(path).exists():
    nbf.fit("skimage:camera").save(path)
file = np.load(path)  # a zip of arrays and JSON
header = json.loads(file["record.json"])
print(header["photo"]["source"], file["photo"].shape, header["photo"]["box"])
print("totals of run 0:", file["runs/0/total"][[0, -1], 0])

fitted = nbf.open_record(path)
print("best step", fitted.best_step)
run = branch(nbf.FitRecord.load(Path(path)), parent=0, at_step=30, name="again from step 30")
again = resume_run(fitted.engine, fitted.observation, run)
while not again.done:
    again.step()
print("the branch ends at", float(again.trace.records[-1].total[0]))

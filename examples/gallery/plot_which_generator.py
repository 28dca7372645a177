"""
Which of five generators to trust?
==================================
"""

import time

from matplotlib import pyplot as plt

import microchar as mc

berea = mc.datasets.berea()
learnt, held_out = berea.crop((0, 0, 0), (64, 128, 128)), berea.crop((64, 0, 0), (128, 128, 128))

NAMES = ("shuffle", "overlapping-spheres", "gaussian-field", "annealing", "multiple-point")
fitted = {}
for name in NAMES:
    t = time.process_time()
    fitted[name] = mc.create_generator(name).fit(learnt, seed=1)
    print(name, time.process_time() - t)
t = time.process_time()
ranking = mc.rank(held_out, {**fitted, "real": learnt}, shape=(48, 48, 48), samples=4)
print(ranking, time.process_time() - t)

"""Three kinds of wine told apart by margins, one bottle at a time, in loops over numbers."""
import random

random.seed(11)
KINDS, FEATURES = 3, 4
centres = [[random.gauss(0, 1.2) for _ in range(FEATURES)] for _ in range(KINDS)]
bottles = []
for _ in range(90):
    kind = random.randrange(KINDS)
    bottles.append(([c + random.gauss(0, 0.8) for c in centres[kind]], kind))

weight = [[random.gauss(0, 0.1) for _ in range(FEATURES)] for _ in range(KINDS)]
offset = [random.gauss(0, 0.1) for _ in range(KINDS)]
RATE, SHRINK = 0.02, 0.001


def points(taste):
    return [sum(w * t for w, t in zip(row, taste)) + o for row, o in zip(weight, offset)]


for tasting in range(12):
    total = 0.0
    for taste, kind in bottles:
        score = points(taste)
        loss = 0.0
        push = [0.0] * KINDS
        for other in range(KINDS):
            if other == kind:
                continue
            margin = score[other] - score[kind] + 1.0
            if margin > 0:
                loss += margin
                push[other] += 1.0
                push[kind] -= 1.0
        for k in range(KINDS):
            for j in range(FEATURES):
                weight[k][j] -= RATE * (push[k] * taste[j] + SHRINK * weight[k][j])
            offset[k] -= RATE * push[k]
        total += loss
    if tasting % 3 == 0:
        print(tasting, round(total / len(bottles), 4))
hits = sum(max(range(KINDS), key=points(t).__getitem__) == k for t, k in bottles)
print("hits", hits)

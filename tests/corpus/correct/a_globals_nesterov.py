from numpy import *
import random as pyrandom

# everything global, one function per step of the algorithm
random.seed(6)
pyrandom.seed(6)

nb_in, nb_hid, nb_out = 4, 5, 3
data = random.randn(50, nb_in)
goal = vstack([data[:, 0] * data[:, 1], tanh(data[:, 2]), maximum(data[:, 3], -0.5)]).T

wi = random.uniform(-0.5, 0.5, (nb_in, nb_hid))
bi = random.uniform(-0.5, 0.5, nb_hid)
wo = random.uniform(-0.5, 0.5, (nb_hid, nb_out))
bo = zeros(nb_out)
vi, vbi, vo, vbo = zeros(wi.shape), zeros(bi.shape), zeros(wo.shape), zeros(bo.shape)
batch = None
friction = 0.85
speed = 0.03


def choose():
    global batch, wanted
    rows = pyrandom.sample(range(len(data)), 16)
    batch, wanted = data[rows], goal[rows]


def look_ahead():
    global wi_, bi_, wo_, bo_
    wi_ = wi + friction * vi
    bi_ = bi + friction * vbi
    wo_ = wo + friction * vo
    bo_ = bo + friction * vbo


def run():
    global hid, res
    hid = arctan(dot(batch, wi_) + bi_)
    res = dot(hid, wo_) + bo_


def gradients():
    global g_wi, g_bi, g_wo, g_bo
    slope = (res - wanted) / len(batch)
    g_wo = dot(hid.T, slope)
    g_bo = slope.sum(0)
    back = dot(slope, wo_.T) * cos(hid) ** 2      # 1 / (1 + z^2) with z = tan(hid)
    g_wi = dot(batch.T, back)
    g_bi = back.sum(0)


def move():
    global wi, bi, wo, bo, vi, vbi, vo, vbo
    vi = friction * vi - speed * g_wi
    vbi = friction * vbi - speed * g_bi
    vo = friction * vo - speed * g_wo
    vbo = friction * vbo - speed * g_bo
    wi, bi, wo, bo = wi + vi, bi + vbi, wo + vo, bo + vbo


def misfit():
    return ((dot(arctan(dot(data, wi) + bi), wo) + bo - goal) ** 2).sum() / 2 / len(data)


for turn in range(301):
    choose()
    look_ahead()
    run()
    gradients()
    move()
    if turn % 60 == 0:
        print("turn", turn, "misfit", misfit())

import numpy as np


def sigm(x):
    return 1.0/(1.0+np.exp(-x))


class GRUCell(object):
    """ z = update gate, r = reset gate, hh = candidate.   h = z * h_prev + (1 - z) * hh """

    def __init__(self, D, H):
        s = np.sqrt(1.0/H)
        self.p = {}
        for g in 'zrh':
            self.p['W'+g] = np.random.uniform(-s, s, (H, D))
            self.p['U'+g] = np.random.uniform(-s, s, (H, H))
            self.p['b'+g] = np.zeros(H)

    def step(self, x, h_prev):
        p = self.p
        z = sigm(p['Wz'].dot(x)+p['Uz'].dot(h_prev)+p['bz'])
        r = sigm(p['Wr'].dot(x)+p['Ur'].dot(h_prev)+p['br'])
        hh = np.tanh(p['Wh'].dot(x)+p['Uh'].dot(r*h_prev)+p['bh'])
        h = z*h_prev+(1-z)*hh
        return h, (x, h_prev, z, r, hh)

    def back(self, dh, cache, d):
        """ adds to the gradients in d, returns the gradient for h_prev """
        p = self.p
        x, h_prev, z, r, hh = cache
        # candidate
        da_h = dh*(1-z)*(1-hh*hh)
        d['Wh'] += np.outer(da_h, x)
        d['Uh'] += np.outer(da_h, r*h_prev)
        d['bh'] += da_h
        drh = p['Uh'].T.dot(da_h)
        # reset gate
        da_r = drh*h_prev*r*(1-r)
        d['Wr'] += np.outer(da_r, x)
        d['Ur'] += np.outer(da_r, h_prev)
        d['br'] += da_r
        # update gate
        da_z = dh*(h_prev-hh)*z*(1-z)
        d['Wz'] += np.outer(da_z, x)
        d['Uz'] += np.outer(da_z, h_prev)
        d['bz'] += da_z
        return dh*z+drh*r+p['Ur'].T.dot(da_r)+p['Uz'].T.dot(da_z)


def zeros(p):
    return dict((k, np.zeros_like(v)) for k, v in p.items())


def run(cell, Wy, by, xs, ts, h0):
    """ one pass over a piece of the signal: loss, gradients, last state """
    h, caches, hs, ys, loss = h0, [], [], [], 0.0
    for x, t in zip(xs, ts):
        h, c = cell.step(x, h)
        y = Wy.dot(h)+by
        caches.append(c); hs.append(h); ys.append(y)
        loss += 0.5*np.sum((y-t)**2)

    d, dWy, dby = zeros(cell.p), np.zeros_like(Wy), np.zeros_like(by)
    dh_next = np.zeros_like(h)
    for k in range(len(xs)-1, -1, -1):
        dy = ys[k]-ts[k]
        dWy += np.outer(dy, hs[k])
        dby += dy
        dh_next = cell.back(Wy.T.dot(dy)+dh_next, caches[k], d)
    d['Wy'], d['by'] = dWy, dby
    return loss, d, h


if __name__ == '__main__':
    np.random.seed(21)
    H, T = 9, 8
    cell = GRUCell(1, H)
    Wy, by = np.random.uniform(-0.3, 0.3, (1, H)), np.zeros(1)
    time = np.arange(0, 241)*0.25
    wave = (np.sin(time)*np.cos(0.31*time)).reshape(-1, 1)
    vel = zeros(dict(cell.p, Wy=Wy, by=by))
    for epoch in range(6):
        h, total = np.zeros(H), 0.0
        for s in range(0, 240, T):
            loss, d, h = run(cell, Wy, by, wave[s:s+T], wave[s+1:s+T+1], h)
            total += loss
            norm = np.sqrt(sum(np.sum(g*g) for g in d.values()))
            for k in d:
                g = d[k] if norm < 5 else d[k]*5/norm
                vel[k] = 0.8*vel[k]-0.02*g
                if k == 'Wy':
                    Wy += vel[k]
                elif k == 'by':
                    by += vel[k]
                else:
                    cell.p[k] += vel[k]
        print('epoch %d  loss %.5f' % (epoch, total/240))

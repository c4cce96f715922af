"""Small programs, one for each trap of rewriting. Each is compared with its plain run."""

PROGRAMS: dict[str, str] = {
    "evaluation order": """
        def say(x, *more, **named):
            print("say", x, more, named)
            return x
        class Loud:
            def __init__(self, name): self.name = name
            def __getattr__(self, a):
                print("get", self.name, a)
                return say
            def __setattr__(self, a, v):
                print("set", a, v)
                object.__setattr__(self, a, v)
            def __getitem__(self, k):
                print("item", k)
                return 5
            def __setitem__(self, k, v): print("store", k, v)
            def __delitem__(self, k): print("del", k)
        def lo(name):
            print("load", name)
            return Loud(name)
        def main():
            lo("a").m(say(1), *say([2, 3]), k=say(4), **say({}))
            lo("b")[say(1):say(2), ..., say(3)] = say(4)
            lo("c")[say(1)] += say(2)
            lo("d").x = say(1)
            lo("e")[say(1)], lo("f").y = say((2, 3))
            a = lo("g")[say(0)] = say(6)
            del lo("h")[say(7)]
            say(1) + say(2) * say(3)
            say(1) < say(2)
            say(1) < say(0) < say(9)
            say(0) and say(1) or say(2)
            {say(1): say(2), **say({3: 4})}
            [*say([1]), say(2)]
            lambda q=say(8): q
            return say(1) if say(0) else say(2)
        print(main())
    """,
    "augmented assignments": """
        class Box:
            def __init__(self): self.v, self.log = [1], []
            def __getitem__(self, k):
                self.log.append(("get", k))
                return 10
            def __setitem__(self, k, v): self.log.append(("set", k, v))
        n = 0
        def index():
            global n
            n += 1
            return n
        def main():
            b = Box()
            alias = b.v
            b.v += [2]
            print(alias is b.v, b.v)
            b[index()] -= 3
            b[index():] *= 2
            b[index(), index():] //= 2
            x = 3
            x <<= 2; x >>= 1; x **= 2; x %= 7; x |= 8; x &= 12; x ^= 5; x /= 2
            t = ([1],)
            try:
                t[0] += [2]
            except TypeError as e:
                print(e, t)
            d = {"a": 1}
            d["a"] += 1
            return b.log, x, d, n
        print(main())
        y = 5
        y += 1
        z = [1, 2]
        z[0] -= 4
    """,
    "matrix operators": """
        class M:
            def __matmul__(self, o): return "matmul"
            def __imatmul__(self, o): return "imatmul"
            def __rmatmul__(self, o): return "rmatmul"
            def __neg__(self): return "neg"
            def __pos__(self): return "pos"
            def __invert__(self): return "invert"
            def __eq__(self, o): return "eq"
            def __ne__(self, o): return "ne"
            T = A = "view"
        m = M()
        print(m @ 1, 1 @ m, -m, +m, ~m, m == 1, m != 1, m.T, m.A)
        m @= 2
        print(m)
    """,
    "super and private names": """
        class Base:
            def greet(self): return "base"
            @classmethod
            def make(cls): return cls
            @property
            def p(self): return 1
        class _Child(Base):
            __secret = 4
            def __init__(self): self.__hidden = [1]; self.__n = 0
            def greet(self):
                return super().greet() + str(__class__.__name__)
            @classmethod
            def make(cls): return super().make()
            @property
            def p(self): return super().p + 1
            def __private(self, x): return x + self.__hidden[0] + self.__secret
            def use(self):
                self.__hidden[0] += 5
                self.__n += 2
                self.__hidden.append(3)
                def inner(): return self.__private(1)
                return inner(), self.__private(2), (lambda: self.__private(3))(), self.__n
        class ___(Base):
            def __m(self): return 1
            def n(self): return self.__m()
        c = _Child()
        print(c.greet(), _Child.make() is _Child, c.p, c.use(), sorted(vars(c)), ___().n())
    """,
    "scopes": """
        x = 1
        def outer():
            y = 1
            def inner():
                "doc"
                nonlocal y
                global x
                y += 1
                x += 1
                for i in range(2):
                    global z
                    z = i * 2
                return y
            class C:
                global w
                w = x * 10
                v = [x + i for i in range(2)]
                y = y if False else 3
            inner()
            return y, C.v, C.y, sorted(locals())
        print(outer(), x, w, z)
        print(outer.__doc__, [n for n in globals() if "@" in n])
        def f(a, b=2, *c, d=4, **e):
            g = a
            return sorted(locals()), dir() == sorted(locals())
        print(f(1))
        print(f.__code__.co_varnames, f.__defaults__, f.__kwdefaults__)
        def late():
            print(unbound)
            unbound = 1
        try:
            late()
        except UnboundLocalError as e:
            print(e)
        if True:
            global top
            top = 3
        for k in range(2):
            global top2
            top2 = k + top
        print(eval("x + 1"), exec("q = x * 2") or q)
    """,
    "docstrings": """
        "module"
        def a():
            "only a docstring"
        def b():
            "docstring"
            return 1 + x
        class C:
            "class"
            def m(self):
                '''method'''
        async def d():
            "async"
        def e():
            f"no docstring {1 + 1}"
        def g(): ...
        def h(): pass
        x = 1
        print(__doc__, a.__doc__, b.__doc__, C.__doc__, C.m.__doc__, d.__doc__, e.__doc__, a(), g())
    """,
    "generators": """
        def g(n):
            total = 0
            for i in range(n):
                got = yield i * 2
                total += got or 0
            return total
        def h():
            r = yield from g(3)
            yield r
        it = h()
        out = [next(it)]
        for v in (10, 20, 30):
            out.append(it.send(v))
        print(out)
        def closing():
            try:
                while True:
                    yield
            finally:
                print("closed")
        c = closing(); next(c); c.close()
        def thrower():
            try:
                yield 1
            except ValueError as e:
                yield str(e)
        t = thrower(); next(t); print(t.throw(ValueError("v")))
        def never():
            return
            yield
        print(list(never()), (lambda: (yield))().__class__.__name__)
        ge = (i + j for i in range(3) if i for j in range(i))
        print(next(ge), list(ge))
    """,
    "coroutines": """
        import asyncio
        class Manager:
            async def __aenter__(self): return [1, 2]
            async def __aexit__(self, *a): print("exit")
        async def ticks(n):
            for i in range(n):
                await asyncio.sleep(0)
                yield i + 1
        async def main():
            total = 0
            async with Manager() as (a, b), Manager() as d[0]:
                async for t in ticks(3):
                    total += t * a
                else:
                    total -= b
            squares = [t ** 2 async for t in ticks(3) if t > 1]
            more = {t: await one(t) for t in range(2)}
            f = lambda: (x async for x in ticks(2))
            return total, squares, more, [x async for x in f()]
        async def one(t): return t + 1
        d = {}
        print(asyncio.run(main()), d)
    """,
    "comprehensions": """
        xs = [[1, 2], [3, 4]]
        n = 10
        print([x + n for row in xs for x in row if x > 1])
        print({a: b for a, b in xs}, {a for a, *_ in xs})
        print([(lambda: i)() for i in range(3)], [f() for f in [lambda: i for i in range(3)]])
        print([y := 1, y ** 2], [last := x * 2 for x in range(3)], last)
        def f():
            if any((hit := v) > 2 for v in [1, 3, 5]):
                return hit
        print(f())
        class C:
            data = [1, 2]
            doubled = [d * 2 for d in data]
            def m(self): return [self.k(d) for d in self.data]
            def k(self, d): return d - 1
        print(C.doubled, C().m())
        box = [0]
        print([0 for box[0] in range(3)], box)
    """,
    "unpacking": """
        (a, b), [c, *d], e = (1, 2), "xyz", 5
        first = second, third = [7, 8]
        (p, q) = r = (9, 10)
        g, h = h2 = iter([1, 2]) if False else (3, 4)
        print(a, b, c, d, e, first, second, third, p, q, r, g, h, h2)
        a, b = b, a
        for i, (j, k) in enumerate([(1, 2), (3, 4)]): print(i, j, k)
        def f(*args, **kw): return args, kw
        print(f(*[1, 2], *(3,), x=1, **{"y": 2}), [*range(2), *"ab"], {**{1: 2}, 3: 4}, (*[], 1))
        class O: pass
        o, l = O(), [0, 0, 0]
        o.a, l[0], (l[1], *l[2:]) = 1, 2, (3, 4, 5)
        print(o.a, l)
        def one(): yield 1
        [only], = [one()]
        for bad in ("x, y = 1", "x, y = [1]", "x, *y = []", "x, y = one(), 2, 3", "f(**3)"):
            try:
                exec(bad)
            except (TypeError, ValueError) as error:
                print(error)
        try:
            x, y = [1, 2, 3]
        except ValueError as error:
            print(error)
        try:
            f(*5)
        except TypeError as error:
            print(error)
    """,
    "subscripts": """
        class K:
            def __getitem__(self, k): return k
            def __class_getitem__(cls, k): return ("class", k)
        k = K()
        print(k[1], k[1:2], k[::3], k[...], k[1:2, ..., None, 3], k[(1, 2)], k[:], k[-1:], k[()])
        print(k[*[1, 2]], k[1, *[2]], K[int, str], list[int])
        l = list(range(6))
        l[1:3] = [9]
        l[::2] = [0] * len(l[::2])
        del l[0], l[1:2]
        l[0], l[-1] = l[-1], l[0]
        print(l)
    """,
    "loops": """
        def f(xs):
            for x in xs:
                if x == 1: continue
                if x == 4: break
                print(x * 2)
            else:
                print("no break")
            n = 3
            while n > 0:
                n -= 1
                if n == 1: continue
                for y in range(n):
                    if y: break
                    z = y + n
            else:
                print("done", n)
            while True:
                n += 1
                if n > 2: return n, z
        print(f([0, 1, 2]), f([3, 4, 5]))
        for i in []: pass
        else: print("empty")
        total = 0
        for i in range(3):
            def inner(k=i): return k * i
            total += inner()
            class Local:
                def m(self): return i + 1
            total += Local().m()
        print(total, i)
        for i in range(2):
            for j in range(2):
                for k in range(2):
                    total -= i * j * k
        print(total)
    """,
    "exceptions": """
        import sys, traceback
        class Ctx:
            def __enter__(self): return self
            def __exit__(self, t, e, tb):
                print("exit", t, tb and tb.tb_lineno)
                return t is KeyError
        def f(d, k):
            try:
                return d[k] + 1
            except KeyError as e:
                print("key", e, [(s.lineno, s.colno, s.end_colno, s.name)
                                 for s in traceback.extract_tb(e.__traceback__)])
                raise LookupError(k) from e
            except TypeError:
                print(sys.exc_info()[0], traceback.format_exc())
                return None
            else:
                print("else")
            finally:
                print("finally")
        print(f({1: 2}, 1), f({1: "a"}, 1))
        try:
            f({}, 3)
        except LookupError as e:
            traceback.print_exception(e, file=sys.stdout)
        with Ctx() as c, Ctx():
            {}[1]
        def g():
            for i in range(3):
                try:
                    return 1 / i
                except ZeroDivisionError:
                    continue
                finally:
                    print("pass", i)
        print(g())
        try:
            try:
                raise ExceptionGroup("g", [ValueError(1), TypeError(2), OSError(3)])
            except* ValueError as eg:
                print("value", eg.exceptions)
            except* (TypeError, KeyError) as eg:
                print("type", eg.exceptions)
        except ExceptionGroup as rest:
            print("rest", rest.exceptions)
        def swallow():
            try:
                return len(5)
            except:
                return "bare"
        print(swallow())
        def deleted():
            try:
                raise ValueError
            except ValueError as e:
                pass
            try:
                e
            except UnboundLocalError as u:
                return str(u)
        print(deleted())
        assert 1 + 1 == 2, "never"
        try:
            assert len([]) > 0, "empty" + "!"
        except AssertionError as e:
            print(e)
    """,
    "match": """
        from dataclasses import dataclass
        @dataclass
        class P:
            x: int
            y: int
        import math
        def f(v, limit=3):
            match v:
                case 0 | -1: return "small"
                case [a, *rest] if len(rest) > limit - 2: return a, rest
                case {"k": k, **more}: return k + 1, more
                case P(x=0, y=y) | P(x=y, y=0): return "axis", y * 2
                case P(x, y): return x * y
                case str() as s: return s * 2
                case math.pi: return "pi"
                case (1, (2, _)): return "nested"
                case None: return "none"
                case _: return "other"
        for v in (0, -1, [1, 2, 3], [1], {"k": 1, "m": 2}, P(0, 4), P(5, 0), P(2, 3), "ab",
                  math.pi, (1, (2, 3)), None, 1j):
            print(f(v))
    """,
    "walrus and conditional": """
        def f(xs):
            if (n := len(xs)) > 1 and (m := n * 2) > 3:
                print(n, m)
            while (item := xs.pop() if xs else None) is not None:
                print(item)
            return [y for x in range(3) if (y := x * 2)], y
        print(f([1, 2, 3]))
        print((lambda: (k := 3) + k)())
    """,
    "f-strings": """
        x, w, name = 3.14159, 10, "né"
        d = {"a": [1, 2]}
        print(f"{x:.2f} {x!r:>{w + 2}} {name!a} {d['a'][0] + 1} {x * 2 = :.1f} {{}} {w:{'>8'}}")
        print(f"{'a' 'b'}{f'{w + 1}'}" f" {(lambda q: q + 1)(2)} {[i * 2 for i in range(2)]}")
        print(f'''{
            w + 1
        } {d["a"][-1] - 1}''', "%s %d" % (name, w), "a" * 3 + "b")
    """,
    "annotations": """
        from typing import get_type_hints
        def deco(f):
            print("deco", f.__name__)
            return f
        x: int = 1 + 1
        y: "list[int]"
        class C:
            a: int = x * 2
            b: list[int]
            def m(self, q: "C" = None, *r: int, s: str = "a" + "b") -> dict[str, int]:
                z: int = x + 1
                w: int
                self.n: int = z
                (v): int = 3
                return {}
        @deco
        @(lambda f: deco(f))
        def f(a: 1 + 1, b: print("annotation") = 2 * x) -> x * 2: ...
        print(__annotations__, C.__annotations__, C.m.__annotations__, f.__annotations__)
        print(f.__defaults__, C().m())
    """,
    "postponed annotations": """
        'doc'
        from __future__ import annotations
        x: lambda q: q + 1 = 3
        def f(a: undefined[1 + 1], b: lambda: 0 = 2) -> nothing.at.all: return a + 1
        class C:
            v: missing * 2 = 1
            async def m(self, k: C.v) -> C: return k
        print(f(1), __annotations__, f.__annotations__, C.__annotations__, C.m.__annotations__)
        print(__doc__)
    """,
    "deep nesting": """
        def a(x):
            def b(y):
                def c(z):
                    def d(w):
                        def e(v):
                            return lambda u: [x + y * z - w / v + u for _ in range(1)]
                        return e
                    return d
                return c
            return b
        print(a(1)(2)(3)(4)(5)(6))
        total = 0
        for i in range(2):
            for j in range(2):
                while total < 100:
                    total += 7 * i + 1
                    for k in range(2):
                        total += (lambda: k * (lambda: j)())()
        print(total)
        print("+".join(str(n) for n in range(3)))
    """,
    "long expression": "x = 1\nprint(" + " + ".join(["x"] * 900) + ")\n",
    "long chain": "x = 1\n"
    + "if x == 0: pass\n"
    + "".join(f"elif x == {i}: print({i} * 2)\n" for i in range(2, 90))
    + "else: print('else')\n",
    "introspection": """
        import inspect, sys
        def f(a,
              b=1):
            # comment
            return a + b
        g = lambda x: x * 2
        class C:
            def m(self): return self.k[0]
        print(f.__qualname__, C.m.__qualname__, g.__name__, f.__code__.co_firstlineno)
        print(inspect.signature(f), f.__code__.co_argcount, f.__closure__, f.__code__.co_name)
        def frame(): return sys._getframe(1).f_code.co_name, sys._getframe(1).f_lineno
        def caller(): return frame()
        print(caller(), inspect.iscoroutinefunction(f), inspect.isgeneratorfunction(f))
        def vars_of(): x = 1; return vars(), locals(), dir(), sorted(globals())
        print(vars_of())
    """,
    "decorators with state": """
        registry = []
        def register(key):
            def wrap(f):
                registry.append((key, f.__name__))
                return f
            return wrap
        keys = {"a": 1}
        @register(keys["a"] + 1)
        def f(x): return x - 1
        @register(-keys["a"])
        class C:
            @staticmethod
            def s(x): return x * 3
            @classmethod
            def c(cls, x): return cls.s(x) + 1
            @property
            def p(self): return self._p
            @p.setter
            def p(self, v): self._p = v / 2
        o = C(); o.p = 5; o.p += 1
        print(registry, f(1), C.s(2), C.c(3), o.p)
    """,
    "unicode names": """
        Δ, ẞ = 1, {"é": 2}
        class Ω:
            def __ñ(self, λ): return λ * 2
            def f(self): return self.__ñ(ẞ["é"]) - Δ
        print(Ω().f())
    """,
}

PROGRAMS_3_12 = {
    "type parameters": """
        type Pair[T] = tuple[T, T]
        def first[T: int](xs: list[T]) -> T: return xs[0] + 1
        class Stack[T]:
            def __init__(self): self.items: list[T] = []
            def push(self, x: T) -> None: self.items += [x]
        s = Stack[int](); s.push(1)
        print(first([1, 2]), Pair.__value__, Stack.__type_params__, s.items)
    """,
    "nested f-strings": """
        d = {"a": 1}
        print(f"{f"{d["a"] + 1}"} {'\\n'.join(["x"])}")
    """,
}

#: Programs that end in an exception: the whole traceback must be that of plain Python.
FAILURES: dict[str, str] = {
    "operator": "x = [1]\n\ndef f(a, b):\n    return (a\n            + b) * 2\n\nf(x,\n  3)\n",
    "subscript": "d = {}\ndef f(k):\n    return d[k][0] + 1\nf('missing')\n",
    "nested subscript": "x = {'a': {'b': None}}\nprint(1 + x['a']['b']['c'])\n",
    "attribute": "class C: value = 1\nC().valeu.x\n",
    "method": "class C:\n    def append(self): pass\nC().apend(1 / 0)\n",
    "method chain": (
        "class C:\n    def a(self): return self\n    def b(self, x=0): return 1 / x\n"
        "(C()\n  .a()\n  .b()\n  .c())\n"
    ),
    "missing in chain": "(''\n .strip()\n .missing\n .more())\n",
    "called wrongly": "def f(a, b): return a\nf(1)\n",
    "star": "def f(*a): pass\nf(1, *5)\n",
    "double star": "def f(**a): pass\nf(1, **5)\n",
    "not callable": "x = 3\nprint(1, x(2))\n",
    "name": "value = 1\ndef f():\n    return vlaue + 1\nf()\n",
    "unbound": "def f():\n    x += 1\nf()\n",
    "iteration": "for i in 5:\n    pass\n",
    "comprehension": "xs = [1, 0]\ny = [1 / x for x in xs if x < 5]\n",
    "not iterable in comprehension": "y = {x: 1 for x in 3.5}\n",
    "unpack": "def f():\n    a, (b, c) = 1, 2\nf()\n",
    "too many": "a, b = [1, 2, 3]\n",
    "store": "t = (1, 2)\ndef f():\n    t[0] = 3\nf()\n",
    "augmented": "x = 1\nx += 'a'\n",
    "augmented attribute": "class C: v = 1\nc = C()\nc.v -= 'a'\n",
    "augmented missing attribute": "class C: v = 1\nc = C()\nc.w -= 'a'\n",
    "augmented item": "x = [1]\nx[0] += None\n",
    "augmented missing item": "x = [1]\nx[3] += 1\n",
    "comparison": "def f(a): return a < 'x'\nprint(f(\n    1))\n",
    "chain of comparisons": "print(1 < 2 < 'x')\n",
    "unary": "x = 'a'\nprint(-x)\n",
    "lambda": "f = lambda x: x[0] + 1\nprint(f(3))\n",
    "lambda in call": "print(sorted([1, 2], key=lambda v:\n    v.x))\n",
    "f-string": "x = 0\nprint(f'{1 / x}')\n",
    "assertion": "x = 1\nassert x == 2, f'{x} is not {2}'\n",
    "raise from": (
        "def g(): return {}['k']\ndef f():\n    try:\n        g()\n"
        "    except KeyError as e:\n        raise ValueError('v') from e\nf()\n"
    ),
    "context": "try:\n    1 / 0\nexcept ZeroDivisionError:\n    [][0]\n",
    "group": ("try:\n    int('a')\nexcept ValueError as e:\n    raise ExceptionGroup('g', [e])\n"),
    "with": (
        "class C:\n    def __enter__(self): return 1\n    def __exit__(self, *a): 1 / 0\n"
        "with C() as (a, b):\n    pass\n"
    ),
    "generator": "def g():\n    yield 1\n    yield 1 + 'a'\nlist(g())\n",
    "recursive": "def f(n):\n    return 1 / n if n == 0 else f(n - 1)\nf(5)\n",
    "deep recursion": "def f(n):\n    return f(n + 1)\nf(0)\n",
    "class body": "class C:\n    x = 1\n    y = x.missing\n",
    "decorator": "def d(f):\n    return f + 1\n@d\ndef g():\n    pass\n",
    "default": "def f(x=[][1]): pass\n",
    "import": "import not_a_module_at_all\n",
    "loop body": "t = 0\nfor i in range(3):\n    t += 1 / (i - 1)\n",
    "while": "n = 2\nwhile n >= 0:\n    n -= 1\n    1 / n\n",
    "match": "class P:\n    __match_args__ = 1\nmatch P():\n    case P(1):\n        pass\n",
    "guard": "match 1:\n    case x if x / 0:\n        pass\n",
    "async": (
        "import asyncio\nasync def f(x):\n    return await g(x) + 1\n"
        "async def g(x): return x[0]\nasyncio.run(f(1))\n"
    ),
    "wide characters": "é = 'ñandú'; x = (é, 'ß')[0] + 1\n",
    "notes": "e = ValueError('x')\ne.add_note('note')\nraise e\n",
    "del": "x = {}\ndel x['a']\n",
    "starred display": "x = [1, *3]\n",
    "set display": "x = {[1] + [2]}\n",
    "return in finally": (
        "def f():\n    try:\n        return 1 + ''\n    finally:\n        {}['x']\nf()\n"
    ),
    "exit": "import sys\ndef f(): sys.exit('bye')\nf()\n",
    "many arguments": f"def f(*a): return 1 / 0\nclass C: pass\nC.f = f\nC.f({'1, ' * 40}\n 2)\n",
}

# SPDX-License-Identifier: GPL-2.0-only
"""
The memory model of the kernel, tools/memory-model/linux-kernel.cat, for marked accesses:
computes the possible executions of a test. Names of relations are those of that file.

A relation is a list of bit masks, one for each event: bit b of element a is (a, b).
"""

import itertools

from program import Event, all_runs


class Relations:
    """Relations between @n events."""

    def __init__(self, n):
        self.n = n
        self.id = [1 << i for i in range(n)]

    def of(self, pairs):
        relation = [0] * self.n
        for a, b in pairs:
            relation[a] |= 1 << b
        return relation

    def union(self, *relations):
        return [self.any(bits) for bits in zip(*relations)]

    @staticmethod
    def any(bits):
        result = 0
        for word in bits:
            result |= word
        return result

    @staticmethod
    def both(first, second):
        return [a & b for a, b in zip(first, second)]

    @staticmethod
    def without(first, second):
        return [a & ~b for a, b in zip(first, second)]

    def then(self, first, *others):
        for second in others:
            result = [0] * self.n
            for a, bits in enumerate(first):
                while bits:
                    low = bits & -bits
                    result[a] |= second[low.bit_length() - 1]
                    bits ^= low
            first = result
        return first

    def maybe(self, relation):
        return self.union(self.id, relation)

    def plus(self, relation):
        result = list(relation)
        for k in range(self.n):
            bit, row = 1 << k, result[k]
            for a in range(self.n):
                if result[a] & bit:
                    result[a] |= row
            if result[k] != row:
                row = result[k]
        return result

    def star(self, relation):
        return self.maybe(self.plus(relation))

    def inverse(self, relation):
        return self.of((b, a) for a in range(self.n) for b in range(self.n)
                       if relation[a] >> b & 1)

    def acyclic(self, relation):
        return not any(row >> a & 1 for a, row in enumerate(self.plus(relation)))


class Execution:
    """Events of all threads, and the initial writes. The reads-from and coherence orders are
    chosen later."""

    def __init__(self, test, ways):
        self.events = [Event("W", -1, loc=loc, value=test.initial.get(loc, 0))
                       for loc in sorted(test.locations)]
        self.registers = {}
        pairs = {"po": [], "addr": [], "data": [], "ctrl": [], "rmw": []}
        for number, way in enumerate(ways):
            first = len(self.events)
            self.events += way.events
            for name, (value, _) in way.registers.items():
                self.registers[number, name] = value
            for b, event in enumerate(way.events):
                pairs["po"] += [(first + a, first + b) for a in range(b)]
                for kind in ("addr", "data", "ctrl"):
                    pairs[kind] += [(first + a, first + b) for a in getattr(event, kind)]
                if event.rmw is not None:
                    pairs["rmw"].append((first + event.rmw, first + b))
        r = self.r = Relations(len(self.events))
        self.po, self.addr, self.data, self.ctrl, self.rmw = (
            r.of(pairs[kind]) for kind in ("po", "addr", "data", "ctrl", "rmw"))
        self.static()

    def only(self, condition):
        """Return [...] of the cat language: each of these events, related to itself."""
        return [1 << i if condition(e) else 0 for i, e in enumerate(self.events)]

    def related(self, condition):
        return self.r.of((a, b) for a, one in enumerate(self.events)
                         for b, other in enumerate(self.events) if condition(one, other))

    def fence(self, name):
        r = self.r
        return r.then(self.po, self.only(lambda e: e.kind == "F" and e.order == name),
                      self.po)

    def static(self):
        """Compute all relations that do not depend on reads-from and coherence orders."""
        r = self.r
        self.same_loc = self.related(lambda a, b: a.loc and a.loc == b.loc)
        self.internal = self.related(lambda a, b: a.thread == b.thread >= 0)
        self.W = self.only(lambda e: e.kind == "W")
        self.R = self.only(lambda e: e.kind == "R")
        self.M = self.only(lambda e: e.kind != "F")
        acquire = self.only(lambda e: e.kind == "R" and e.order == "acquire")
        release = self.only(lambda e: e.kind == "W" and e.order == "release")
        full_read = self.only(lambda e: e.kind == "R" and e.order == "mb")
        full_write = self.only(lambda e: e.kind == "W" and e.order == "mb")
        self.unlock = self.only(lambda e: e.lock == "unlock")
        self.lock_read = self.only(lambda e: e.kind == "R" and e.lock == "lock")
        lock_write = self.only(lambda e: e.kind == "W" and e.lock == "lock")

        self.acq_po = r.then(acquire, self.po, self.M)
        self.po_rel = r.then(self.M, self.po, release)
        self.rmb = r.then(self.R, self.fence("rmb"), self.R)
        self.wmb = r.then(self.W, self.fence("wmb"), self.W)
        self.mb = r.union(
            r.then(self.M, self.fence("mb"), self.M),
            r.then(self.M, self.po, full_read), r.then(full_write, self.po, self.M),
            r.then(self.M, r.maybe(self.po), lock_write, self.fence("after-spinlock"),
                   self.M))
        self.sync = self.only(lambda e: e.kind == "F" and e.order == "sync")
        self.gp = r.then(self.po, self.sync, r.maybe(self.po))
        self.rscsi = self.sections()

    def sections(self):
        """Relate the end of each RCU read-side section to its start; they may be nested."""
        pairs, begins = [], {}
        for i, event in enumerate(self.events):
            if event.order == "rcu-lock":
                begins.setdefault(event.thread, []).append(i)
            elif event.order == "rcu-unlock":
                pairs.append((i, begins[event.thread].pop()))
        return self.r.of(pairs)

    def writes(self, loc):
        return [i for i, e in enumerate(self.events) if e.kind == "W" and e.loc == loc]

    def sources(self):
        """Return the writes from which each read may return its value."""
        reads = [i for i, e in enumerate(self.events) if e.kind == "R"]
        return [[(w, i) for w in self.writes(self.events[i].loc)
                 if self.events[w].value == self.events[i].value] for i in reads]

    def orders(self):
        """Yield the possible coherence orders of the writes to each location."""
        for loc in sorted({e.loc for e in self.events if e.loc}):
            first, *others = self.writes(loc)
            yield [[(before, after) for n, after in enumerate(order)
                    for before in order[:n]]
                   for order in ([first, *rest] for rest in itertools.permutations(others))]

    def allowed(self, rf_pairs, co_pairs):
        r = self.r
        rf, co = r.of(rf_pairs), r.of(co_pairs)
        fr = r.without(r.then(r.inverse(rf), co), r.id)
        com = r.union(rf, co, fr)
        po_loc = r.both(self.po, self.same_loc)
        if not r.acyclic(r.union(po_loc, com)):
            return False
        fre, coe = (r.without(x, self.internal) for x in (fr, co))
        if any(r.both(self.rmw, r.then(fre, coe))):
            return False
        return self.ordered(rf, co, fr)

    def ordered(self, rf, co, fr):
        """Check the axioms happens-before, propagation and rcu."""
        r = self.r
        rfe, rfi = r.without(rf, self.internal), r.both(rf, self.internal)
        overwrite = r.union(co, fr)
        unlock_lock = r.then(self.po, self.unlock, r.union(self.po, rf), self.lock_read,
                             self.po)
        mb = r.union(self.mb, r.then(self.M, unlock_lock,
                                     self.only(lambda e: e.order == "after-unlock-lock"),
                                     self.po, self.M))
        strong = r.union(mb, self.gp)
        fence = r.union(strong, self.po_rel, self.acq_po, self.wmb, self.rmb)
        dep = r.union(self.addr, self.data)
        to_w = r.union(r.then(r.union(dep, self.ctrl), self.W),
                       r.both(overwrite, self.internal))
        to_r = r.union(r.then(self.addr, self.R), r.then(dep, rfi))
        ppo = r.union(to_r, to_w, r.both(fence, self.internal),
                      r.both(unlock_lock, self.internal))

        cumulative = r.then(r.maybe(rfe), r.union(strong, self.po_rel))
        cumul_fence = r.then(r.union(cumulative, self.wmb, unlock_lock),
                             r.star(r.then(rf, self.rmw)))
        prop = r.then(r.maybe(r.without(overwrite, self.internal)), r.star(cumul_fence),
                      r.maybe(rfe))
        hb = r.union(ppo, rfe, r.both(r.without(prop, r.id), self.internal))
        if not r.acyclic(hb):
            return False
        pb = r.then(prop, strong, r.star(hb))
        return r.acyclic(pb) and self.rcu(prop, hb, pb)

    def rcu(self, prop, hb, pb):
        r = self.r
        if not any(self.sync):
            return True
        link = r.then(r.maybe(self.po), r.star(hb), r.star(pb), prop, self.po)
        order, before = self.sync, None
        while order != before:
            before = order
            inside = r.union(link, r.then(link, order, link))
            order = r.union(order, r.then(self.sync, inside, self.rscsi),
                            r.then(self.rscsi, inside, self.sync),
                            r.then(order, link, order))
        rb = r.then(prop, self.po, order, r.maybe(self.po), r.star(hb), r.star(pb))
        return not any(row >> a & 1 for a, row in enumerate(rb))

    def final(self, co_pairs):
        """Return the final contents of memory."""
        over = {before for before, _ in co_pairs}
        return {e.loc: e.value for i, e in enumerate(self.events)
                if e.kind == "W" and i not in over}


def holds(condition, registers, memory):
    kind = condition[0]
    if kind == "is":
        name = condition[1]
        value = registers.get(name, 0) if isinstance(name, tuple) else memory[name]
        return value == condition[2]
    if kind == "not":
        return not holds(condition[1], registers, memory)
    both = [holds(part, registers, memory) for part in condition[1:]]
    return all(both) if kind == "and" else any(both)


def outcomes(test):
    """Yield for each possible execution whether the condition of the test holds."""
    for ways in itertools.product(*all_runs(test)):
        execution = Execution(test, ways)
        for rf in itertools.product(*execution.sources()):
            for co in itertools.product(*execution.orders()):
                pairs = list(itertools.chain.from_iterable(co))
                if execution.allowed(rf, pairs):
                    yield holds(test.condition, execution.registers,
                                execution.final(pairs))


def happens(test):
    """Return whether the condition can hold. A test without any execution is an error."""
    any_at_all = False
    for outcome in outcomes(test):
        if outcome:
            return True
        any_at_all = True
    if not any_at_all:
        raise ValueError(f"{test.name}: no execution at all")
    return False

# SPDX-License-Identifier: GPL-2.0-only
"""Litmus tests in the format of herd7, to the extent needed for the tests here and those
of the kernel's tools/memory-model: parses them, and computes the accesses of each thread."""

import re
from dataclasses import dataclass, field

TOKEN = re.compile(r"\s*(==|!=|&&|\|\||/\\|\\/|[A-Za-z_]\w*|\d+|[-+*&|!~(){};,=:<>\[\]])")
FENCES = {"smp_mb": "mb", "smp_rmb": "rmb", "smp_wmb": "wmb", "barrier": "barrier",
          "smp_mb__after_spinlock": "after-spinlock", "synchronize_rcu": "sync",
          "smp_mb__after_unlock_lock": "after-unlock-lock",
          "rcu_read_lock": "rcu-lock", "rcu_read_unlock": "rcu-unlock"}
LOADS = {"READ_ONCE": "", "rcu_dereference": "", "smp_load_acquire": "acquire"}
STORES = {"WRITE_ONCE": "", "smp_store_release": "release", "rcu_assign_pointer": "release"}
EXCHANGES = {f"{name}{order}": order[1:] or "mb" for name in ("xchg", "cmpxchg")
             for order in ("", "_relaxed", "_acquire", "_release")}


class Unsupported(Exception):
    """The test uses an operation that is not modelled."""


@dataclass
class Event:
    kind: str                   # R, W or F
    thread: int
    order: str = ""             # of an access, or kind of fence
    loc: str = ""
    value: object = None
    addr: frozenset = frozenset()       # numbers of the events that it depends on
    data: frozenset = frozenset()
    ctrl: frozenset = frozenset()
    rmw: int = None             # of a write: number of its read
    lock: str = ""              # lock or unlock


class Tokens:
    def __init__(self, text):
        self.list, at = [], 0
        text = text.strip()
        while at < len(text):
            found = TOKEN.match(text, at)
            if not found:
                raise Unsupported(f"'{text[at:at + 20]}'")
            self.list.append(found[1])
            at = found.end()

    def peek(self):
        return self.list[0] if self.list else ""

    def take(self, wanted=None):
        if wanted and self.peek() != wanted:
            raise Unsupported(f"'{self.peek()}' where '{wanted}' should be")
        return self.list.pop(0)

    def accept(self, token):
        if self.peek() == token:
            self.list.pop(0)
            return True
        return False


def parse_primary(tokens):
    if tokens.accept("("):
        inner = parse_expression(tokens)
        tokens.take(")")
        return inner
    for operator in ("!", "*", "&"):
        if tokens.accept(operator):
            return (operator, parse_primary(tokens))
    word = tokens.take()
    if word.isdigit():
        return ("number", int(word))
    if not tokens.accept("("):
        return ("name", word)
    arguments = []
    while not tokens.accept(")"):
        arguments.append(parse_expression(tokens))
        tokens.accept(",")
    return ("call", word, arguments)


def parse_expression(tokens):
    left = parse_primary(tokens)
    while tokens.peek() in ("==", "!=", "&&", "||", "+", "-", "&"):
        left = ("binary", tokens.take(), left, parse_primary(tokens))
    return left


def parse_block(tokens):
    if not tokens.accept("{"):
        return [parse_statement(tokens)]
    block = []
    while not tokens.accept("}"):
        block.append(parse_statement(tokens))
    return block


def parse_statement(tokens):
    if tokens.accept("if"):
        tokens.take("(")
        condition = parse_expression(tokens)
        tokens.take(")")
        block = parse_block(tokens)
        return ("if", condition, block, parse_block(tokens) if tokens.accept("else") else [])
    if tokens.accept("int"):
        while not tokens.accept(";"):
            tokens.take()
        return ("nothing",)
    left = parse_expression(tokens)
    right = parse_expression(tokens) if tokens.accept("=") else None
    tokens.take(";")
    return ("set", left, right) if right else ("do", left)


@dataclass
class Test:
    name: str
    initial: dict
    threads: list
    condition: tuple
    locations: set = field(default_factory=set)


def parse_condition(tokens):
    def atom():
        if tokens.accept("("):
            inner = either()
            tokens.take(")")
            return inner
        if tokens.accept("~"):
            return ("not", atom())
        name = tokens.take()
        if tokens.accept(":"):
            name = (int(name), tokens.take())
        tokens.take("=")
        value = tokens.take()
        return ("is", name, int(value) if value.isdigit() else value)

    def both():
        left = atom()
        while tokens.accept("/\\"):
            left = ("and", left, atom())
        return left

    def either():
        left = both()
        while tokens.accept("\\/"):
            left = ("or", left, both())
        return left

    return either()


def parse(text):
    text = re.sub(r"\(\*\s.*?\s\*\)|/\*.*?\*/|//[^\n]*", " ", text, flags=re.S)
    text = re.sub(r"\blocations\s*\[[^]]*\]", " ", text)
    head = re.match(r"\s*C\s+(\S+)\s*\{(.*?)\}(.*?)\bexists\b(.*)$", text, re.S)
    if not head or "filter" in text:
        raise Unsupported("no plain 'exists'")
    test = Test(head[1], {}, [], parse_condition(Tokens(head[4])))
    for entry in filter(str.strip, head[2].split(";")):
        name, value = (part.strip().lstrip("&") for part in entry.split("="))
        name = name.split()[-1].lstrip("*")
        test.initial[name] = int(value) if value.isdigit() else value
    for body in re.finditer(r"\bP\d+\(([^)]*)\)\s*(\{.*?^\})", head[3], re.S | re.M):
        test.locations |= {re.findall(r"\w+", p)[-1] for p in body[1].split(",")}
        test.threads.append(parse_block(Tokens(body[2])))
    test.locations |= set(test.initial) | {value for value in test.initial.values()
                                           if isinstance(value, str)}
    return test


class Need(Exception):
    """A read of a location whose value is not chosen yet."""


class Run:
    """One execution of a thread, in which its reads return @values."""

    def __init__(self, test, number, values):
        self.test, self.number, self.values = test, number, list(values)
        self.events, self.registers, self.ctrl = [], {}, frozenset()
        self.block(test.threads[number])
        if self.values:
            raise AssertionError("values are left over")

    def emit(self, kind, order="", **rest):
        self.events.append(Event(kind, self.number, order, ctrl=self.ctrl, **rest))
        return len(self.events) - 1

    def block(self, statements):
        for statement in statements:
            getattr(self, f"do_{statement[0]}")(*statement[1:])

    def do_nothing(self):
        pass

    def do_if(self, condition, then, otherwise):
        value, depends = self.value(condition)
        self.ctrl |= depends
        self.block(then if value else otherwise)

    def do_set(self, left, right):
        value, depends = self.value(right)
        if left[0] == "*":
            raise Unsupported("a plain access")
        if left[0] != "name" or left[1] in self.test.locations:
            raise Unsupported("an assignment to memory")
        self.registers[left[1]] = (value, depends)

    def do_do(self, expression):
        self.value(expression)

    def value(self, expression):
        """Return (value, numbers of the reads that it depends on)."""
        kind = expression[0]
        if kind == "number":
            return expression[1], frozenset()
        if kind == "name":
            name = expression[1]
            if name in self.registers:
                return self.registers[name]
            if name in self.test.locations:
                return name, frozenset()
            raise Unsupported(f"{name} has no value")
        if kind == "&":
            return self.value(expression[1])
        if kind == "!":
            value, depends = self.value(expression[1])
            return int(not value), depends
        if kind == "binary":
            return self.binary(*expression[1:])
        if kind == "call":
            return self.call(expression[1], expression[2])
        raise Unsupported("a plain access")

    def binary(self, operator, left, right):
        (a, from_a), (b, from_b) = self.value(left), self.value(right)
        if operator in ("==", "!="):
            value = int((a == b) == (operator == "=="))
        elif operator == "&&":
            value = int(bool(a) and bool(b))
        elif operator == "||":
            value = int(bool(a) or bool(b))
        else:
            value = {"+": int.__add__, "-": int.__sub__, "&": int.__and__}[operator](a, b)
        return value, from_a | from_b

    def place(self, expression):
        """Return the location of "*p" or "p", and the reads that it depends on."""
        where, depends = self.value(expression[1] if expression[0] == "*" else expression)
        if where not in self.test.locations:
            raise Unsupported(f"an access to {where}")
        return where, depends

    def read(self, loc, order, addr, **rest):
        if not self.values:
            raise Need(loc)
        value = self.values.pop(0)
        return value, self.emit("R", order, loc=loc, value=value, addr=addr, **rest)

    def call(self, name, arguments):
        if name in FENCES:
            self.emit("F", FENCES[name])
            return 0, frozenset()
        if name in ("spin_lock", "spin_unlock"):
            return self.lock(name, arguments[0])
        if name not in (*LOADS, *STORES, *EXCHANGES):
            raise Unsupported(name)
        loc, addr = self.place(arguments[0])
        if name in LOADS:
            value, event = self.read(loc, LOADS[name], addr)
            return value, frozenset([event])
        if name in STORES:
            value, data = self.value(arguments[1])
            self.emit("W", STORES[name], loc=loc, value=value, addr=addr, data=data)
            return 0, frozenset()
        return self.exchange(loc, addr, EXCHANGES[name], arguments[1:])

    def exchange(self, loc, addr, order, arguments):
        new, data = self.value(arguments[-1])
        old, event = self.read(loc, order, addr)
        if len(arguments) == 2 and old != self.value(arguments[0])[0]:
            # Without a write, the exchange orders nothing
            self.events[event].order = ""
            return old, frozenset([event])
        self.emit("W", order, loc=loc, value=new, addr=addr, data=data, rmw=event)
        return old, frozenset([event])

    def lock(self, name, argument):
        loc, addr = self.place(argument)
        if name == "spin_unlock":
            self.emit("W", "release", loc=loc, value=0, addr=addr, lock="unlock")
            return 0, frozenset()
        value, event = self.read(loc, "acquire", addr, lock="lock")
        if value != 0:
            raise AssertionError("a lock is taken that somebody has")
        self.emit("W", "", loc=loc, value=1, addr=addr, rmw=event, lock="lock")
        return 0, frozenset()


def runs(test, number, domain):
    """Yield each execution of a thread, for all values of @domain that its reads may return."""
    todo = [[]]
    while todo:
        values = todo.pop()
        try:
            yield Run(test, number, values)
        except Need as need:
            todo += [[*values, value] for value in domain[str(need)]]
        except AssertionError:
            pass


def all_runs(test):
    """Return for each thread all executions, with all values that any thread may write."""
    domain = {loc: {test.initial.get(loc, 0)} for loc in test.locations}
    while True:
        ways = [list(runs(test, n, domain)) for n in range(len(test.threads))]
        before = sum(map(len, domain.values()))
        for run in (run for thread in ways for run in thread):
            for event in run.events:
                if event.kind == "W":
                    domain[event.loc].add(event.value)
        if sum(map(len, domain.values())) == before:
            return ways

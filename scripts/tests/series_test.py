#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""The series as states, mails and remarks: on a base of a few files."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

SCRIPTS = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(SCRIPTS))

import check_series  # noqa: E402
import cover  # noqa: E402
import kbuild  # noqa: E402
import mails  # noqa: E402
import remarks  # noqa: E402
import states  # noqa: E402

NOBODY = check_series.NOBODY
MAKEFILE = "obj-y += a.o b.o\nobj-$(CONFIG_X) += c.o\nobj-y += tests/\n"
CSV = """device,bs,depth,jobs,rw,config,iops,cv,vs_base,vs_none,errors
nvme,4k,256,1,read,base,1000,0.050,1.000,0.500,0
nvme,4k,256,1,read,ours,900,0.010,0.900,0.450,0
nvme,4k,256,1,read,dynamic,1100,0.010,1.100,0.550,0
nvme,4k,256,1,read,none,2000,0.010,2.000,1.000,0
"""
NATIVE = """row,base,ours,unit,ratio,limit,holds
quick,20.0,10.0,ns,2.00,ratio >= 5,no
same,20.0,19.0,ns,1.05,,
slow,10.0,20.0,ns,0.50,,
bare memcpy 2 KiB into cold memory,10.0,20.0,ns,0.50,,
none,0.00,0.00,%,,,
"""


class SeriesCase(unittest.TestCase):
    def setUp(self):
        temp = tempfile.TemporaryDirectory()
        self.addCleanup(temp.cleanup)
        self.top = Path(temp.name)
        self.base, self.repo = self.top / "base", self.top / "repo"
        self.put(self.base / "kernel/dma/swiotlb.c", "one\ntwo\nthree\n")
        self.put(self.base / "Makefile", "VERSION = 7\n")
        (self.base / "Documentation").mkdir()
        self.repo.mkdir()
        subprocess.run(["git", "init", "-q", str(self.repo)], check=True)
        for name, text in (("a.c", "a\n"), ("b.c", "b\n"), ("c.c", "c\n"), ("Makefile", MAKEFILE),
                           ("tests/Makefile", "obj-y += a_kunit.o\n"), ("tests/a_kunit.c", "k\n")):
            self.put(self.repo / "kernel/dma/new" / name, text)
        self.put(self.repo / "kernel/dma/swiotlb.c", "ours\n")
        self.put(self.repo / cover.GUEST_CSV, CSV)
        self.put(self.repo / cover.NATIVE_CSV, NATIVE)
        self.put(self.repo / "patches/7.3/cover-letter", "Subject: all of it\n\nText.\n\n@guest@\n")
        self.entry("0001-a", "new/Makefile new/a.c", diff="swiotlb.c")
        self.entry("0002-b", "new/b.c", "Links: 0004-d.patch\n\n")
        self.entry("0003-c", "new/c.c new/tests/Makefile new/tests/a_kunit.c")
        self.entry("0004-d", "swiotlb.c")

    @staticmethod
    def put(path, text):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def entry(self, name, owns, links="", diff=None):
        paths = "".join(f"  kernel/dma/{p}\n" for p in owns.split())
        text = f"Subject: swiotlb: {name}\n\nBecause.\n\n{links}Owns:\n{paths}"
        if diff:
            text += (f"\n---\ndiff --git a/kernel/dma/{diff} b/kernel/dma/{diff}\n"
                     "@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n")
        self.put(self.repo / f"patches/7.3/{name}.patch", text)
        listed = self.repo / "patches/7.3/series"
        names = listed.read_text() if listed.exists() else ""
        if name not in names:
            listed.write_text(f"{names}{name}.patch\n")

    def states(self):
        return states.read(self.repo, self.base)

    def refused(self, *words):
        with self.assertRaises(states.Failure) as caught:
            self.states()
        for word in words:
            self.assertIn(word, "\n".join(caught.exception.messages))


class StatesTest(SeriesCase):
    def makefiles(self, name="kernel/dma/new/Makefile"):
        return [s.files[name][0].decode() for s in self.states() if name in s.files]

    def test_makefile_grows(self):
        self.assertEqual(self.makefiles(), [
            "obj-y += a.o\n", "obj-y += a.o\nalways-y += b.o\n",
            "obj-y += a.o\nalways-y += b.o\nobj-$(CONFIG_X) += c.o\nobj-y += tests/\n", MAKEFILE])

    def test_object_without_a_source(self):
        self.put(self.repo / "kernel/dma/new/Makefile", MAKEFILE + "obj-y += none.o\n")
        self.refused("new/Makefile", "no source")

    def test_owner_replaces_an_edited_file(self):
        found = [s.files["kernel/dma/swiotlb.c"][0] for s in self.states()]
        self.assertEqual(found, [b"one\n2\nthree\n"] * 3 + [b"ours\n"])

    def test_links_to_no_later_entry(self):
        self.entry("0002-b", "new/b.c", "Links: 0001-a.patch\n\n")
        self.refused("0002-b.patch", "0001-a.patch", "no later entry")

    def test_links_is_no_part_of_the_body(self):
        self.assertEqual(self.states()[1].entry.body, "Because.")

    def test_up_to(self):
        self.assertEqual(len(states.up_to(self.states(), "0003")), 3)
        with self.assertRaises(states.Failure):
            states.up_to(self.states(), "0009")


class MailsTest(SeriesCase):
    def export(self):
        return mails.export(self.repo, self.base, self.states(), self.top / "out", NOBODY)

    def test_git_am_gives_every_state(self):
        exported, found = self.export(), self.states()
        paths, directory = mails.touched(found), self.top / "git"
        self.assertEqual(len(exported), 5)
        mails.base_repository(directory, self.base, paths, NOBODY)
        for mail, state in zip(exported[1:], found):
            check_series.apply(directory, mail, self.base, paths, state)

    def test_a_mail_that_lost_a_line_is_noticed(self):
        exported, found = self.export(), self.states()
        directory = self.top / "git"
        mails.base_repository(directory, self.base, mails.touched(found), NOBODY)
        mail = exported[1]
        mail.write_text(mail.read_text().replace("+a\n", "+A\n"))
        with self.assertRaises(states.Failure) as caught:
            check_series.apply(directory, mail, self.base, mails.touched(found), found[0])
        self.assertIn("new/a.c", caught.exception.messages[0])

    def test_form(self):
        first = self.export()[1].read_text()
        self.assertIn("From: check-series <check@series.invalid>\n", first)
        self.assertIn("Subject: [PATCH 1/4] swiotlb: 0001-a\n", first)
        self.assertIn(" 3 files changed", first)
        for word in ("Signed-off-by", "base-commit", "Links:", "Owns:"):
            self.assertNotIn(word, first)

    def test_nobody_is_an_error(self):
        with mock.patch.object(mails, "configured", return_value=""), \
                self.assertRaises(states.Failure) as caught:
            mails.author(self.repo)
        self.assertIn("git config user.name", caught.exception.messages[0])

    def test_cover_letter(self):
        text = self.export()[0].read_text()
        self.assertIn("Subject: [PATCH 0/4] all of it", text)
        self.assertIn("nvme 4k read x1", text)
        self.assertIn("90%", text)
        self.assertNotIn("***", text)

    def test_rows_that_lose(self):
        lost = cover.losing(self.repo)
        self.assertIn("patched", lost)
        self.assertNotIn("dynamic", lost)

    def test_native_rows_that_gain_little(self):
        names = [line.split()[0] for line in cover.native(self.repo).splitlines()[1:]]
        self.assertEqual(names, ["slow", "same"])

    def test_entries(self):
        def state(name, **lines):
            files = {f"kernel/dma/swiotlb/{path.replace('__', '/')}.c": (b"x\n" * n, 0) for path, n in lines.items()}
            return states.State(states.series.Entry(name), files)
        table = cover.entries([state("0001-none.patch"), state("0002-core.patch", a=5, tests__a=3),
                               state("0003-turn-over.patch", a=6, tests__a=3),
                               state("0004-more.patch", a=6, b=4, tests__a=3)])
        self.assertEqual([line.split() for line in table.splitlines()[1:]], [
            ["2", "core", "5", "3", "no"], ["3", "turn-over", "1", "0", "yes"], ["4", "more", "4", "0", "yes"],
            "in use with the switch: 6 of 10 lines".split()])

    def test_address(self):
        for url, wanted in (("https://me:secret@host/x.git", "https://host/x.git"), ("/home/me/x", None),
                            ("git://host/x", "git://host/x"), ("", None)):
            with self.subTest(url), mock.patch.dict("os.environ", {"REPO": url}):
                self.assertEqual(cover.address(self.repo), wanted)
        subprocess.run(["git", "-C", str(self.repo), "config", "remote.origin.url", "https://host/y"], check=True)
        with mock.patch.dict("os.environ", {"REPO": ""}):
            self.assertEqual(cover.address(self.repo), "https://host/y")

    def test_unknown_table(self):
        self.put(self.repo / "patches/7.3/cover-letter", "Subject: all\n\nText.\n\n@none@\n")
        with self.assertRaises(states.Failure):
            cover.letter(self.repo)


class ObjectsTest(unittest.TestCase):
    """Uses fakes of make and nm that print a given output."""

    def setUp(self):
        temp = tempfile.TemporaryDirectory()
        self.addCleanup(temp.cleanup)
        self.objects = kbuild.Objects(Path(temp.name), "on", Path(temp.name), temp.name)
        self.objects.out.mkdir()

    def compiled(self, *lines):
        with mock.patch.object(self.objects, "make", return_value="\n".join(lines)):
            return self.objects.compile(["kernel/dma/"])

    def test_gcc_and_sparse(self):
        self.assertEqual(self.compiled(
            "  CC      kernel/dma/swiotlb/slots.o",
            "../kernel/dma/swiotlb/slots.c:11:12: warning: unused variable 'x' [-Wunused-variable]",
            "../kernel/dma/swiotlb/slots.c:11:12: note: declared here",
            "../arch/x86/mm/mem_encrypt_amd.c:46:5: warning: symbol 'sev_check_data' was not declared."),
            [("kernel/dma/swiotlb/slots.c", "warning: unused variable 'x' [-Wunused-variable]"),
             ("arch/x86/mm/mem_encrypt_amd.c", "warning: symbol 'sev_check_data' was not declared.")])

    def unlinkable(self, *lines):
        done = subprocess.CompletedProcess((), 0, "\n".join(lines))
        with mock.patch.object(subprocess, "run", return_value=done):
            return self.objects.unlinkable("kernel/dma/built-in.a")

    def test_linked(self):
        self.assertEqual(self.unlinkable(
            "kernel/dma/swiotlb.o:", "0000000000000000 T swiotlb_map", "                 U swiotlb_slots_find",
            "kernel/dma/swiotlb/slots.o:", "0000000000000010 T swiotlb_slots_find", "                 U printk"), [])

    def test_missing_and_twice(self):
        self.assertEqual(self.unlinkable(
            "0000000000000000 T swiotlb_map", "                 U swiotlb_none", "0000000000000000 T swiotlb_map",
            "0000000000000000 t swiotlb_static", "0000000000000000 t swiotlb_static"),
            ["swiotlb_none is missing", "swiotlb_map is there twice"])

    def test_new_functions(self):
        def state(text):
            return states.State(None, {"kernel/dma/swiotlb/a.c": (text.encode(), 0), "kernel/dma/swiotlb/tests/t.c":
                                       (b"void test(void)\n{\n}\n", 0)})
        old = "int one(void)\n{\n}\n\nint declared(void);\n\nstatic int hidden(void)\n{\n}\n"
        new = old + "\nstatic noinline int\nhidden_too(int a)\n{\n}\n\nstruct pool *\ntwo(int a,\n    int b)\n{\n}\n"
        self.assertEqual(check_series.new_functions(state(new), state(old)), {"two"})
        self.assertEqual(check_series.new_functions(state(old), states.State(None, {})), {"one"})

    def test_nothing_calls(self):
        for path in ("kernel/dma/swiotlb/a.o", "kernel/dma/swiotlb/tests/t.o", "kernel/dma/b.o"):
            made = self.objects.out / path
            made.parent.mkdir(parents=True, exist_ok=True)
            made.touch()
        done = subprocess.CompletedProcess((), 0, "\na.o:\n0000000000000000 T one\n0000000000000010 T two\n"
                                           "0000000000000020 T three\n\nb.o:\n                 U one\n")
        with mock.patch.object(subprocess, "run", return_value=done) as run:
            self.assertEqual(self.objects.uncalled({"one", "two", "not_compiled"}), ["two"])
        self.assertNotIn("tests", " ".join(run.call_args[0][0]))

    def test_not_compiled(self):
        state = states.State(None, {"kernel/dma/swiotlb/a.c": (b"", 0), "kernel/dma/swiotlb/b.c": (b"", 0)})
        made = self.objects.out / "kernel/dma/swiotlb/a.o"
        made.parent.mkdir(parents=True)
        made.touch()
        self.assertEqual(check_series.not_compiled(self.objects, state), ["kernel/dma/swiotlb/b.c"])

    def test_option_that_is_lost(self):
        (self.objects.out / ".config").write_text("CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C=y\n")
        self.objects.check(["CONFIG_A=y"], ["CONFIG_B=n"])
        for option in ("CONFIG_B=y", "CONFIG_C=n"):
            with self.assertRaises(states.Failure) as caught:
                self.objects.check(["CONFIG_A=y"], [option])
            self.assertIn(option, caught.exception.messages[0])


class RemarksTest(unittest.TestCase):
    def known(self, text):
        temp = tempfile.NamedTemporaryFile("w", suffix="remarks")
        self.addCleanup(temp.close)
        temp.write(text)
        temp.flush()
        return remarks.Known(Path(temp.name))

    def test_known(self):
        known = self.known("# why\ncheckpatch kernel/ SPACING\n")
        known.meet("checkpatch", "kernel/a.c", "SPACING: x", "0001")
        known.finish(True, True)

    def test_unknown(self):
        known = self.known("# why\ncheckpatch kernel/ SPACING\n")
        known.meet("checkpatch", "kernel/a.c", "SPACING: x", "0001")
        known.meet("checkpatch", "kernel/a.c", "LONG_LINE: x", "0001")
        with self.assertRaises(states.Failure) as caught:
            known.finish(True, True)
        self.assertIn("LONG_LINE", caught.exception.messages[0])

    def test_stale(self):
        known = self.known("# why\nbuild kernel/a.c unused\n")
        known.finish(True, False)
        with self.assertRaises(states.Failure):
            known.finish(True, True)

    def test_language_of_kernel_doc(self):
        with tempfile.TemporaryDirectory() as temp:
            script = Path(temp) / "kernel-doc"
            self.assertEqual(remarks.language(script), "python3")
            for first, expected in (("#!/usr/bin/env python3", "python3"), ("#!/usr/bin/env perl", "perl")):
                script.write_text(f"{first}\n")
                self.assertEqual(remarks.language(script), expected)

    def test_kernel_doc_forgets_what_the_base_says(self):
        said = {True: "Warning: kernel/a.c:7 No description of 'x'\n",
                False: "Warning: kernel/a.c:9 No description of 'x'\nWarning: kernel/a.c:3 No description of 'y'\n"}
        with tempfile.TemporaryDirectory() as top:
            base = Path(top)
            (base / "kernel").mkdir()
            (base / "kernel/a.c").touch()
            with mock.patch.object(remarks, "run", side_effect=lambda *_, cwd: (1, "", said[cwd == base])):
                found = remarks.kernel_doc(base / "tree", base, ["kernel/a.c"])
        self.assertEqual(found, [("kernel/a.c", "Warning: No description of 'y'")])

    def test_without_a_reason(self):
        with self.assertRaises(states.Failure):
            self.known("# SPDX-License-Identifier: x\ncheckpatch kernel/ SPACING\n")


if __name__ == "__main__":
    unittest.main()

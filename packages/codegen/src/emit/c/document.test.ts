import test from "ava";
import { assignment, braces, call, fill, head, layOut, separated } from "./document.ts";
import type { Doc } from "./document.ts";

const record = (name: string, members: readonly Doc[]): Doc => [`(struct ${name}) `, braces(members)];

test("members of a long record are below each other, those of a record in it too", (t) => {
  const step = record("pfs_step", [
    ".kind = PFS_STEP_NONE",
    [".depth = ", call("pfs_depth", ["json", "0"])],
    ".key = 0",
    ".want = 1",
  ]);
  const statement = [assignment("*out", record("pfs_descriptor", [".kind = PFS_NONE", [".step = ", step]])), ";"];
  t.is(
    layOut(statement, 1),
    `\t*out = (struct pfs_descriptor) {
\t\t.kind = PFS_NONE,
\t\t.step = (struct pfs_step) {
\t\t\t.kind = PFS_STEP_NONE,
\t\t\t.depth = pfs_depth(json, 0),
\t\t\t.key = 0,
\t\t\t.want = 1,
\t\t},
\t};`,
  );
});

test("a short record stays on its line", (t) => {
  t.is(
    layOut(["return ", record("pfs_part", [".at = 0", ".count = 1"]), ";"], 1),
    "\treturn (struct pfs_part) { .at = 0, .count = 1 };",
  );
});

test("arguments are aligned with the first one, and what follows the call counts", (t) => {
  const args = ["first_argument", "second_argument", "third_argument", "the_4th"];
  t.is(
    layOut(["if (!", call("pfs_function", args), ")"], 1),
    "\tif (!pfs_function(first_argument, second_argument, third_argument,\n\t\t\t  the_4th))",
  );
  // Five columns less, and all of it fits in 80.
  const fits = layOut(["if (!", call("pfs_func", args), ")"], 1);
  t.is(fits.length + 7, 80);
  t.false(fits.includes("\n"));
});

test("an operand goes to the next line whole if it fits there", (t) => {
  const left = [call("pfs_byte", ["json", "(u64)pfs_narrow(at) + i"]), " !="];
  t.is(
    layOut(["if (", fill([left, call("pfs_byte", ["the_word", "index"])]), ")"], 2),
    "\t\tif (pfs_byte(json, (u64)pfs_narrow(at) + i) !=\n\t\t    pfs_byte(the_word, index))",
  );
});

test("a long type of a function has a line of its own where that saves lines", (t) => {
  const parameters = ["struct pfs_struct_part part", "u32 index", "u32 kind", "struct pfs_failure *failure"];
  t.is(
    layOut(head("static noinline_for_stack bool", "pfs_checked_pointer", parameters), 0),
    `static noinline_for_stack bool
pfs_checked_pointer(struct pfs_struct_part part, u32 index, u32 kind,
\t\t    struct pfs_failure *failure)`,
  );
  t.is(layOut(head("u32", "pfs_zero", []), 0), "u32 pfs_zero(void)");
});

test("separators follow all items but the last", (t) => {
  t.deepEqual(separated(["a", "b", "c"], ","), [["a", ","], ["b", ","], "c"]);
});

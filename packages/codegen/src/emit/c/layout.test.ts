import test from "ava";
import { print } from "./layout.ts";

test("members of a long record stand below each other, a record's in a record too", (t) => {
  const inner = ".step = (struct pfs_step) { .kind = PFS_STEP_NONE, .depth = pfs_depth(json, 0), .key = 0, .want = 1 }";
  t.is(
    print([`\t*out = (struct pfs_descriptor) { .kind = PFS_NONE, ${inner}, .size = 0 };`]),
    `\t*out = (struct pfs_descriptor) {
\t\t.kind = PFS_NONE,
\t\t.step = (struct pfs_step) {
\t\t\t.kind = PFS_STEP_NONE,
\t\t\t.depth = pfs_depth(json, 0),
\t\t\t.key = 0,
\t\t\t.want = 1,
\t\t},
\t\t.size = 0,
\t};
`,
  );
});

test("two records in one line are no record", (t) => {
  const record = "(struct pfs_descriptor) { .kind = PFS_DESCRIPTOR_NONE, .size = 0 }";
  const text = print([`\tresult = is_it_this_one ? ${record} : ${record};`]);
  t.is(text.replaceAll(/\s+/g, " ").trim(), `result = is_it_this_one ? ${record} : ${record};`);
});

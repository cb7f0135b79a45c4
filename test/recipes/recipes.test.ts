import { join } from "node:path";
import test from "ava";
import { attempt, root } from "../support/programs.ts";
import { Scratch } from "../support/scratch.ts";
import { complaint, readRecipes, scriptOf } from "./document.ts";
import { installedLayer, obstacle, removeCgroups, runOnMachine } from "./machine.ts";

/** docs/recipes.md, unchanged: every recipe on a machine of its own, with the real programs. */

/** They need a kernel of their own: see the tests of that name. */
const elsewhere = ["Verity from the first byte on"];

const scratch = new Scratch();
const problem = obstacle();
const recipes = readRecipes(join(root, "docs/recipes.md"));
const installed = problem === "" ? installedLayer(scratch) : "";

test.after.always(() => {
  scratch.remove();
  // LXC leaves the first behind, containerd the last, a container that is killed with its machine the others; used ones cannot be removed.
  attempt("sh", ["-c", "cd /sys/fs/cgroup && rmdir lxc.pivot */lxc.pivot lxc.*.box* */lxc.*.box* */default"]);
  removeCgroups();
});

test("the document has recipes, each with its output", (t) => {
  const titles = recipes.map(({ title }) => title);
  t.true(titles.length >= 6);
  t.deepEqual(
    elsewhere,
    titles.filter((title) => elsewhere.includes(title)),
  );
  for (const { title, steps } of recipes) for (const { prints } of steps) t.true(prints.length > 0, title);
});

for (const recipe of recipes.filter(({ title }) => !elsewhere.includes(title))) {
  const title = `${recipe.title}${problem === "" ? "" : ` (${problem})`}`;
  (problem === "" ? test : test.skip)(title, async (t) => {
    const { status, stdout, stderr } = await runOnMachine(scratch.fresh("machine"), installed, scriptOf(recipe));
    t.is(stderr, "", "the machine itself");
    t.is(complaint(recipe, stdout, status), "");
  });
}

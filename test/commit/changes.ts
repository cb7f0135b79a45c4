/** Random changes of a directory, as a program: `DIRECTORY SEED COUNT`. Prints one line for each. */
import { Random } from "../support/random.ts";
import { RandomTree } from "../support/trees/random.ts";

const [directory = "", seed = "", count = ""] = process.argv.slice(2);
const tree = new RandomTree(directory, new Random(Number(seed)), `-${seed}`);
for (let change = 0; change < Number(count); change++) console.log(tree.change());

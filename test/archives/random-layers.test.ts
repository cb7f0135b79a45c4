/** Random layers, right and wrong: umoci and `convert` make the same tree, or both refuse them. */
import { Random, runSeed } from "@puzzlefs/testing";
import test from "ava";
import { assertSameText, dumpDirectory, dumpImage } from "../support/compare.ts";
import { attempt, puzzlefs } from "../support/programs.ts";
import { Scratch } from "../support/scratch.ts";
import { makeImage } from "./layered-image.ts";
import { archive, dir, file, hardLink, symlink, whiteout, type Fields } from "./member.ts";
import { umociObstacle, unpack } from "./umoci.ts";

const scratch = new Scratch();
const obstacle = umociObstacle();
const images = 60;
test.after.always(() => scratch.remove());

/** Few names, so that members meet. */
const names = ["a", "b", "c", "d"];

function path(random: Random): string {
  return Array.from({ length: 1 + random.below(3) }, () => random.pick(names)).join("/");
}

function randomMember(random: Random): Fields {
  const name = path(random);
  const target = random.once(4) ? `/${path(random)}` : random.once(4) ? `../${path(random)}` : path(random);
  switch (random.below(9)) {
    case 0:
    case 1:
    case 2:
      return dir(name, { mode: random.pick([0o700, 0o755, 0o2775]), uid: random.below(3) });
    case 3:
    case 4:
      return file(name, `${random.below(1000)}`, { mode: random.pick([0o600, 0o4755]) });
    case 5:
      return symlink(name, target);
    case 6:
      return hardLink(name, path(random));
    case 7:
      return whiteout(name.replace(/[^/]+$/, ".wh.$&"));
    default:
      return random.once(2) ? whiteout(name.replace(/[^/]+$/, ".wh..wh..opq")) : { name, type: "6" };
  }
}

(obstacle === "" ? test : test.skip)(`${images} images of random layers${obstacle && ` (${obstacle})`}`, (t) => {
  let accepted = 0;
  for (let index = 0; index < images; index++) {
    const random = new Random(runSeed + index);
    const length = 1 + random.below(8);
    const layers = Array.from({ length: 3 }, () => [dir("./"), ...Array.from({ length }, () => randomMember(random))]);
    const layout = scratch.directory("layout");
    makeImage(
      layout,
      layers.map((members) => archive(...members)),
    );
    const what = `image ${index}: ${JSON.stringify(layers)}`;
    let unpacked: string | undefined;
    try {
      unpacked = unpack(layout, "image", scratch.fresh("bundle"));
    } catch {
      unpacked = undefined;
    }
    const { status, stderr } = attempt(puzzlefs, ["convert", `${layout}:image`, `${layout}:converted`]);
    if (unpacked === undefined) {
      t.is(status, 3, what);
      t.regex(stderr, /layer sha256:[0-9a-f]{64}, byte \d+: /, what);
      continue;
    }
    accepted++;
    t.is(status, 0, `${what}\n${stderr}`);
    // Times of directories that are only implied are umoci's of now.
    assertSameText(t, dumpImage(`${layout}:converted`, "--no-times"), dumpDirectory(unpacked, "--no-times"), what);
  }
  t.true(accepted >= images / 10, `${accepted} images`);
});

/** unionmount-testsuite: an overlay whose lower layer is an image, changed in every way that its authors thought of. */
import { mkdirSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { lowerOptions } from "../guest.ts";
import { runInDebian } from "../debian.ts";
import { quoted } from "../target.ts";
import type { Preparation, Run, Suite } from "../suite.ts";

const name = "unionmount";
const repository = "unionmount-testsuite";
const atSuite = `/suites/${repository}`;
const minutes = 60_000;

interface SetUp {
  name: string;
  /** For the suite; `--squashfs` is where the stand-ins for mount and mksquashfs take over. */
  arguments: string;
  /** Options for overlays, in addition to those that the arguments mean. */
  options?: string;
}

const setUps: readonly SetUp[] = [
  { name: "plain", arguments: "--ov --squashfs" },
  { name: "xino, index, inodes verified", arguments: "--ov --squashfs --xino --verify" },
  { name: "NFS export", arguments: "--ov --squashfs", options: "index=on,nfs_export=on" },
  { name: "metacopy, layers rotated", arguments: "--ov=2 --squashfs --meta --verify" },
  { name: "slashes at the end, no redirects", arguments: "--ov --squashfs --ts=1 --xdev" },
];

/** The suite's own function makes its lower layer; Python, for its modules. */
const makeLower = `
import os, sys
sys.path.insert(0, "${atSuite}")
os.environ["UNIONMOUNT_LOWERDIR"] = "/lower"
from settings import config
from context import test_context
from set_up import set_up
settings = config("run")
settings.set_testing_overlayfs()
set_up(test_context(settings))
`;

function prepare({ debian, material, sources }: Preparation): void {
  const lower = material.fresh("lower");
  mkdirSync(lower);
  const binds = new Map([
    ["/dev", "/dev"],
    [lower, "/lower"],
    [join(sources, repository), atSuite],
  ]);
  runInDebian(debian, binds, `python3 -B -c ${quoted(makeLower)}`);
  material.addLower(lower);
}

/** The tests that a run announced, in order: "*** ./run --ov=2 … NAME" for the overlay whose layers are rotated. */
function announced(stdout: string): { test: string; title: string }[] {
  return [...stdout.matchAll(/^\*\*\* \S*run --ov(=\d+)?.* (\S+)\n/gm)].map(([, rotated, test]) => ({
    test,
    title: rotated === undefined ? test : `${test}, rotated`,
  }));
}

function command(setUp: SetUp, options: string, tests: readonly string[]): string {
  const environment = [
    `LOWER_OPTIONS=${options}`,
    "PATH=/suites/stand-ins:$PATH",
    ...(setUp.options === undefined ? [] : [`UNIONMOUNT_MNTOPTIONS=${setUp.options}`]),
  ];
  const run = `${environment.join(" ")} python3 -B ./run ${setUp.arguments} ${tests.join(" ")}`;
  return `mkdir -p /lower /upper; cd ${atSuite} && ${run}; status=$?; python3 -B ./run --clean-up >/dev/null; exit $status`;
}

/** The tests of one way; the suite stops at a failure, and is started again behind it. */
async function runAll({ target, report, material, sources }: Run, setUp: SetUp): Promise<void> {
  const all = readdirSync(join(sources, repository, "tests"))
    .filter((file) => file.endsWith(".py"))
    .map((file) => file.slice(0, -3))
    .sort();
  let left = all.filter((test) => !report.excludes(target, name, `${setUp.name}: ${test}`));
  while (left.length > 0) {
    const words = command(setUp, lowerOptions(material), left);
    let [text, passed] = ["", 0];
    // A test is over when the next is announced.
    const pass = (count: number): void => {
      for (const { title } of announced(text).slice(passed, count)) {
        report.add(target, name, `${setUp.name}: ${title}`, undefined);
        passed++;
      }
    };
    const outcome = await target.run(words, 45 * minutes, (more) => {
      text += more;
      pass(announced(text).length - 1);
    });
    const began = announced(outcome.stdout);
    if (outcome.status === 0) return pass(began.length);
    const failed = began.at(-1);
    const said = [...outcome.stdout.trimEnd().split("\n").slice(-12), outcome.stderr, `$ ${words}`].join("\n");
    report.add(target, name, `${setUp.name}: ${failed?.title ?? "start"}`, said);
    left = failed === undefined ? [] : left.slice(left.indexOf(failed.test) + 1);
  }
}

/** Closing the target shows whether the overlays released the image: the driver must be unused by then. */
export const unionmount: Suite = {
  name,
  needs: [
    { name: repository, directory: ".", files: ["run", "set_up.py"] },
    { name: "stand-ins", directory: resolve(import.meta.dirname, "../stand-ins"), files: [] },
  ],
  driverOnly: true,
  prepare,
  run: async (run) => {
    for (const setUp of setUps) await runAll(run, setUp);
  },
};

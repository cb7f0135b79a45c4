/** Blobs go bad while an image is mounted: EIO on exactly the right files, soon, with a line in the log; all else works. */
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { isRoot, missing } from "../support/programs.ts";
import { Scratch } from "../support/scratch.ts";
import { type Backend, backends, look } from "../posix/backends.ts";
import { type Fault, faults } from "./faults.ts";
import { type File, Material, type Way } from "./material.ts";
import type { Observation } from "./observe.ts";

/** Milliseconds for a file. It takes a few; nothing in between waits for anything, so what takes longer hangs. */
const soon = 60_000;
const scratch = new Scratch();
let material: Material | undefined;

test.before(() => {
  if (isRoot) material = new Material(scratch);
});

test.after.always(() => scratch.remove());

for (const fault of faults) {
  const backend = backends.find(({ name }) => name === (fault.asNobody === true ? "FUSE as nobody" : "FUSE as root"));
  const wanted = fault.onLoopDevice === true ? ["/dev/loop-control", "fallocate", "filefrag", "mkfs.ext4"] : [];
  const lacks = [backend?.obstacle ?? "a backend", ...missing(...wanted)].filter((text) => text !== "");
  for (const way of fault.ways) {
    const title = `${way}: ${fault.name}`;
    if (lacks.length > 0 || backend === undefined)
      test.serial.skip(`${title} (needs ${lacks.join(", ")})`, () => undefined);
    else test.serial(title, (t) => play(t, fault, way, backend));
  }
}

function play(t: ExecutionContext, fault: Fault, way: Way, backend: Backend): void {
  if (material === undefined) throw new Error("there are no images");
  const files = material.files(way);
  const directory = scratch.directory("case");
  mkdirSync(join(directory, "out"));
  const { status, stderr } = look(scratch, backend, "unused", script(fault), {
    options: `${fault.options ?? ""} --log-file $log`,
    before: preparation(fault, way, directory),
  });
  t.is(status, 0, stderr);
  const blob = readFileSync(join(directory, "out/blob"), "utf8").trim();
  const affected = new Set(files.filter((file) => isAffected(fault, file, blob)).map(({ path }) => path));
  if (fault.affected === "none") t.is(affected.size, 0);
  else
    t.true(
      affected.size > 0 && (fault.affected === "all" || affected.size < files.length),
      `${affected.size} affected files`,
    );
  assertObserved(t, join(directory, "out/damaged"), files, affected);
  if (fault.repair !== undefined) assertObserved(t, join(directory, "out/repaired"), files, new Set());
  const log = readFileSync(join(directory, "out/log"), "utf8");
  if (fault.withoutLog === true) {
    t.is(log, "");
    return;
  }
  const errors = log.split("\n").filter((line) => / error /.test(line));
  t.is(errors.length > 0, affected.size > 0, log);
  if (fault.affected !== "all") for (const line of errors) t.true(line.includes(`blob sha256:${blob}`), line);
}

/** Each file is as it should be, and none took long. */
function assertObserved(t: ExecutionContext, report: string, files: File[], affected: ReadonlySet<string>): void {
  const observations = JSON.parse(readFileSync(report, "utf8")) as Observation[];
  t.is(observations.length, files.length);
  const wrong = observations.filter(({ path, outcome }) => outcome !== (affected.has(path) ? "EIO" : "right"));
  const some = wrong.slice(0, 5).map(({ path, outcome }) => `${path}: ${outcome}`);
  t.deepEqual(
    some,
    [],
    `${wrong.length} of ${files.length} files, of which ${affected.size} cannot be read: ${report}`,
  );
  const slow = observations.filter(({ milliseconds }) => milliseconds > soon);
  t.deepEqual(slow, [], "what took too long");
}

function isAffected(fault: Fault, { runs }: File, blob: string): boolean {
  switch (fault.affected) {
    case "none":
      return false;
    case "all":
      return true;
    case "users":
      return runs.some((run) => run.blob === blob);
    case "users of the second half":
      return runs.some((run) => run.blob === blob && run.end > half(blob));
  }
}

function half(blob: string): number {
  return Math.floor((material?.blobSize(blob) ?? 0) / 2);
}

/** Sets the variables that the table's commands use; puts the store where it is to be. */
function preparation(fault: Fault, way: Way, directory: string): string {
  const { store = "", expected = "" } = material ?? {};
  const digest = material?.sharedBlob(way) ?? "";
  const chunks = new Set(material?.files(way).flatMap(({ runs }) => runs.map(({ blob }) => blob)));
  return `
scratch=${directory} out=${directory}/out pristine=${store} store=${directory}/store log=${directory}/log
expected=${expected} blob= chunks='${[...chunks].join(" ")}'
chmod 777 $scratch
${fault.prepare ?? "cp -a $pristine $store"}
image=$store:${way} blob=\${blob:-$store/blobs/sha256/${digest}} original=$pristine/blobs/sha256/$(basename $blob)
original=$pristine/blobs/sha256/$(basename $blob) half=$(($(stat -c %s $blob) / 2))
basename $blob >$out/blob
options=$(echo $options | sed "s|[$]log|$log|")
observe() { timeout -k 1 600 $user $node $checkout/test/faults/observe.ts $at $expected; }`;
}

function script(fault: Fault): string {
  return [
    fault.warm === true ? "observe >/dev/null" : "",
    fault.damage,
    "observe >$out/damaged",
    ...(fault.repair === undefined ? [] : [fault.repair, "observe >$out/repaired"]),
    "cat $log >$out/log",
  ].join("\n");
}

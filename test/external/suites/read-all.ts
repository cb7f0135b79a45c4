/** LTP's read_all: several workers read the beginning of every file, each file several times. */
import { guestPaths, imageNames } from "../target.ts";
import type { Case } from "../report.ts";
import type { Suite } from "../suite.ts";

const program = "/suites/ltp/read_all";
const minutes = 60_000;

/** It prints a summary, in which a broken or timed out worker is counted. */
function casesOn(image: string): Case[] {
  const at = guestPaths.image(image);
  const cases = [
    { name: "every file, as root", options: "" },
    { name: "every file three times, eight workers", options: "-r 3 -W 8" },
    { name: "every file, as nobody", options: "-p" },
  ];
  return cases.map(({ name, options }) => ({
    name: `${image}: ${name}`,
    command: `echo 3 >/proc/sys/vm/drop_caches; cd /tmp && ${program} -q -d ${at} ${options} -t 60000`,
    judge: ({ status, stdout, stderr }) => {
      const summary = /passed\s+(\d+)[^]*failed\s+(\d+)[^]*broken\s+(\d+)/.exec(stdout + stderr);
      const [passed, failed, broken] = (summary ?? []).slice(1).map(Number);
      return status === 0 && passed > 0 && failed === 0 && broken === 0 ? undefined : `exit status ${status}`;
    },
    timeout: 15 * minutes,
  }));
}

export const readAll: Suite = {
  name: "LTP read_all",
  needs: [{ name: "ltp", directory: "testcases/kernel/fs/read_all", files: ["read_all"] }],
  driverOnly: false,
  run: async ({ target, report }) => report.runCases(target, "LTP read_all", imageNames.flatMap(casesOn)),
};

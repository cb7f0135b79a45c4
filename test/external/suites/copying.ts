/** Programs that copy and compare trees find no difference between a mounted image and what it was made of. */
import { differences, outputs } from "../../posix/programs.ts";
import { sameOutput, silent } from "../compare.ts";
import { guestPaths, imageNames } from "../target.ts";
import type { Case } from "../report.ts";
import type { Suite } from "../suite.ts";

const minutes = 60_000;

function casesOn(image: string): Case[] {
  const same = outputs.map(({ name, command }) => ({ name, command: sameOutput(image, command) }));
  const pairs = differences(guestPaths.source, guestPaths.image(image), "/tmp/copy");
  return [...same, ...pairs].map(({ name, command }) => ({
    name: `${image}: ${name}`,
    command,
    judge: silent,
    timeout: 10 * minutes,
  }));
}

export const copying: Suite = {
  name: "copying",
  needs: [],
  driverOnly: false,
  run: async ({ target, report }) => report.runCases(target, "copying", imageNames.flatMap(casesOn)),
};

/** fio verifies what it wrote before an image was made of it: every block carries its sha256. */
import { fioFiles, fioVerify } from "../../posix/programs.ts";
import { guestPaths, imageNames } from "../target.ts";
import type { Case } from "../report.ts";
import type { Suite } from "../suite.ts";

const engines = ["psync", "mmap", "io_uring", "libaio", "splice", "pvsync2"] as const;

function casesOn(image: string): Case[] {
  return Object.keys(fioFiles).flatMap((file) =>
    engines.map((engine) => ({
      name: `${image}: ${file}, ${engine}`,
      command: fioVerify(`${guestPaths.image(image)}/fio/${file}`, engine),
    })),
  );
}

export const fio: Suite = {
  name: "fio",
  needs: [],
  driverOnly: false,
  run: async ({ target, report }) => report.runCases(target, "fio", imageNames.flatMap(casesOn)),
};

/** fio verifies what it wrote before an image was made of it: every block carries its sha256. */
import { fioBlock, fioFiles } from "../material.ts";
import { guestPaths, imageNames } from "../place.ts";
import type { Case } from "../report.ts";
import type { Suite } from "../suite.ts";

const engines = ["psync", "mmap", "io_uring", "libaio", "splice", "pvsync2"] as const;

/** Pattern of reads, and their size; one after the other in one process, each with the file's pages dropped before. */
const reads = [
  ["read", "1m"],
  ["randread", "4k"],
  ["randread", "64k"],
] as const;

function command(file: string, engine: string): string {
  const verify = `--verify=sha256 --verify_interval=${fioBlock} --verify_fatal=1`;
  const jobs = reads.map(([pattern, size]) => `--name=${pattern}-${size} --stonewall --rw=${pattern} --bs=${size}`);
  return `fio --readonly --filename=${file} --ioengine=${engine} --iodepth=8 --invalidate=1 ${verify} ${jobs.join(" ")}`;
}

function casesOn(image: string): Case[] {
  return Object.keys(fioFiles).flatMap((file) =>
    engines.map((engine) => ({
      name: `${image}: ${file}, ${engine}`,
      command: command(`${guestPaths.image(image)}/fio/${file}`, engine),
    })),
  );
}

export const fio: Suite = {
  name: "fio",
  needs: [],
  driverOnly: false,
  run: async ({ place, report }) => report.runCases(place, "fio", imageNames.flatMap(casesOn)),
};

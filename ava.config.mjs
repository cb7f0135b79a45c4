import { randomInt } from "node:crypto";

// test/run.ts sets and prints it.
process.env.PUZZLEFS_SEED ??= String(randomInt(2 ** 31));

export default {
  extensions: ["ts"],
  files: [
    "packages/*/src/**/*.test.ts",
    "test/**/*.test.ts",
    ...(process.env.PUZZLEFS_DEBUG_KERNEL === undefined ? ["!test/kernel-debug/**"] : []),
  ],
  // Without any test ending. On an idle machine the longest takes two minutes; a busy one takes longer.
  timeout: "15m",
  workerThreads: false,
  require: ["./test/costs.ts"],
  concurrency: 2,
  // The longest files are those of test/store, test/mounting and test/kernel; one that started last would run alone. Those of packages are short.
  sortTestFiles: (one, other) => (one < other ? 1 : -1),
};

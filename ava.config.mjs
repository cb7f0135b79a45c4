export default {
  extensions: ["ts"],
  files: ["packages/*/src/**/*.test.ts", "test/**/*.test.ts"],
  timeout: "5m",
  workerThreads: false,
  concurrency: 2,
};

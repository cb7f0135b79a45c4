export { build } from "./build.ts";
export { BuildError } from "./errors.ts";
export { parseMtime, type BuildOptions, type BuildResult, type MtimePolicy, type Progress } from "./options.ts";

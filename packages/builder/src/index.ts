export { build } from "./build.ts";
export { BuildError } from "./errors.ts";
export { type Omission } from "./omissions.ts";
export { parseMtime, type BuildOptions, type BuildResult, type MtimePolicy, type Progress } from "./options.ts";
